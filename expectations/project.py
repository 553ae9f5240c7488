"""What the gates read from the dbt project: each model's grain, bounds and inputs, from its YAML and SQL.

Read from the files rather than from dbt's manifest, so that a gate needs neither dbt nor a compiled project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"

# the safe loader in C is about ten times as fast, where PyYAML was built with it
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_REF = re.compile(r"""\bref\(\s*['"](\w+)['"]\s*\)""")
# a name completed in a loop: every model whose name starts like this
_REF_PREFIX = re.compile(r"""\bref\(\s*['"](\w+)['"]\s*~""")
# a name that only dbt could tell: the inputs of the model would stay unknown
_REF_OF_VARIABLE = re.compile(r"\bref\(\s*(\w+)\s*\)")
_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\((.*?){%-?\s*endmacro", re.DOTALL)
_CALL = re.compile(r"\b(\w+)\(")
_SOURCE = re.compile(r"""\bsource\(\s*['"](?!meta['"])\w+['"]\s*,\s*['"](\w+)['"]\s*\)""")


@dataclass(frozen=True)
class Bounds:
    """Least and greatest value a column may take, in the column's unit; None where it has none."""

    minimum: float | None
    maximum: float | None


@dataclass(frozen=True)
class Column:
    """A column as the YAML declares it. `values` are all it may take, where they are listed; `type` is empty where no contract fixes it."""

    name: str
    type: str
    unit: str
    description: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """One dbt model as its YAML and SQL declare it.

    Parameters
    ----------
    layer
        First folder under `models`: staging, intermediate or marts.
    schema
        Folder under `marts` for a mart, otherwise the layer.
    grain
        Columns that identify a row (`config.meta.grain`).
    grain_tested_by_dbt
        Whether dbt tests, as it builds the model, that the grain is unique and never null (macro `check_grain`).
    bounds
        Columns with a `config.meta.minimum` or `maximum`.
    source_condition
        Which raw rows a staging model keeps (`config.meta.source_condition`, SQL on raw columns); None when it keeps all.
    rows_from
        Feeds without which a mart has no rows (`config.meta.rows_from`), where others only fill columns beside them; empty where a row is an event, so that
        none is as good as one; None when every feed behind it makes rows.
    refs, ref_prefixes, feeds
        Models, beginnings of names of models (a `ref` completed in a loop) and raw tables the SQL reads directly.
    macro_refs
        Models that macros read for it.
    """

    name: str
    layer: str
    schema: str
    description: str
    columns: tuple[Column, ...]
    grain: tuple[str, ...]
    grain_tested_by_dbt: bool
    bounds: Mapping[str, Bounds]
    source_condition: str | None
    rows_from: frozenset[str] | None
    refs: frozenset[str]
    ref_prefixes: frozenset[str]
    feeds: frozenset[str]
    macro_refs: frozenset[str]


class ProjectError(Exception):
    """The dbt project's files do not say what a gate needs; the message names the model and what to add."""


def read_models(project: Path = PROJECT) -> Mapping[str, Model]:
    """Every SQL or Python model of the project, by name; read once a process while its files stay as they are.

    Raises ProjectError when a model has no YAML entry or no grain, or reads a model whose name only dbt could tell.
    """
    return _read_models(project, files_of(project))


def files_of(project: Path) -> tuple[tuple[Path, int], ...]:
    """The files of a project in their order, and when each was changed last (ns): what was read of them holds while these are the same."""
    return tuple((path, path.stat().st_mtime_ns) for path in sorted(project.rglob("*")) if path.is_file())


@lru_cache(maxsize=1)
def _read_models(project: Path, files: tuple[tuple[Path, int], ...]) -> Mapping[str, Model]:
    """The models that lie in these files, as they were changed last."""
    folder = project / "models"
    of_models = [path for path, _ in files if path.is_relative_to(folder)]
    declared: dict[str, dict[str, Any]] = {}
    for path in of_models:
        if path.suffix in (".yml", ".yaml"):
            text = path.read_text(encoding="utf-8")
            # unit tests are half of it all, and parsing takes longer than the queries of a small gate
            content = (yaml.load(text, Loader=_LOADER) or {}) if "models:" in text else {}
            declared.update({entry["name"]: entry for entry in content.get("models") or []})
    of_macros = [path for path, _ in files if path.suffix == ".sql" and path.is_relative_to(project / "macros")]
    macros = {name: body for path in of_macros for name, body in _MACRO.findall(path.read_text(encoding="utf-8"))}
    models = {}
    for path in of_models:
        if path.suffix in (".sql", ".py"):
            if path.stem not in declared:
                raise ProjectError(f"model {path.stem} ({path.relative_to(project)}) has no entry in a YAML file beside it")
            models[path.stem] = _model(path, folder, declared[path.stem], macros)
    return {name: _with_completed_refs(model, models) for name, model in models.items()}


def feeds_behind(model: Model, models: Mapping[str, Model], *, through_macros: bool = False) -> frozenset[str]:
    """Raw tables a model rests on, directly or through other models.

    What macros read adds columns beside the rows of a model, and no rows: a gate that asks whether there should be rows leaves it out, lineage does not.
    """
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [model]
    while waiting:
        current = waiting.pop()
        if current.name in seen:
            continue
        seen.add(current.name)
        found |= current.feeds
        refs = current.refs | current.macro_refs if through_macros else current.refs
        waiting.extend(models[name] for name in refs if name in models)
    return frozenset(found)


def _with_completed_refs(model: Model, models: Mapping[str, Model]) -> Model:
    completed = {name for name in models for prefix in model.ref_prefixes if name.startswith(prefix)}
    return replace(model, refs=model.refs | completed)


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return (entry.get("config") or {}).get("meta") or entry.get("meta") or {}


def _column(entry: Mapping[str, Any]) -> Column:
    accepted = [test["accepted_values"] for test in entry.get("data_tests") or [] if isinstance(test, dict) and "accepted_values" in test]
    values = [str(value) for test in accepted for value in (test.get("arguments") or test)["values"]]
    return Column(entry["name"], entry.get("data_type", ""), str(_meta(entry).get("unit", "")), entry.get("description", ""), tuple(values))


def _called(text: str, macros: Mapping[str, str]) -> str:
    """The text of the macros that a text calls, and of those that they call."""
    waiting, found = [text], dict[str, str]()
    while waiting:
        current = waiting.pop()
        called = set(_CALL.findall(current)) - found.keys()
        new = {name: body for name, body in macros.items() if name in called}
        found |= new
        waiting += new.values()
    return "\n".join(found.values())


def _model(path: Path, folder: Path, entry: Mapping[str, Any], macros: Mapping[str, str]) -> Model:
    parts = path.relative_to(folder).parts
    meta = _meta(entry)
    grain = meta.get("grain")
    if not grain:
        raise ProjectError(f"model {path.stem} has no config.meta.grain in its YAML: list the columns that identify a row")
    columns = entry.get("columns") or []
    bounds = {
        column["name"]: Bounds(_meta(column).get("minimum"), _meta(column).get("maximum")) for column in columns if {"minimum", "maximum"} & set(_meta(column))
    }
    text = path.read_text(encoding="utf-8")
    if unreadable := _REF_OF_VARIABLE.search(text):
        raise ProjectError(
            f"model {path.stem} reads ref({unreadable[1]}), a name the gates cannot read: write ref('<model>') out, for example in the list it loops over"
        )
    return Model(
        name=path.stem,
        layer=parts[0],
        schema=parts[1] if parts[0] == "marts" and len(parts) > 2 else parts[0],
        description=entry.get("description", ""),
        columns=tuple(_column(column) for column in columns),
        grain=tuple(grain),
        grain_tested_by_dbt=meta.get("grain_tested", True),
        bounds=bounds,
        source_condition=meta.get("source_condition"),
        rows_from=frozenset(meta["rows_from"]) if "rows_from" in meta else None,
        refs=frozenset(_REF.findall(text)),
        ref_prefixes=frozenset(_REF_PREFIX.findall(text)),
        feeds=frozenset(_SOURCE.findall(text)),
        macro_refs=frozenset(_REF.findall(_called(text, macros))),
    )
