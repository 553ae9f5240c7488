"""Replaying real provider files: every file claimed or listed, every row counted, values as the providers print them.

The few figures here are public facts (a closing price, a published total), each a line of the provider's own table.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.conftest import command


@pytest.fixture(scope="module")
def replayed(realdata: Path, shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A home refreshed by replaying the real files."""

    def make(folder: Path) -> None:
        done = command("refresh", home=folder / "home", SOURCE=f"replay:{realdata}")
        (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        assert done.returncode == 0, done.stdout + done.stderr

    return shared("replayed", make) / "home"


def rows(home: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_file_is_read_or_listed(replayed: Path, realdata: Path) -> None:
    files = {path.name for path in realdata.rglob("*") if path.is_file() and not path.name.startswith(".")}
    read = {row[0] for row in rows(replayed, "select name from meta.file")}
    listed = {Path(str(row[0])).name for row in rows(replayed, "select path from meta.unclaimed_file")}
    assert files == read | listed
    output = (replayed.parent / "output.txt").read_text(encoding="utf-8")
    for name in files:
        assert name in output, f"{name} is not in the printed account"


def test_rows_add_up_and_no_file_is_lost(replayed: Path) -> None:
    counted = rows(replayed, "select name, status, message, rows_read, rows_loaded, rows_quarantined, rows_unchanged from meta.file")
    assert counted
    held = {row[0] for row in counted if row[3]}
    for name, status, message, read, loaded, quarantined, unchanged in counted:
        assert read == loaded + quarantined + unchanged, name  # type: ignore[operator]
        # a file that several feeds read may hold nothing of one of them
        assert status == "loaded" and name in held, f"{name}: {message}"


@pytest.mark.parametrize(
    ("name", "feed", "records"),
    [
        ("totalpc.csv", "cboe_put_call", 3240),
        ("VIX_History.csv", "cboe_index_history", 9220),
        ("FinFutYY_2026_asof_20260618.txt", "cftc_tff", 1962),
        ("FinFutYY_2015.txt", "cftc_tff", 1848),
        ("TFF_excel_resave_F2020.csv", "cftc_tff", 2345),
        ("f_year.txt", "cftc_disaggregated", 2178),
        ("fsi.csv", "ofr_fsi", 6292),
        ("BAMLH0A0HYM2.csv", "fred_series", 7024),
        ("FEDFUNDS_2012_2017.csv", "fred_series", 756),
        ("margin-statistics.xlsx", "finra_margin", 353),
        ("spy_us_d.csv", "price_daily", 2839),
        ("GLD_US_archive_EN.csv", "gld_archive", 5162),
        ("mfhhis01.txt", "tic_major_foreign_holders", 12718),
    ],
)
def test_every_record_is_read(replayed: Path, name: str, feed: str, records: int) -> None:
    assert rows(replayed, f"select feed, rows_read from meta.file where name = '{name}'") == [(feed, records)]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select close from raw.cboe_index_history where index_name = 'VIX' and observation_date = '1990-01-02'", [(17.24,)]),
        (
            "select call_contracts, put_contracts, published_ratio from raw.cboe_put_call where observation_date = '2006-11-02' and product = 'total'",
            [(1348240, 1218592, 0.9)],
        ),
        ("select open_interest, leveraged_funds_long from raw.cftc_tff where contract_code = '090741' and observation_date = '2026-06-09'", [(383773, 29832)]),
        ("select value from raw.fred_series where series_id = 'BAMLH0A0HYM2' and observation_date = '1997-01-01'", [(None,)]),
        ("select debit_balances, free_credit_margin from raw.finra_margin where observation_date = '1997-01-31'", [(103337.0, None)]),
        (
            "select holdings from raw.tic_major_foreign_holders where country = 'China, Mainland' and observation_date = '2025-12-31' "
            "and series = 'main' order by _available_at desc limit 1",
            [(683.5,)],
        ),
        ("select tonnes_in_trust from raw.gld_archive where observation_date = '2025-05-23'", [(922.46,)]),
        ("select value from raw.gpr_monthly where index_name = 'GPR' and observation_date = '2025-04-30'", [(136.52084350585938,)]),
    ],
)
def test_values_are_those_of_the_files(replayed: Path, sql: str, expected: list[tuple[object, ...]]) -> None:
    assert rows(replayed, sql) == expected


def test_later_edition_of_a_year_adds_only_new_rows(realdata: Path, tmp_path: Path) -> None:
    """The file as of 18 June, then a later edition of the same year: one changed row, one report more, the rest unchanged."""
    first = realdata / "cftc" / "FinFutYY_2026_asof_20260618.txt"
    if not first.exists():
        pytest.skip(f"{first} is absent")
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(first, folder)
    header, *lines = first.read_text(encoding="utf-8").splitlines()
    newest = [line for line in lines if ",2026-06-09," in line]
    added = [line.replace(",260609,2026-06-09,", ",260616,2026-06-16,") for line in newest]
    changed = [line.replace("383773", "383774", 1) if line in newest and "383773" in line else line for line in lines]
    (folder / "FinFutYY_2026_asof_20260623.txt").write_text("\n".join([header, *added, *changed]) + "\n", encoding="utf-8")

    from ingest.feeds import FEEDS
    from ingest.landing import Landing
    from ingest.load import load_landed
    from ingest.source import ReplaySource

    landing = Landing(tmp_path / "landing")
    landing.land(ReplaySource(folder).fetch("cftc"), "replay")
    with duckdb.connect() as connection:
        load_landed(connection, [FEEDS["cftc_tff"]], landing, "test")
        counted = connection.execute("select rows_read, rows_loaded, rows_quarantined, rows_unchanged from meta.file order by edition_at").fetchall()
        versions = connection.execute(
            "select open_interest, _available_at_source from raw.cftc_tff "
            "where contract_code = '090741' and observation_date = '2026-06-09' order by _available_at"
        ).fetchall()
        published = connection.execute("select distinct _available_at::varchar from raw.cftc_tff where observation_date = '2026-06-16'").fetchall()
    assert counted == [(len(lines), len(lines), 0, 0), (len(lines) + len(added), len(added) + 1, 0, len(lines) - 1)]
    assert versions == [(383773, "lag"), (383774, "edition")]
    # a federal holiday (19 June) lies between: released on Monday, 15:30 New York time
    assert published == [("2026-06-22 19:30:00",)]


def test_scope_is_told_from_the_content(realdata: Path, tmp_path: Path) -> None:
    """A combined report has the name and columns of a futures-only one; only a column tells them apart."""
    source = realdata / "cftc" / "FinFutYY_2015.txt"
    if not source.exists():
        pytest.skip(f"{source} is absent")
    folder = tmp_path / "files"
    (folder / "combined").mkdir(parents=True)
    shutil.copy(source, folder)
    (folder / "combined" / source.name).write_text(source.read_text(encoding="utf-8").replace('"FutOnly"', '"Combined"'), encoding="utf-8")

    from ingest.feeds import FEEDS
    from ingest.landing import Landing
    from ingest.load import load_landed
    from ingest.source import ReplaySource

    landing = Landing(tmp_path / "landing")
    landing.land(ReplaySource(folder).fetch("cftc"), "replay")
    with duckdb.connect() as connection:
        load_landed(connection, [FEEDS["cftc_tff"]], landing, "test")
        counted = connection.execute("select report_scope, count(*) from raw.cftc_tff group by 1 order by 1").fetchall()
    assert counted == [("Combined", 1848), ("FutOnly", 1848)]
