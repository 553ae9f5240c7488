"""Loading quarters of Form 13F from the SEC's archives, against DuckDB's bare `create table as select from read_csv` on the extracted files, and pandas.

`python -m benchmarks.form_13f [--rows N] [--quarters N] [--runs N] [--growing N]`: some quarters at once in turn with the baselines, then many quarters
into one warehouse, of which the last must not cost more than the first. Each load runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import statistics
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import duckdb

from benchmarks.result import Result, at_least, at_most, show
from ingest.feeds import FEEDS
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from warehouse.connection import literal
from warehouse.settings import load_settings

ROWS = 3_400_000  # lines of a full quarter
LINES_A_FILING = 310
FEEDS_OF_13F = [feed for feed in FEEDS.values() if (feed.landed_with or feed.name) == "sec_13f_filing"]
MEMORY = "1GB"
THREADS = 2

INFOTABLE = {
    "ACCESSION_NUMBER": "VARCHAR", "INFOTABLE_SK": "BIGINT", "NAMEOFISSUER": "VARCHAR", "TITLEOFCLASS": "VARCHAR", "CUSIP": "VARCHAR", "FIGI": "VARCHAR",
    "VALUE": "BIGINT", "SSHPRNAMT": "BIGINT", "SSHPRNAMTTYPE": "VARCHAR", "PUTCALL": "VARCHAR", "INVESTMENTDISCRETION": "VARCHAR",
    "OTHERMANAGER": "VARCHAR", "VOTING_AUTH_SOLE": "BIGINT", "VOTING_AUTH_SHARED": "BIGINT", "VOTING_AUTH_NONE": "BIGINT",
}  # fmt: skip


def generate(folder: Path, quarter: int, rows: int) -> Path:
    """An archive of one quarter with `rows` lines of invented holdings, and its INFOTABLE extracted beside it; returns the archive."""
    year, number = 2014 + quarter // 4, quarter % 4 + 1
    table, filings = folder / "INFOTABLE.tsv", folder / "SUBMISSION.tsv"
    accession = f"printf('%010d-{year % 100:02d}-%06d', 1000000 + filing % 9000, {number} * 100000 + filing)"
    copy = "(delimiter '\t', header, quote '')"
    with duckdb.connect(config={"threads": THREADS}) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(f"""
            copy (
                select
                    {accession} as ACCESSION_NUMBER, 1000000000 * {quarter}::bigint + i as INFOTABLE_SK,
                    'ISSUER NUMBER ' || hash(i) % 9000 || ' INC' as NAMEOFISSUER, case when i % 7 = 0 then 'COM CL A' else 'COM' end as TITLEOFCLASS,
                    printf('%09d', hash(i) % 9000 * 7919) as CUSIP, case when i % 3 = 0 then 'BBG00' || hash(i) % 9000000 end as FIGI,
                    (hash(i * 3) % 90000000)::bigint as VALUE, (hash(i * 5) % 900000)::bigint as SSHPRNAMT, 'SH' as SSHPRNAMTTYPE,
                    case when i % 40 = 0 then 'Put' when i % 41 = 0 then 'Call' end as PUTCALL,
                    case when i % 5 = 0 then 'DFND' else 'SOLE' end as INVESTMENTDISCRETION, case when i % 5 = 0 then '1,2' end as OTHERMANAGER,
                    (hash(i * 5) % 900000)::bigint as VOTING_AUTH_SOLE, 0 as VOTING_AUTH_SHARED, 0 as VOTING_AUTH_NONE
                from (select range as i, range // {LINES_A_FILING} as filing from range({rows}))
            ) to {literal(table)} {copy}
        """)
        connection.execute(f"""
            copy (
                select {accession} as ACCESSION_NUMBER, '14-FEB-{year + 1}' as FILING_DATE, '13F-HR' as SUBMISSIONTYPE,
                       printf('%010d', 1000000 + filing % 9000) as CIK, '31-DEC-{year}' as PERIODOFREPORT
                from (select range as filing from range({-(-rows // LINES_A_FILING)}))
            ) to {literal(filings)} {copy}
        """)
    archive = folder / f"{year}q{number}_form13f.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        packed.write(filings, filings.name)
        packed.write(table, table.name)
    return archive


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), config={"threads": THREADS, "memory_limit": MEMORY})
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return connection


def _ours(landing: Path, database: Path) -> None:
    with _connect(database) as connection:
        load_landed(connection, FEEDS_OF_13F, Landing(landing), "benchmark")


def _bare(folder: Path, database: Path) -> None:
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in INFOTABLE.items())
    with _connect(database) as connection:
        connection.execute(f"""
            create table holding as
            select * from read_csv(
                {literal(folder / "INFOTABLE_*.tsv")}, delim = '\t', header = true, quote = '', escape = '', auto_detect = false, columns = {{{columns}}}
            )
        """)


def _pandas(folder: Path, lines: Path) -> None:
    import pandas

    # the fastest of its readers; codes stay text, so that leading zeros are kept
    types = {name: "string[pyarrow]" if type_ == "VARCHAR" else "int64" for name, type_ in INFOTABLE.items()}
    tables = [pandas.read_csv(path, sep="\t", dtype=types, engine="pyarrow") for path in sorted(folder.glob("INFOTABLE_*.tsv"))]
    pandas.concat(tables).to_parquet(lines)


def _child(work: Callable[[Path, Path], None], first: Path, second: Path, answer: multiprocessing.Queue[tuple[float, float]]) -> None:
    # imports are left out, pandas too, which our load takes once it has files to load
    import pandas  # noqa: F401
    import pyarrow.csv  # noqa: F401

    began = time.perf_counter()
    work(first, second)
    answer.put((time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measured(work: Callable[[Path, Path], None], first: Path, second: Path) -> tuple[float, float]:
    """Seconds and peak memory in MB of a load in a process of its own, imports left out of the time."""
    context = multiprocessing.get_context("spawn")
    answer: multiprocessing.Queue[tuple[float, float]] = context.Queue()
    process = context.Process(target=_child, args=(work, first, second, answer))
    process.start()
    taken = answer.get()
    process.join()
    return taken


def _land(landing: Path, archive: Path, quarter: int) -> None:
    # after the filings of `generate`, each archive later than the one before
    published = datetime(2015 + quarter // 4, 3, 1 + quarter % 4, tzinfo=UTC)
    arrival = Arrival("sec_13f_filing", "data_set", archive.name, archive.read_bytes(), published)
    Landing(landing).land([arrival], "replay")


def _count(database: Path, table: str) -> int:
    with duckdb.connect(str(database), read_only=True) as connection:
        row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])


def speed(folder: Path, rows: int, quarters: int, runs: int) -> list[Result]:
    """Speed and memory of some quarters: ours from the archives with lineage, the baselines from the extracted tables without.

    Raises ValueError when two of them hold another number of lines.
    """
    landing = folder / "landing"
    for quarter in range(quarters):
        archive = generate(folder, quarter, rows)
        _land(landing, archive, quarter)
        archive.unlink()
        (folder / "INFOTABLE.tsv").rename(folder / f"INFOTABLE_{quarter}.tsv")
    ours, bare, memory = [], [], []
    for run in range(runs):
        seconds, _ = measured(_bare, folder, folder / "bare.duckdb")
        bare.append(seconds)
        seconds, peak = measured(_ours, landing, folder / "ours.duckdb")
        ours.append(seconds)
        memory.append(peak)
        click.echo(f"13F, run {run + 1} of {runs}: bare DuckDB {bare[-1]:.2f} s, ours {ours[-1]:.2f} s", err=True)
        if not rows * quarters == _count(folder / "bare.duckdb", "holding") == _count(folder / "ours.duckdb", "raw.sec_13f_holding"):
            raise ValueError("the loads differ in their number of lines")
        for database in folder.glob("*.duckdb*"):
            database.unlink()
    pandas_seconds, pandas_peak = measured(_pandas, folder, folder / "lines")
    click.echo(f"13F, pandas: {pandas_seconds:.2f} s, {pandas_peak:,.0f} MB", err=True)
    own, baseline = statistics.median(ours), statistics.median(bare)
    name = f"load: {rows * quarters:,} lines of 13F from {quarters} archives"
    return [
        at_least(f"{name}, speed against bare DuckDB", own, baseline, baseline / own, 0.9),
        at_least(f"{name}, speed against pandas", own, pandas_seconds, pandas_seconds / own, 1),
        at_most(f"{name}, peak memory against pandas", max(memory), pandas_peak, max(memory) / pandas_peak, 1, "MB"),
    ]


def growth(folder: Path, rows: int, quarters: int) -> list[Result]:
    """Seconds of each of many quarters into one warehouse: the median of the last five against that of the first five."""
    landing, database = folder / "landing", folder / "warehouse.duckdb"
    shutil.rmtree(landing, ignore_errors=True)
    seconds: list[float] = []
    for quarter in range(quarters):
        archive = generate(folder, quarter, rows)
        _land(landing, archive, quarter)
        archive.unlink()
        taken, peak = measured(_ours, landing, database)
        seconds.append(taken)
        click.echo(f"13F, quarter {quarter + 1:3} of {quarters}: {taken:6.2f} s, {peak:,.0f} MB, warehouse {database.stat().st_size / 1e9:.2f} GB", err=True)
    some = min(5, max(1, quarters // 2))
    first, last = statistics.median(seconds[:some]), statistics.median(seconds[-some:])
    return [at_most(f"load: quarter {quarters} of 13F against quarter 1 ({rows:,} lines each)", last, first, last / first, 1.3)]


def results(folder: Path, rows: int = ROWS, quarters: int = 6, runs: int = 3, growing: int = 8) -> list[Result]:
    """Speed, memory and growth of loading Form 13F: `quarters` at once, then `growing` one after the other."""
    return speed(folder, rows, quarters, runs) + (growth(folder, rows, growing) if growing > 1 else [])


@click.command()
@click.option("--rows", default=ROWS, show_default=True, help="lines of a quarter")
@click.option("--quarters", default=6, show_default=True, help="quarters loaded at once, in turn with the baselines")
@click.option("--runs", default=3, show_default=True, help="times they are loaded")
@click.option("--growing", default=8, show_default=True, help="quarters loaded one after the other into one warehouse; 40 are ten years")
def main(rows: int, quarters: int, runs: int, growing: int) -> None:
    """Load quarters of Form 13F and print how fast, against bare DuckDB and pandas."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), rows, quarters, runs, growing), load_settings().home)


if __name__ == "__main__":
    main()
