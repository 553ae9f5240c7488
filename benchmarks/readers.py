"""Twenty questions of BI on the published file and on the same marts in PostgreSQL, at 1, 4 and 16 clients, in one run.

`python -m benchmarks.readers [--home HOME] [--rounds N]`: a PostgreSQL server of the machine's own packages is started with its default settings, and
the published build is put into it as `ebbtide publish` does, analyzed. A client is a process with one open connection, read-only on the file, as a
notebook or a desktop tool has it; it asks all questions once for warming up, and then `rounds` times, each client in another order, and reads every
answer to its end. Before anything is measured, both must give the same answers.
"""

from __future__ import annotations

import math
import multiprocessing
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import duckdb
import psycopg2
import pytest
from rich.console import Console
from rich.table import Table

from benchmarks.gates import sample_home
from benchmarks.result import Result, show, without_bar
from tests.postgres import running_server
from warehouse.postgres import publish_to_postgres
from warehouse.settings import REPOSITORY, Settings, load_settings

CLIENTS = (1, 4, 16)

# Sections of docs/questions.md whose statements both engines take as they stand.
FROM_QUESTIONS = (
    "Which signals push the index out today?",
    "Which alerts are on?",
    "How many of the article's claims hold?",
    "In which weeks did the large index funds lose most?",
    "How far have hedge funds cut their leverage?",
    "Who is long and who is short S&P 500 futures?",
    "Which shares did all managers together sell most in the newest quarter?",
    "Which destinations take in more than usual, and what share of it does each have?",
    "What weight do US equities have in Norway's fund?",
    "Which sectors does turnover leave, and does trading there cost more?",
    "At what rate are the cash flows of each company discounted, and what does its price imply?",
    "What does each defence take off the tail in contagion, and what does it cost in calm?",
)

# The usual charts of a dashboard, in words that both engines take.
OF_DASHBOARDS = (
    # a range of dates
    """
    select observation_date, retreat_index, regime
    from signals.fct_retreat_index_daily
    where observation_date between date '2022-01-01' and date '2023-12-31'
    order by observation_date
    """,
    # by month
    """
    select cast(date_trunc('month', observation_date) as date) as month, avg(retreat_index) as mean_index, max(retreat_index) as highest, count(*) as days
    from signals.fct_retreat_index_daily
    where observation_date >= date '2019-01-01'
    group by cast(date_trunc('month', observation_date) as date)
    order by month
    """,
    # dimension and facts
    """
    select signal.block, cast(extract(year from daily.observation_date) as integer) as in_year, avg(daily.z_score) as mean_z, count(daily.z_score) as known
    from signals.fct_signal_daily as daily
    inner join signals.dim_signal as signal on daily.signal_id = signal.signal_id
    group by signal.block, cast(extract(year from daily.observation_date) as integer)
    order by signal.block, in_year
    """,
    # the newest row of each key
    """
    select signal_id, observation_date, value, z_score
    from (
        select *, row_number() over (partition by signal_id order by observation_date desc) as age
        from signals.fct_signal_daily
        where value is not null
    ) as aged
    where age = 1
    order by signal_id
    """,
    # a moving average
    """
    select observation_date, retreat_index, avg(retreat_index) over (order by observation_date rows between 19 preceding and current row) as mean_of_20_days
    from signals.fct_retreat_index_daily
    where observation_date >= date '2021-01-01'
    order by observation_date
    """,
    # the largest of a year
    """
    select daily.observation_date, signal.name_en, daily.contribution
    from signals.fct_signal_daily as daily
    inner join signals.dim_signal as signal on daily.signal_id = signal.signal_id
    where daily.observation_date >= date '2023-01-01' and daily.contribution is not null
    order by daily.contribution desc, daily.observation_date, signal.name_en
    limit 20
    """,
    # by symbol and quarter
    """
    select
        symbol, cast(date_trunc('quarter', observation_date) as date) as in_quarter,
        min(discount_rate) as lowest, avg(discount_rate) as mean, max(discount_rate) as highest
    from valuation.fct_discount_rate_daily
    group by symbol, cast(date_trunc('quarter', observation_date) as date)
    order by symbol, in_quarter
    """,
    # days on which something changed
    """
    select observation_date, regime_before, regime
    from (
        select observation_date, regime, lag(regime) over (order by observation_date) as regime_before
        from signals.fct_retreat_index_daily
    ) as days
    where regime <> regime_before
    order by observation_date
    """,
)


def questions() -> list[str]:
    """The twenty statements. Raises KeyError when docs/questions.md has lost a section."""
    text = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### ([^\n]+)\n\n```sql\n(.+?)```", text, re.MULTILINE | re.DOTALL))
    return [*(sections[heading] for heading in FROM_QUESTIONS), *OF_DASHBOARDS]


@dataclass(frozen=True)
class Engine:
    """Where to ask: the published file, or a server's address."""

    name: str
    address: str

    def connect(self) -> Any:
        """A cursor on a connection of its own."""
        if self.name == "PostgreSQL":
            connection = psycopg2.connect(self.address)
            connection.autocommit = True
            return connection.cursor()
        return duckdb.connect(self.address, read_only=True).cursor()


def _answer(cursor: Any, statement: str) -> list[tuple[Any, ...]]:
    cursor.execute(statement)
    return [tuple(row) for row in cursor.fetchall()]


def check_answers(engines: Sequence[Engine], statements: Sequence[str]) -> None:
    """Raise RuntimeError unless both engines give the same rows, numbers to nine digits; rows that sort alike may come in another order."""
    cursors = [engine.connect() for engine in engines]
    for statement in statements:
        first, second = (sorted((tuple(map(_plain, row)) for row in _answer(cursor, statement)), key=_in_order) for cursor in cursors)
        if not first:
            raise RuntimeError(f"a question without an answer measures nothing: {statement}")
        if len(first) != len(second) or not all(_same(*values) for rows in zip(first, second, strict=True) for values in zip(*rows, strict=True)):
            raise RuntimeError(f"{engines[0].name} and {engines[1].name} answer differently: {statement}")


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def _in_order(row: tuple[Any, ...]) -> list[str]:
    return [f"{value:.6g}" if isinstance(value, float) else str(value) for value in row]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def _client(engine: Engine, statements: Sequence[str], number: int, rounds: int, barrier: Any, answer: Any) -> None:
    cursor = engine.connect()
    for statement in statements:
        _answer(cursor, statement)
    place = 7 * number % len(statements)
    order = [*statements[place:], *statements[:place]]
    seconds = []
    barrier.wait()
    began = time.monotonic()
    for _ in range(rounds):
        for statement in order:
            asked = time.perf_counter()
            _answer(cursor, statement)
            seconds.append(time.perf_counter() - asked)
    answer.put((began, time.monotonic(), seconds))


def ask(engine: Engine, statements: Sequence[str], clients: int, rounds: int) -> tuple[float, float]:
    """Queries a second of all clients together, and the 95th percentile of an answer in milliseconds."""
    # clients are forked from a process that has imported everything, and has no connection of its own
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.readers"])
    barrier, answer = context.Barrier(clients, timeout=600), context.Queue()
    processes = [context.Process(target=_client, args=(engine, statements, number, rounds, barrier, answer)) for number in range(clients)]
    for process in processes:
        process.start()
    told = [answer.get(timeout=1800) for _ in processes]
    for process in processes:
        process.join()
    seconds = [each for _, _, of_client in told for each in of_client]
    lasted = max(end for _, end, _ in told) - min(began for began, _, _ in told)
    return len(seconds) / lasted, statistics.quantiles(seconds, n=20)[-1] * 1000


def results(folder: Path, home: Path | None = None, runs: int = 3, rounds: int = 3, clients: Sequence[int] = CLIENTS) -> list[Result]:
    """Queries a second and 95th percentiles by number of clients; no bar. Raises RuntimeError where there is no PostgreSQL, or answers differ.

    Parameters
    ----------
    home
        Home with a published build, which is only read; without one, the sample world is built in the folder.
    """
    statements, home = questions(), home or sample_home(folder)
    file = (home / "published" / "current.duckdb").resolve()
    try:
        with running_server() as server:
            server.run("create role ebbtide_reader nologin; create user ebbtide password 'e'; create user analyst password 'a' in role ebbtide_reader")
            server.run("create database bi owner ebbtide")
            address = f"127.0.0.1:{server.port}/bi"
            settings = Settings.model_validate({"home_setting": home, "bi_postgres_url": f"postgresql://ebbtide:e@{address}"})
            published = publish_to_postgres(settings)
            click.echo(f"PostgreSQL shows {published.tables} tables, {published.rows:,} rows, after {published.seconds} s", err=True)
            engines = (Engine("DuckDB file", str(file)), Engine("PostgreSQL", f"postgresql://analyst:a@{address}"))
            check_answers(engines, statements)
            return _compared(engines, statements, runs, rounds, clients)
    except pytest.skip.Exception as skipped:
        raise RuntimeError(str(skipped)) from None


def _compared(engines: Sequence[Engine], statements: Sequence[str], runs: int, rounds: int, clients: Sequence[int]) -> list[Result]:
    measurements = []
    table = Table(title=f"{len(statements)} questions, medians of {runs} runs")
    for heading in ("clients", *(f"{engine.name}, {what}" for engine in engines for what in ("queries/s", "p95 ms"))):
        table.add_column(heading, justify="right")
    for count in clients:
        found: dict[str, list[tuple[float, float]]] = {engine.name: [] for engine in engines}
        for run in range(runs):
            for engine in engines:
                found[engine.name].append(ask(engine, statements, count, rounds))
                click.echo(f"{count} clients, run {run + 1} of {runs}, {engine.name}: {found[engine.name][-1][0]:.1f} queries/s", err=True)
        (rate, slow), (other_rate, other_slow) = ((statistics.median(column) for column in zip(*found[engine.name], strict=True)) for engine in engines)
        who = f"readers: twenty questions, {count} client{'s' if count > 1 else ''}, file against PostgreSQL"
        measurements += [
            without_bar(f"{who}: queries a second", rate, other_rate, rate / other_rate, "/s"),
            without_bar(f"{who}: 95th percentile", slow, other_slow, slow / other_slow, "ms"),
        ]
        table.add_row(str(count), f"{rate:.1f}", f"{slow:.1f}", f"{other_rate:.1f}", f"{other_slow:.1f}")
    Console(stderr=True).print(table)
    return measurements


@click.command()
@click.option("--home", type=click.Path(exists=True, file_okay=False, path_type=Path), help="ask the published build of this home instead of the sample world")
@click.option("--runs", default=3, show_default=True, help="times each number of clients asks, in turn with PostgreSQL")
@click.option("--rounds", default=3, show_default=True, help="times a client asks all questions in a run")
def main(home: Path | None, runs: int, rounds: int) -> None:
    """Ask twenty questions of the published file and of PostgreSQL, with 1, 4 and 16 clients."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), home, runs, rounds), load_settings().home)


if __name__ == "__main__":
    main()
