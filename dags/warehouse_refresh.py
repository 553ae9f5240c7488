"""Airflow DAG `warehouse_refresh`: from the providers to a published, checked build, once a trading day."""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, chain, dag, task_group

from dags.assets import declare_assets, providers
from dags.stages import DEFAULT_ARGS, fetch, load_to_report, open_build

EXCHANGE_TIME = "America/New_York"


@dag(
    dag_id="warehouse_refresh",
    description="Fetch every provider, load, check, build, check, publish",
    # daily prices, the last of the day's feeds, are final at 20:00; a holiday costs one unchanged answer a file
    schedule=CronTriggerTimetable("30 20 * * 1-5", timezone=EXCHANGE_TIME),
    # a refresh fetches whatever is missing up to now, so missed runs need no run of their own; without a start date a new
    # installation waits for the first evening instead of making up for the last one
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=pendulum.duration(hours=4),
    default_args=DEFAULT_ARGS,
    tags=["ebbtide", "refresh"],
    doc_md="""
### Warehouse refresh

open_build -> fetch -> raw -> staging -> marts -> publish -> publish_to_postgres -> report

| part | what it does |
| --- | --- |
| `open_build` | names the build and the moment it sees the world from |
| `fetch` | one task a provider, side by side, network only; network faults are tried again after 20 s, 1 min and 3 min |
| `raw` | loads landed files, then the raw gate |
| `staging` | builds staging and intermediate models, then the staging gate |
| `marts` | builds the marts where no reader sees them, then the marts gate |
| `publish` | swaps the new build in with one rename |
| `publish_to_postgres` | shows it in PostgreSQL, too, where `EBBTIDE_BI_POSTGRES_URL` is set |
| `report` | writes the morning report, and says what changed |

Its assets are the way of the data: `ebbtide.landed.<provider>` -> `ebbtide.raw` -> `ebbtide.staging` -> `ebbtide.marts.<schema>` ->
`ebbtide.published` -> `ebbtide.report`; the gates add `ebbtide.quality`. Schedule a DAG of your own on `ebbtide.published`. Data Docs and the report of the
newest build are tabs of each run.

A provider that does not answer is named in the report, and its feeds stand as they were; so is a PostgreSQL that keeps the build before.
Any other task that fails ends the run. Readers then keep the build that was published before; `ebbtide builds` shows the failed run and
`quality/<build id>.json` its checks. Nothing needs clearing: the next run starts a build of its own.

The same DAG runs without any service, in one process, with `make refresh`.
""",
)
def warehouse_refresh() -> None:
    @task_group(group_id="fetch", tooltip="One task a provider; network only")
    def fetch_all() -> None:
        for provider in providers():
            fetch(provider)

    first, _ = load_to_report()
    chain(open_build(), fetch_all(), first)


declare_assets(warehouse_refresh())
