"""Ebbtide in Airflow's pages: the report and Data Docs as tabs of every run and in the menu Browse.

Airflow finds the plugin by the entry point `airflow.plugins` of this package. Every process of Airflow loads it, so what serves the pages
(`warehouse.airflow_pages`) is imported by the API server alone, when it asks.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.sdk.plugins_manager import AirflowPlugin

PREFIX = "/ebbtide"


def _view(name: str, folder: str, destination: str) -> dict[str, str]:
    # without a slash before it, the address holds behind a proxy that serves Airflow below a folder, too
    return {"name": name, "href": f"{PREFIX[1:]}/{folder}/", "url_route": f"ebbtide_{folder}_{destination}", "destination": destination, "category": "browse"}


class EbbtidePlugin(AirflowPlugin):
    """The pages' application, a tab of every run and an entry of the menu for each."""

    name = "ebbtide"
    external_views: list[Any] = [  # noqa: RUF012  (Airflow's own declaration)
        _view(name, folder, place) for name, folder in (("Report", "report"), ("Data Docs", "data_docs")) for place in ("dag_run", "nav")
    ]

    @cached_property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The application and where it is mounted."""
        from warehouse.airflow_pages import pages_app
        from warehouse.settings import load_settings

        settings = load_settings()
        return [
            {
                "name": "Ebbtide",
                "url_prefix": PREFIX,
                "app": pages_app({"report": settings.report_path.parent, "data_docs": settings.quality_dir / "data_docs"}),
            }
        ]
