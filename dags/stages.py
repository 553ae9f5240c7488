"""The tasks of a refresh, defined once for every Airflow DAG that runs them.

A task calls one plain function of `warehouse.refresh` and imports it inside its body: the scheduler reads the files of this
folder over and over and must not load dbt, Great Expectations, pandas or DuckDB for it. What a function returns (counts, the
build's name, the lines of the report) is kept with the task and shown in Airflow's log and pages.

Only fetches are tried again. A gate, a dbt build or a publish that failed gives the same result on the same rows, so a second
try would only hide the first message: it ends the run, and readers keep the build that was published before. A provider that
does not answer does not keep the others from being loaded: its feeds stand as they were, the report names it, and the gates
judge how old its feeds may get.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from airflow.sdk import Context, RetryDecision, RetryPolicy, chain, task, task_group

from dags.assets import IN_LAKE, LANDED, PUBLISHED, QUALITY, RAW, providers, say


class NetworkFaults(RetryPolicy):
    """Try again what the network or a provider did; a missing folder or a wrong setting would be wrong the next time too."""

    def evaluate(self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None) -> RetryDecision:
        from airflow.sdk.exceptions import AirflowTaskTimeout

        from ingest.source import FetchFailed, KeyMissing

        # every error of `requests` is an OSError, and so are a missing and a forbidden file
        passing = isinstance(exception, FetchFailed | AirflowTaskTimeout | OSError)
        lasting = isinstance(exception, KeyMissing | FileNotFoundError | NotADirectoryError | PermissionError)
        return RetryDecision.default() if passing and not lasting else RetryDecision.fail("not a fault of the network or the provider")


# Queues of executors that have them (docs/lake.md): what a worker must have to take a task.
NETWORK, WAREHOUSE = "network", "warehouse"

FETCHING: dict[str, Any] = {
    "queue": NETWORK,
    "retries": 3,
    "retry_delay": timedelta(seconds=20),
    "retry_exponential_backoff": 3,  # waits 20 s, 1 min, 3 min
    # a first history is thousands of requests, or archives of hundreds of megabytes; a hung provider is given up by the client long before
    "execution_timeout": timedelta(hours=2),
    "retry_policy": NetworkFaults(),
}


@task(doc_md="Name the build, fix the moment it sees the world from (`as_of`), and record both. Returns the build's name.")
def open_build() -> str:
    from warehouse import refresh

    return refresh.open_build()


def _build() -> str:
    """The build that this run has opened: a stage refuses to work on another run's."""
    from airflow.sdk import get_current_context

    return str(get_current_context()["ti"].xcom_pull(task_ids="open_build"))


def fetch(provider: str) -> Any:
    """The task that asks one provider for what is new and lands its files. It uses the network and the landing folder only."""

    doc = f"Fetch what is new from `{provider}` and land it byte for byte. No database is opened."

    @task(task_id=provider, doc_md=doc, **FETCHING)
    def fetch_provider() -> dict[str, Any]:
        from warehouse import refresh
        from warehouse.orchestration import hide_secrets

        hide_secrets()
        done = refresh.fetch(provider)
        say(LANDED[provider], done)
        return done

    return fetch_provider()


def load() -> Any:
    """The task that loads all feeds; in a lake, one task a provider, side by side."""

    @task(
        task_id="load",
        doc_md="Load landed files into `raw`: new and changed rows are added, rows that cannot be read are quarantined with a reason. "
        "Runs when at least one provider was fetched.",
        trigger_rule="all_done_min_one_success",
        map_index_template="{{ task.op_kwargs.get('provider') }}",
    )
    def load_feeds(provider: str | None = None) -> dict[str, int]:
        from ingest.feeds import feeds_of
        from warehouse import refresh

        chosen = {"feeds": [feed.name for feed in feeds_of(provider)]} if provider else {}
        done = refresh.load(build_id=_build(), **chosen)
        say(RAW, done)
        return done

    return load_feeds.expand(provider=providers()) if IN_LAKE else load_feeds()


def build(stage: Literal["staging", "marts"]) -> Any:
    """The task that builds the dbt models of `stage` (staging or marts) in one dbt process."""
    models = {"staging": "staging and intermediate models", "marts": "marts, in a file readers do not see yet"}[stage]

    @task(task_id="build", doc_md=f"Build the {models}, with their dbt tests.")
    def build_stage() -> None:
        from warehouse import refresh

        refresh.build_models(stage, build_id=_build())

    return build_stage()


def gate(stage: Literal["raw", "staging", "marts"]) -> Any:
    """The task that checks what `stage` (raw, staging or marts) made; it fails when a critical check fails."""

    doc = (
        f"Check {stage} against its Great Expectations suites. A critical failure stops the run here: the log names each check that was not met, its "
        "table, what was found and some of the rows. The run's tab Data Docs shows all checks."
    )

    @task(task_id="gate", doc_md=doc)
    def gate_stage() -> dict[str, Any]:
        from warehouse import refresh

        done = refresh.gate(stage, build_id=_build())
        say(QUALITY, {"stage": stage, **done})
        return done

    return gate_stage()


@task(doc_md="Swap the finished build in for readers, in one rename. Earlier builds stay for `ebbtide rollback`.")
def publish() -> str:
    from warehouse import refresh

    path = refresh.publish(build_id=_build())
    say(PUBLISHED, refresh.published_facts())
    return path


@task(
    doc_md="Show the published build in PostgreSQL, in place of the one before; does nothing where `EBBTIDE_BI_POSTGRES_URL` is not set. "
    "What goes wrong here takes nothing back: the build is published to files, and `ebbtide publish` tries again.",
    execution_timeout=timedelta(hours=1),
)
def publish_to_postgres() -> dict[str, Any]:
    from warehouse import refresh
    from warehouse.orchestration import hide_secrets

    hide_secrets()
    return refresh.publish_to_postgres()


def tell_failure(context: Context) -> None:
    """Tell the notifiers of `EBBTIDE_NOTIFY` that a task has failed for good: of a gate, which checks."""
    from warehouse import notify

    notify.tell_failure(context)


# Of every DAG's tasks, where a task does not say otherwise.
DEFAULT_ARGS: dict[str, Any] = {"owner": "ebbtide", "queue": WAREHOUSE, "on_failure_callback": tell_failure}


def tell_alerts(context: Context) -> None:
    """Tell the notifiers of `EBBTIDE_NOTIFY` what alerts the build brings."""
    from warehouse import notify

    notify.tell_alerts(context)


@task(
    doc_md="Write the morning report, and say in a few lines what the build holds and what changed since the build before.",
    on_success_callback=tell_alerts,
    # a build that PostgreSQL does not show is published all the same
    trigger_rule="all_done_min_one_success",
)
def report() -> list[str]:
    from warehouse import refresh

    return refresh.report()


def load_to_report() -> tuple[Any, Any]:
    """Everything after the fetches, in order; returns the first and the last part for the caller to put its fetches before."""

    @task_group(tooltip="Landed files become rows of `raw`")
    def raw() -> None:
        chain(load(), gate("raw"))

    @task_group(tooltip="Rows become typed, named, versioned observations")
    def staging() -> None:
        chain(build("staging"), gate("staging"))

    @task_group(tooltip="Observations become signals and the Retreat Index")
    def marts() -> None:
        chain(build("marts"), gate("marts"))

    first, published, last = raw(), publish(), report()
    chain(first, staging(), marts(), published, publish_to_postgres(), last)
    chain(published, last)
    return first, last
