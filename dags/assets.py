"""What the DAGs make, as Airflow assets: the way of the data from the providers' files to the published build.

An event of an asset says that its task has succeeded. The gates stand between the tables and `ebbtide.published`, so that asset is
the one to schedule another DAG on: its event carries the build and what it found (`warehouse.refresh.published_facts`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, get_current_context

# The typed settings would be imported by every reading of a DAG file.
IN_LAKE = bool(os.environ.get("EBBTIDE_LAKE_URL"))

FEEDS_DIR = Path(__file__).resolve().parent.parent / "ingest" / "feeds"


def providers() -> list[str]:
    """Providers that have feeds, in alphabetical order: the modules of `ingest/feeds`, found without importing them."""
    return sorted(path.stem for path in FEEDS_DIR.glob("[a-z]*") if path.suffix == ".py" or (path / "__init__.py").exists())


def _asset(name: str, holds: str) -> Asset:
    return Asset(f"ebbtide.{name}", uri=f"x-ebbtide://{name.replace('.', '/')}", group=f"ebbtide {name.partition('.')[0]}", extra={"holds": holds})


LANDED = {name: _asset(f"landed.{name}", f"files of the provider {name}, as they were received") for name in providers()}
RAW = _asset("raw", "every version of every row, a table a feed")
STAGING = _asset("staging", "typed, named, versioned observations")
MARTS = [
    _asset("marts.signals", "signals, Retreat Index, positions, claims"),
    _asset("marts.migration", "where capital goes"),
    _asset("marts.valuation", "discount rates, valuations, multiples"),
    _asset("marts.scenarios", "what may come"),
]
QUALITY = _asset("quality", "results of the gates, in quality.validation_result and as Data Docs")
PUBLISHED = _asset("published", "the checked build that readers see, published/current.duckdb")
REPORT = _asset("report", "the morning report on that build, report/index.html")


# What each task of a refresh reads and makes, in the order of the way. The copy in PostgreSQL is no step of it: where none is asked for, its
# task succeeds without having made one.
WAY: dict[str, tuple[list[Asset], list[Asset]]] = {
    **{f"fetch.{provider}": ([], [landed]) for provider, landed in LANDED.items()},
    "raw.load": (list(LANDED.values()), [RAW]),
    "raw.gate": ([RAW], [QUALITY]),
    "staging.build": ([RAW], [STAGING]),
    "staging.gate": ([STAGING], [QUALITY]),
    "marts.build": ([STAGING], MARTS),
    "marts.gate": (MARTS, [QUALITY]),
    "publish": ([*MARTS, QUALITY], [PUBLISHED]),
    "report": ([PUBLISHED], [REPORT]),
}


def declare_assets(dag: DAG, tasks: Iterable[str] = tuple(WAY)) -> None:
    """Give tasks of `dag` the assets of `WAY`."""
    for name in tasks:
        operator = dag.get_task(name)
        operator.inlets, operator.outlets = WAY[name]


def say(asset: Asset, facts: Mapping[str, Any]) -> None:
    """Put facts into the event that the running task brings for `asset` when it succeeds, if it brings one."""
    context = get_current_context()
    if asset in context["task"].outlets:
        context["outlet_events"][asset].extra.update(facts)
