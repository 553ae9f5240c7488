"""Sample worlds of other seeds, built without dbt: for showing that the gates raise no alarm over a world that is sound.

A refresh of a world costs a minute, most of it dbt's own work around each model and the tests that dbt runs. Here the statements that dbt
compiled and ran for one home are run again, in the order of its manifest, over the raw tables of another world: they are the same for
every build, since models read the as-of from `meta.build_in_progress`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from ingest.feeds import FEEDS, PROVIDERS
from ingest.landing import Landing
from ingest.load import load_landed
from ingest.source import SampleSource
from warehouse.build import start_build
from warehouse.connection import connect
from warehouse.settings import Settings
from warehouse.sql import literal


def build_world(compiled: Path, folder: Path, seed: int, first_year: int) -> Settings:
    """Render, land and load the sample world of `seed` in `folder`, and build its models; returns the settings of that home.

    `compiled` is a home refreshed by this version of the project: its dbt folder holds the statements of every model, and its warehouse
    the seeds. The marts lie in `next_mart_path`, as before publishing.
    """
    settings = Settings(home_setting=folder, sample_seed=seed, sample_first_year=first_year)
    settings.published_dir.mkdir(parents=True)
    landing = Landing(settings.landing_dir)
    for provider in PROVIDERS:
        landing.land(SampleSource(settings).fetch(provider), "sample")
    with connect(settings) as connection:
        build_id = start_build(connection, settings)
        load_landed(connection, list(FEEDS.values()), landing, build_id)
        connection.execute(f"attach {literal(compiled / 'warehouse.duckdb')} as compiled (read_only)")
        connection.execute(f"attach {literal(settings.next_mart_path)} as mart")
        for node in _in_order(compiled):
            _build(connection, compiled, node)
    return settings


def _in_order(compiled: Path) -> Iterator[dict[str, Any]]:
    """Seeds and models of the project, each after those it reads."""
    manifest = json.loads((compiled / "dbt" / "manifest.json").read_text(encoding="utf-8"))
    nodes = {name: node for name, node in manifest["nodes"].items() if node["resource_type"] in ("seed", "model")}
    order = TopologicalSorter({name: [parent for parent in node["depends_on"].get("nodes", []) if parent in nodes] for name, node in nodes.items()})
    yield from (nodes[name] for name in order.static_order())


def _build(connection: duckdb.DuckDBPyConnection, compiled: Path, node: dict[str, Any]) -> None:
    database, schema, name = node["database"], node["schema"], node["alias"]
    connection.execute(f'create schema if not exists "{database}"."{schema}"')
    if node["resource_type"] == "seed":
        connection.execute(f'create table "{database}"."{schema}"."{name}" as from compiled."{schema}"."{name}"')
        return
    statements = (compiled / "dbt" / "run" / "ebbtide" / node["original_file_path"]).read_text(encoding="utf-8")
    if node["language"] == "python":
        module: dict[str, Any] = {"__name__": name}
        exec(compile(statements, node["original_file_path"], "exec"), module)
        found = module["model"](module["dbtObj"](lambda relation: connection.query(f"select * from {relation}")), connection)
        module["materialize"](found, connection)
    else:
        connection.execute(statements)
