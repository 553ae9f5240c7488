"""Airflow DAG `lake_maintenance`: keep the lake small and quick to read, once a week."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from dags.stages import DEFAULT_ARGS


@dag(
    dag_id="lake_maintenance",
    description="Expire old states of the lake, merge its small files, delete files that nothing needs",
    # no refresh runs on a Sunday morning
    schedule=CronTriggerTimetable("0 6 * * 0", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=pendulum.duration(hours=4),
    default_args=DEFAULT_ARGS,
    tags=["ebbtide", "lake"],
    doc_md="""
### Lake maintenance

Every commit leaves a state of the lake that can be read, and every load files of its own. Once a week the states go that are older than
`EBBTIDE_LAKE_KEEP_DAYS` and published no kept build; rows that were added few at a time and small files become larger files; files that no state needs
any more, and those of writers that crashed, are deleted a day later. Does nothing where `EBBTIDE_LAKE_URL` is not set. By hand: `ebbtide lake maintain`.
""",
)
def lake_maintenance() -> None:
    @task(doc_md="Expire, merge, delete. Returns how many of each.", retries=2, retry_delay=timedelta(minutes=20))
    def maintain() -> dict[str, Any]:
        from warehouse import refresh
        from warehouse.orchestration import hide_secrets

        hide_secrets()
        return refresh.maintain_lake()

    maintain()


lake_maintenance()
