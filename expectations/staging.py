"""Suites of the staging gate: one for each staging and intermediate model, derived from the dbt project.

Staging keeps every version known at the build's `as_of`, so its rows are counted against raw. Keys stay with dbt wherever its
YAML tests them; here stands what needs a second table, the build's `as_of`, or a report.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from expectations.check import (
    BuildUnderCheck,
    Check,
    Severity,
    Suite,
    has_rows,
    identifier,
    identifiers,
    key_present,
    key_unique,
    query,
    timestamp,
)
from expectations.marts import bounds_kept
from expectations.project import PROJECT, Model, feeds_behind, read_models


def suites(build: BuildUnderCheck, project: Path = PROJECT) -> list[Suite]:
    """The suites of the staging gate: `staging.<model>` and `intermediate.<model>`."""
    models = read_models(project)
    return [model_suite(build, model, models) for model in models.values() if model.layer in ("staging", "intermediate")]


def model_suite(build: BuildUnderCheck, model: Model, models: Mapping[str, Model]) -> Suite:
    """The suite of one model; not run when none of the feeds behind it has been loaded."""
    name = f"{model.layer}.{model.name}"
    feeds = feeds_behind(model, models)
    present = [feed for feed in sorted(feeds) if build.feeds.get(feed) == "landed"]
    if feeds and not present:
        return Suite(name, model.schema, model.name, skipped=f"absent: no file has been loaded for {', '.join(sorted(feeds))}")
    if (model.schema, model.name) not in build.columns:
        return Suite(name, model.schema, model.name, skipped="the model has not been built", skipped_severity="critical")
    columns = build.columns[model.schema, model.name]
    checks: list[Check] = []
    if model.layer == "staging":
        checks.append(has_rows("The model has rows, as its feed has files."))
        if model.feeds:
            checks.append(_rows_as_in_raw(build, model))
        if "file_id" in columns:
            checks.append(_file_known())
    else:
        checks.append(_has_rows_warning())
    if not model.grain_tested_by_dbt:
        checks += [key_unique(model.grain), key_present(model.grain)]
    if "available_at" in columns:
        checks.append(_known_by_as_of(build, model))
    checks += bounds_kept(model, columns)
    return Suite(name, model.schema, model.name, tuple(checks))


def _has_rows_warning() -> Check:
    # a model may need a series or a length of history that the landed files do not hold
    severity: Severity = "warning"
    return Check(
        "has_rows_where_inputs_have",
        "The model has rows, as at least one feed behind it has.",
        severity,
        "select 'no rows' as finding\nfrom (select count(*) as rows_found from {batch}) as counted\nwhere rows_found = 0",
    )


def _known_by_as_of(build: BuildUnderCheck, model: Model) -> Check:
    return Check(
        "known_by_as_of",
        f"No row became known after the build's as-of, {build.as_of:%Y-%m-%d %H:%M:%S} UTC.",
        "critical",
        f"select {identifiers(model.grain)}, available_at\nfrom {{batch}}\nwhere available_at > {timestamp(build.as_of)}",
    )


def _rows_as_in_raw(build: BuildUnderCheck, model: Model) -> Check:
    condition = f" and ({model.source_condition})" if model.source_condition else ""
    tables = [feed for feed in sorted(model.feeds) if ("raw", feed) in build.columns]
    counts = [f"select count(*) as rows_found from raw.{identifier(feed)} where {build.known}{condition}" for feed in tables]
    kept = f" where {model.source_condition}" if model.source_condition else ""
    return Check(
        "rows_as_in_raw",
        f"The model has as many rows as {', '.join(f'raw.{feed}' for feed in tables)} had at the build's as-of{kept}.",
        "critical",
        query(
            """
            with raw_rows as (
                <counts>
            ),
            model_rows as (
                select count(*) as rows_found from {batch}
            )
            select sum(raw_rows.rows_found) as rows_in_raw, min(model_rows.rows_found) as rows_in_model
            from raw_rows
            cross join model_rows
            having rows_in_raw <> rows_in_model
            """
        ).replace("<counts>", "\n    union all\n    ".join(counts)),
    )


def _file_known() -> Check:
    return Check(
        "file_known",
        "Every row names a file of meta.file.",
        "critical",
        query(
            """
            select file_id, count(*) as rows_found
            from {batch}
            where file_id is null or file_id not in (select files.file_id from meta.file as files)
            group by file_id
            """
        ),
    )
