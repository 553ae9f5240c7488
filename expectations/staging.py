"""Suites of the staging gate: one for each staging and intermediate model, derived from the dbt project.

Staging keeps every version known at the build's `as_of`, so its rows are counted against raw. Keys stay with dbt wherever its
YAML tests them; here stands what needs a second table, the build's `as_of`, or a report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from expectations.check import (
    BuildUnderCheck,
    Check,
    Severity,
    Suite,
    day,
    has_rows,
    identifier,
    query,
)
from expectations.history import with_history
from expectations.marts import bounds_kept, known_by_as_of
from expectations.project import PROJECT, Model, feeds_behind, read_models
from ingest.feeds import FEEDS

# Share of a house's shares that it still holds a quarter later, whatever it trades.
LEAST_SHARES_KEPT = 0.5

# Days after a quarter's end by which its holdings have been filed: 45, and a few where that is no business day.
FILING_DAYS = 50


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
    checks += [*known_by_as_of(build, model, columns), *bounds_kept(model, columns)]
    if model.name in RECONCILIATIONS:
        checks += RECONCILIATIONS[model.name](build)
    suite = Suite(name, model.schema, model.name, tuple(checks))
    # lines of filings never change, and are too many to be counted again at each build
    is_filed = any(FEEDS[feed].filing_of for feed in model.feeds if feed in FEEDS)
    return suite if is_filed else with_history(build, suite, model.grain)


def _groups_keep_their_shares(build: BuildUnderCheck) -> list[Check]:
    """A house that changes its filers looks like one that sells: no house sells so much in a quarter."""
    return [
        Check(
            "groups_keep_their_shares",
            f"No house of managers reports less than {LEAST_SHARES_KEPT:.0%} of the shares of the quarter before, or stops reporting; if one does, look "
            "whether it files under another number or as notices, and extend the seed filer_group.",
            "warning",
            query(
                f"""
                with quarters as (
                    select
                        *,
                        row_number() over (partition by group_id order by observation_date desc) as age,
                        max(observation_date) over () as newest_quarter
                    from {{batch}}
                )
                select group_id, observation_date, filers, notices, shares, shares_kept
                from quarters
                where
                    shares_kept < {LEAST_SHARES_KEPT}
                    or (age = 1 and observation_date < newest_quarter and {day(build.as_of.date())} > newest_quarter + {FILING_DAYS})
                order by observation_date desc
                """
            ),
        )
    ]


# What must hold of one model by the meaning of its rows, written by hand.
RECONCILIATIONS: Mapping[str, Callable[[BuildUnderCheck], list[Check]]] = {"int_filer_group_quarter": _groups_keep_their_shares}


def _has_rows_warning() -> Check:
    # a model may need a series or a length of history that the landed files do not hold
    severity: Severity = "warning"
    return Check(
        "has_rows_where_inputs_have",
        "The model has rows, as at least one feed behind it has.",
        severity,
        "select 'no rows' as finding\nfrom (select count(*) as rows_found from {batch}) as counted\nwhere rows_found = 0",
    )


def _rows_as_in_raw(build: BuildUnderCheck, model: Model) -> Check:
    condition = f" and ({model.source_condition})" if model.source_condition else ""
    tables = [feed for feed in sorted(model.feeds) if ("raw", feed) in build.columns]
    counts = [f"select count(*) as rows_found from raw.{identifier(feed)} where {_known(build, feed)}{condition}" for feed in tables]
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


def _known(build: BuildUnderCheck, feed: str) -> str:
    """SQL condition: the raw row was known at the build's as-of; a line of a filing is known with its filing."""
    declared = FEEDS.get(feed)
    if declared is None or not declared.filing_of:
        return build.known
    key = identifier(declared.key[0])
    return f"{key} in (select {key} from raw.{identifier(declared.filing_of)} where {build.known})"


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
