"""Replaying real provider files: every file claimed or listed, every row counted, values as the providers print them.

The few figures here are public facts (a closing price, a published total), each a line of the provider's own table.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import exchange_calendars
import pandas as pd
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


def _claim(home: Path, claim: str, variant: str) -> tuple[object, ...]:
    with duckdb.connect(str(home / "published" / "current.duckdb"), read_only=True) as connection:
        columns = "verdict, measured_from, measured_to, start_date, observation_date, why"
        return connection.execute(f"select {columns} from signals.fct_claim_check where claim_id = ? and variant = ?", [claim, variant]).fetchall()[0]


def test_claims_about_volatility_and_bitcoin(replayed: Path, realdata: Path) -> None:
    """The VIX did not reach the top twentieth of its three years after June 2023; bitcoin rose by 28.6%, not 35%."""
    level = pd.read_csv(realdata / "cboe" / "VIX_History.csv", index_col=0, parse_dates=True)["CLOSE"]
    # Cboe has rows on holidays, which are no sessions; a rank is among the 756 sessions before and the session itself
    level = level[level.index.isin(exchange_calendars.get_calendar("XNYS", start="1990-01-02", end="2023-12-31").sessions)]
    rank = level.rolling(757).apply(lambda window: (window <= window.iloc[-1]).mean())["2023-07-01":"2023-12-31"]
    verdict, _, measured, _, day, _ = _claim(replayed, "I-6", "VIX")
    assert rank.max() < 0.95
    assert (verdict, measured, day) == ("refuted", pytest.approx(rank.max()), rank.idxmax().date())
    price = pd.read_csv(realdata / "fred" / "CBBTCUSD.csv", index_col=0, parse_dates=True, na_values=".").iloc[:, 0]
    october = price["2023-10-31"] / price["2023-09-30"] - 1
    verdict, _, measured, *_ = _claim(replayed, "P3-6", "Coinbase")
    assert round(october, 3) == 0.286
    assert (verdict, measured) == ("refuted", pytest.approx(october))


def test_claims_about_japan(replayed: Path, realdata: Path) -> None:
    """Japan held more Treasuries in October 2023 than at the end of 2022, and more than any other country."""
    text = (realdata / "tic" / "mfhhis01.txt").read_text(encoding="latin-1").splitlines()
    # the block of a year: a line of months, newest first, and a line `Country  2023 ...` below it
    at = next(place for place, line in enumerate(text) if line.split("\t")[:2] == ["Country", "2023"])
    months = [cell.strip() for cell in text[at - 1].split("\t")[1:]]
    before = next(place for place, line in enumerate(text) if line.split("\t")[:2] == ["Country", "2022"])
    held = {line.split("\t")[0].strip(): line.split("\t")[1:] for line in text[at + 1 : before] if re.match(r"\"?[A-Z][^\t]*\t[\d.]+\t", line)}
    december = next(line.split("\t")[1] for line in text[before:] if line.startswith("Japan"))
    october = months.index("Oct")
    verdict, start, end, _, day, _ = _claim(replayed, "P2-4", "holdings")
    assert float(held["Japan"][october]) > float(december)
    assert (verdict, start, end, str(day)) == ("refuted", 1e9 * float(december), 1e9 * float(held["Japan"][october]), "2023-10-31")
    # below the countries stand the rest of the world, the total and the official holders
    countries = {name: float(held[name][october]) for name in list(held)[: list(held).index("All Other")]}
    assert max(countries, key=lambda name: countries[name]) == "Japan"
    assert _claim(replayed, "P2-9", "countries")[:3] == ("confirmed", None, 1)


def test_claims_about_risk_and_gold(replayed: Path, realdata: Path) -> None:
    """Geopolitical risk rose; one gold fund, of 918 tonnes at the end of 2022, is no measure of 2,600 tonnes in all of them."""
    book = pd.read_excel(realdata / "gpr" / "data_gpr_export.xls", index_col=0, engine="calamine")["GPR"]
    means = [book[f"{year}-01" : f"{year}-12"].mean() for year in (2021, 2023)]
    assert _claim(replayed, "P2-8", "mean of 12 months")[:3] == ("confirmed", pytest.approx(means[0]), pytest.approx(means[1]))
    gold = pd.read_csv(realdata / "gld" / "GLD_US_archive_EN.csv", skipinitialspace=True)
    gold.index = pd.to_datetime(gold.iloc[:, 0], format="%d-%b-%Y")
    tonnes = pd.to_numeric(gold[next(name for name in gold if "Tonnes" in name)], errors="coerce")["2022-12-30":"2023-12-31"].dropna()
    verdict, start, highest, *_ = _claim(replayed, "P3-5", "SPDR Gold Shares")
    assert (verdict, start, highest) == ("not measurable", tonnes.iloc[0], tonnes.iloc[1:].max())
    assert highest < 2600


def test_a_total_ratio_of_072_is_no_high(replayed: Path, realdata: Path) -> None:
    """The archive of total put/call ratios ends in 2019, before the claim's period: no verdict, but what it says of the figure."""
    table = pd.read_csv(realdata / "cboe" / "totalpc.csv", skiprows=2, skipinitialspace=True)
    table.columns = table.columns.str.strip().str.upper()
    ratio = table["PUTS"] / table["CALLS"]
    verdict, _, measured, *_, why = _claim(replayed, "P1-1", "total, 1 session")
    assert (ratio > 0.72).mean() > 0.95
    assert (verdict, measured) == ("not measurable", None)
    assert "the claim needs 2020-03-01 to 2023-08-31" in why
    assert float(why.split("% of ")[0].rsplit(" ", 1)[1]) == pytest.approx(100 * (ratio > 0.72).mean(), abs=0.06)


def test_claims_these_files_do_not_cover_name_the_feed(replayed: Path) -> None:
    query = """
        select claim_id, why from signals.fct_claim_check
        where is_used and verdict = 'not measurable' and why not like 'comes with %' and why not like 'no public source%'
    """
    with duckdb.connect(str(replayed / "published" / "current.duckdb"), read_only=True) as connection:
        lines = dict(connection.execute(query).fetchall())
        measured = connection.execute("select claim_id from signals.fct_claim_check where is_used and verdict in ('confirmed', 'refuted')").fetchall()
    assert {claim for (claim,) in measured} == {"I-6", "P2-4", "P2-8", "P2-9", "P3-6"}
    assert {why.split(": needs ")[0] for why in lines.values()} == {"no figure is known"}
    assert lines["P2-1"].endswith("needs fred_series") and lines["P3-2"].endswith("needs own_series (vietnam_foreign_ownership)")


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
