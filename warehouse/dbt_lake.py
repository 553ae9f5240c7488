"""Plugin of dbt-duckdb that prepares dbt's connection for the lake, with the settings of the environment (target `lake` of dbt_project/profiles.yml)."""

from __future__ import annotations

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from warehouse.lake import Lake
from warehouse.settings import load_settings


class Plugin(BasePlugin):
    """Loads the extensions and makes the secrets; dbt attaches the lake after that."""

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Prepare a new connection."""
        Lake.of(load_settings()).prepare(conn)
