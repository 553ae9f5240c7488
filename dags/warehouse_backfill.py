"""Airflow DAG `warehouse_backfill`: fetch the past of a provider or a feed, in pieces, and build from it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pendulum
from airflow.sdk import Param, chain, dag, task, task_group

from dags.assets import declare_assets, providers
from dags.stages import DEFAULT_ARGS, FETCHING, load_to_report, open_build


@dag(
    dag_id="warehouse_backfill",
    description="Fetch the past of a provider or a feed in pieces, then load, check, build, check, publish",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=pendulum.duration(hours=12),
    default_args=DEFAULT_ARGS,
    tags=["ebbtide", "backfill"],
    params={
        "provider": Param(
            None,
            type=["null", "string"],
            enum=[None, *providers()],
            title="Provider",
            description="Whose feeds to fetch: a module of `ingest/feeds`. All feeds of the provider are fetched.",
        ),
        "feed": Param(
            None,
            type=["null", "string"],
            title="Feed",
            description="The one feed to fetch, instead of all of a provider.",
        ),
        "start": Param(type="string", format="date", title="First day", description="First observation date to ask for (YYYY-MM-DD)."),
        "end": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Last day",
            description="Last observation date to ask for (YYYY-MM-DD), that day included. Empty: today.",
        ),
        "days_a_piece": Param(
            366,
            type="integer",
            minimum=1,
            maximum=3660,
            title="Days in a piece",
            description="Days in a task; a feed whose provider limits an answer is asked in smaller pieces by itself.",
        ),
        "again": Param(False, type="boolean", title="Again", description="Ask for days that were answered before, too."),
    },
    doc_md="""
### Warehouse backfill

Asks one provider, or for one feed, for the observations from `start` to `end`, a piece of `days_a_piece` days at a time and one piece
after another, then goes the way of `warehouse_refresh`: load, gates, models, publish. Days that a live provider has answered before are
not asked for, unless `again`: a run that was interrupted is triggered once more and goes on where it stopped. Rows that are already
there do not load twice.

Trigger it with its parameters, for example `{"provider": "cboe", "start": "2010-01-01", "end": "2012-12-31"}` or
`{"feed": "cboe_put_call", "start": "2019-10-07"}`. Both DAGs build in the same warehouse: the one that opens its build later wins, and the
other stops with a message that says so.
""",
)
def warehouse_backfill() -> None:
    @task(doc_md="Cut the days from `start` to `end` into pieces.")
    def pieces(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        from airflow.sdk.exceptions import AirflowFailException

        from ingest.feeds import FEEDS

        asked = params or {}
        if bool(asked["provider"]) == bool(asked["feed"]):
            raise AirflowFailException("give a provider or a feed, one of the two")
        if asked["feed"] and asked["feed"] not in FEEDS:
            raise AirflowFailException(f"there is no feed {asked['feed']}; there are {', '.join(FEEDS)}")
        start = date.fromisoformat(asked["start"])
        end = date.fromisoformat(asked["end"]) if asked["end"] else pendulum.today("America/New_York").date()
        if end < start:
            raise AirflowFailException(f"the last day {end} lies before the first day {start}")
        length = timedelta(days=asked["days_a_piece"])
        starts = [start + number * length for number in range((end - start) // length + 1)]
        return [{"start": day.isoformat(), "end": min(day + length - timedelta(days=1), end).isoformat()} for day in starts]

    @task(
        doc_md="Fetch one piece and land it. No database is opened.",
        map_index_template="{{ task.op_kwargs['start'] }} to {{ task.op_kwargs['end'] }}",
        max_active_tis_per_dagrun=1,
        **FETCHING,
    )
    def fetch_piece(start: str, end: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        from warehouse import refresh
        from warehouse.orchestration import hide_secrets

        hide_secrets()
        asked = params or {}
        return refresh.fetch(asked["feed"] or asked["provider"], start=date.fromisoformat(start), end=date.fromisoformat(end), again=asked["again"])

    @task_group(tooltip="One provider, a piece at a time; network only")
    def fetch() -> None:
        fetch_piece.expand_kwargs(pieces())

    first, _ = load_to_report()
    chain(open_build(), fetch(), first)


# the graph of assets shows the way once, as the refresh goes it; here what readers see is enough
declare_assets(warehouse_backfill(), ["publish"])
