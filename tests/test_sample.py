"""The sample world: the same bytes every time, an earlier view a prefix of a later one, and the article's story found in its files."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from python_calamine import CalamineWorkbook
from raw_store import RawStore

from ingest import sample
from ingest.feeds import FEEDS
from ingest.reader import decode
from ingest.sample import SampleFile, dates
from ingest.sample import world as worlds

REALDATA = Path(os.environ.get("EBBTIDE_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))
FIRST_YEAR = 2018
# between two revisions of several feeds, while a margin month is late, and in the weeks of late positions reports
EARLIER = [datetime(2023, 9, 1, 12, tzinfo=UTC), datetime(2023, 6, 25, tzinfo=UTC), datetime(2023, 3, 1, tzinfo=UTC), datetime(2022, 2, 1, tzinfo=UTC)]
REVISED = ("ofr_fsi", "finra_margin", "gpr_daily", "tic_major_foreign_holders", "shiller_market", "epu_daily")
EDITIONED = (*REVISED, "price_daily", "tic_cslt", "tic_slt")


@pytest.fixture(scope="module")
def files() -> list[SampleFile]:
    return list(sample.render(sample.END, first_year=FIRST_YEAR))


@pytest.fixture(scope="module")
def newest(files: list[SampleFile]) -> dict[str, SampleFile]:
    return {file.name: file for file in sorted(files, key=lambda each: each.edition_at)}


def lines(file: SampleFile) -> list[str]:
    return file.content.decode("utf-8-sig").splitlines()


def series(file: SampleFile) -> pd.Series:
    """A chart download as day -> value."""
    table = pd.read_csv(io.BytesIO(file.content), na_values=".", index_col=0, parse_dates=True)
    return table.iloc[:, 0]


def bars(file: SampleFile) -> pd.DataFrame:
    result = json.loads(file.content)["chart"]["result"][0]
    at = pd.to_datetime(np.array(result["timestamp"]), unit="s", utc=True).tz_convert(result["meta"]["exchangeTimezoneName"]).tz_localize(None)
    return pd.DataFrame(result["indicators"]["quote"][0], index=at.normalize())


def sheet(file: SampleFile, number: int = 0) -> list[list[object]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(file.content))
    return book.get_sheet_by_name(book.sheet_names[number]).to_python()


def records(file: SampleFile) -> dict[tuple[str, str], object]:
    """Rows of a file that has editions, by key; the second part of the key is the day."""
    if file.name == "fsi.csv":
        return {("", line.split(",", 1)[0]): line for line in lines(file)[1:]}
    if file.name == "margin-statistics.xlsx":
        return {("", str(pd.Period(str(row[0])).end_time.date())): tuple(row[1:]) for row in sheet(file)[1:]}
    if file.name == "All_Daily_Policy_Data.csv":
        cells = (line.split(",") for line in lines(file)[1:])
        return {("", f"{year}-{int(month):02}-{int(day):02}"): value for day, month, year, value in cells}
    if file.name == "ie_data.xls":
        months = (row for row in sheet(file)[8:] if isinstance(row[0], float))
        return {("", str(pd.Period(f"{row[0]:.2f}".replace(".", "-")).end_time.date())): tuple(row[1:]) for row in months}
    if file.name == "data_gpr_daily_recent.xls":
        return {("", str(row[5])[:10]): tuple(row[1:5]) for row in sheet(file)[1:]}
    if file.format == "chart_json":
        # the adjusted close is left out: it is no fact of its day
        table = bars(file)[["open", "high", "low", "close", "volume"]].dropna()
        return {(file.name, str(day.date())): row for day, row in zip(table.index, table.itertuples(index=False, name=None), strict=True)}
    if file.name == "cslt.zip":
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            document = json.loads(archive.read("cslt.json"))
        return {(each["source_id"], str(pd.Period(month[:7]).end_time.date())): value for each in document["series"] for month, value in each["observations"]}
    if file.name in ("slt_table1.txt", "slt_table4.txt"):
        head = lines(file)[6].split("\t")[3:]
        return {
            (f"{name}_{cells[1]}", str(pd.Period(cells[2]).end_time.date())): value
            for cells in (line.split("\t") for line in lines(file)[7:-2])
            for name, value in zip(head, cells[3:], strict=True)
        }
    if file.name == "slt_table5.txt":
        head = lines(file)[5].split("\t")[1:]
        return {
            (cells[0], str(pd.Period(month).end_time.date())): float(value)
            for cells in (line.split("\t") for line in lines(file)[6:-4])
            for month, value in zip(head, cells[1:], strict=True)
        }
    raise ValueError(file.name)


def digest(files: list[SampleFile]) -> str:
    hashed = hashlib.sha256()
    for file in files:
        hashed.update(f"{file.feed}|{file.format}|{file.name}|{file.edition_at.isoformat()}|".encode())
        hashed.update(file.content)
    return hashed.hexdigest()


def test_the_same_seed_gives_the_same_bytes_in_another_process() -> None:
    as_of = EARLIER[0]
    code = (
        "import sys; from datetime import datetime; from test_sample import digest; from ingest import sample\n"
        f"print(digest(list(sample.render(datetime.fromisoformat('{as_of.isoformat()}'), first_year=2022))))"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo", "PYTHONPATH": paths}
    other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == digest(list(sample.render(as_of, first_year=2022)))


def test_another_seed_gives_another_world() -> None:
    one, other = (next(iter(sample.render(EARLIER[0], seed=seed, first_year=2023, feeds=["fred_series"]))) for seed in (sample.SEED, sample.SEED + 1))
    assert one.name == other.name
    assert one.content != other.content


def test_other_managers_file_beside_those_of_interest(tmp_path: Path) -> None:
    """Their filings come in the archives, at most one a quarter, and their portfolios last; everything else stays as it is."""
    store = RawStore(tmp_path, [FEEDS[name] for name in ("sec_13f_filing", "sec_13f_holding", "sec_13f_other_manager")])
    without = {file.name: file for file in sample.render(sample.END, first_year=2022, feeds=["sec_13f_filing"])}
    for file in sample.render(sample.END, first_year=2022, feeds=["sec_13f_filing"], other_managers=40):
        assert (file.content == without.pop(file.name).content) is not file.name.endswith(".zip")
        store.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
    assert not without
    store.load()
    filings, managers, quarters, numbers, in_time = store.rows(
        """
        select count(*), count(distinct cik), count(distinct period_of_report), count(distinct accession_number),
            bool_and(filing_date between period_of_report + 30 and period_of_report + 50)
        from raw.sec_13f_filing where manager_name like 'OTHER MANAGER%'
        """
    )[0]
    assert numbers == filings and 30 * quarters < filings <= 40 * quarters and 30 < managers <= 40 and quarters >= 6 and in_time
    kept, before = store.rows(
        """
        with held as (
            select distinct cik, period_of_report as quarter, cusip
            from raw.sec_13f_holding join raw.sec_13f_filing using (accession_number) where manager_name like 'OTHER MANAGER%' and put_call is null
        )
        select count(later.cusip), count(*)
        from held left join held as later
            on later.cik = held.cik and later.cusip = held.cusip and later.quarter = last_day(held.quarter + interval 3 month)
        where held.quarter < (select max(quarter) from held)
        """
    )[0]
    assert kept > 0.9 * before
    lines, without_any = store.rows(
        "select count(*), count(*) filter (where value <= 0 or amount <= 0) from raw.sec_13f_holding semi join "
        "(select accession_number from raw.sec_13f_filing where manager_name like 'OTHER MANAGER%') using (accession_number)"
    )[0]
    assert lines > 15 * filings and without_any < lines / 100
    assert store.rows("select sum(rows_quarantined) from meta.file") == [(0,)]


def test_every_file_belongs_to_a_declared_format(files: list[SampleFile]) -> None:
    assert {file.feed for file in files} == {name for name, feed in FEEDS.items() if feed.landed_with is None}
    for file in {(each.feed, each.format): each for each in files}.values():
        declared = FEEDS[file.feed].format(file.format)
        assert declared.file_name is None or declared.file_name.search(file.name)
        if not file.name.endswith((".xls", ".xlsx")) or file.format == "spreadsheetml":
            heads = _members(file).values() if file.name.endswith(".zip") else [file.content]
            assert any(declared.header.search(decode(head[:8192])) for head in heads), file.name


def test_editions_are_unique_and_not_from_the_future(files: list[SampleFile]) -> None:
    editions = [(file.feed, file.name, file.edition_at) for file in files]
    assert len(set(editions)) == len(editions)
    assert all(file.edition_at <= sample.END for file in files)
    assert len(files) < 2_000


# ---------------------------------------------------------------------------------------------------------------- prefix


@pytest.mark.parametrize("as_of", EARLIER, ids=str)
def test_an_earlier_view_is_what_the_later_one_says_was_known(files: list[SampleFile], as_of: datetime) -> None:
    """As the loader reads it: a row is known by the delay of its feed, a change or a late row by the edition that brings it."""
    early = list(sample.render(as_of, first_year=FIRST_YEAR))
    scheduled = {(f.name, f.edition_at): f.content for f in files}
    by_name: dict[str, list[SampleFile]] = defaultdict(list)
    for file in sorted(files, key=lambda each: each.edition_at):
        by_name[file.name].append(file)
    for file in early:
        if file.edition_at < as_of:
            assert scheduled[file.name, file.edition_at] == file.content, f"{file.name} {file.edition_at}"
        elif file.feed in EDITIONED and file.name != "mfhhis01.txt":
            assert _comparable(records(file), file) == _comparable(_known(by_name[file.name], as_of), file), file.name
        elif file.feed in ("damodaran_erp_monthly", "damodaran_erp_yearly"):
            # averages below the years cover the years there are
            early_rows, late_rows = ([tuple(row) for row in sheet(each, -1) if not isinstance(row[0], str)] for each in (file, by_name[file.name][-1]))
            assert early_rows and early_rows[1:] == late_rows[1 : len(early_rows)], file.name
        elif file.feed in ("treasury_par_yield", "treasury_real_yield", "cboe_market_history", "own_series", "proshares_nav", "bis_exchange_rate"):
            assert set(file.content.splitlines()) <= set(by_name[file.name][-1].content.splitlines()), file.name
        elif file.feed == "world_bank_indicator":
            late_rows = json.loads(by_name[file.name][-1].content)[1]
            assert [row for row in late_rows if row["date"] <= json.loads(file.content)[1][0]["date"]] == json.loads(file.content)[1], file.name
        elif file.feed == "imf_sdmx":
            kept = [line for line in file.content.splitlines() if b"_DATE=" not in line and b"Prepared" not in line]
            assert set(kept) <= set(by_name[file.name][-1].content.splitlines()), file.name
        elif file.feed == "treasury_cash_balance":
            assert json.loads(by_name[file.name][-1].content)["data"][: len(json.loads(file.content)["data"])] == json.loads(file.content)["data"]
        elif file.feed in ("ofr_hfm", "ofr_stfm"):
            ((series, early_series),) = json.loads(file.content).items()
            late_pairs = json.loads(by_name[file.name][-1].content)[series]["timeseries"]["aggregation"]
            pairs = early_series["timeseries"]["aggregation"]
            assert pairs == late_pairs[: len(pairs)], file.name
        elif file.feed == "sec_companyfacts":
            assert _facts(file) == {fact for fact in _facts(by_name[file.name][-1]) if _filed_by(dict(fact)["filed"], as_of)}, file.name
        elif file.feed == "sec_filing_index":
            assert _filings(file) == {row for row in _filings(by_name[file.name][-1]) if _filed_by(row[1], as_of)}, file.name
        elif file.feed in ("finra_short_interest", "finra_off_exchange"):
            late = [tuple(sorted(row.items(), key=str)) for row in json.loads(by_name[file.name][-1].content)]
            assert {tuple(sorted(row.items(), key=str)) for row in json.loads(file.content)} <= set(late), file.name
        elif file.name.endswith(".zip"):
            members, late_members = (_members(each) for each in (file, by_name[file.name][-1]))
            assert members == {name: late_members[name] for name in members}, file.name
        elif file.feed in ("public_plan", "coin_metrics"):
            early_rows, late_rows = (_json_rows(each) for each in (file, by_name[file.name][-1]))
            assert early_rows == late_rows[: len(early_rows)], file.name
        elif file.feed == "fred_series_info":
            early_said, late_said = (json.loads(each.content)["seriess"][0] for each in (file, by_name[file.name][-1]))
            assert datetime.fromisoformat(early_said["last_updated"] + ":00") <= as_of
            assert early_said["observation_end"] <= late_said["observation_end"]
            assert {name for name in early_said if early_said[name] != late_said[name]} <= {
                "realtime_start", "realtime_end", "observation_end", "last_updated"
            }, file.name  # fmt: skip
        elif file.format == "api_json":
            assert _vintages(file) == {key for key in _vintages(by_name[file.name][-1]) if _known_vintage(key[1], as_of)}
        elif file.feed == "nbim_holding":
            assert by_name[file.name][-1].content == file.content, file.name
        elif file.feed in ("fred_series", "cboe_index_history", "vanguard_nav"):
            # FRED and Cboe append: the earlier file is the start of the later one
            assert by_name[file.name][-1].content.startswith(file.content), file.name
        elif file.format == "socrata_json":
            assert [row for row in json.loads(by_name[file.name][-1].content) if row[":created_at"] <= as_of.isoformat()] == json.loads(file.content)
        elif file.feed in ("ssga_nav", "gpr_monthly", "gld_archive", "ici_fund_flow", "ici_money_fund"):
            late = {tuple(map(str, row)) for row in sheet(by_name[file.name][-1], -1)}
            assert {tuple(map(str, row)) for row in sheet(file, -1)[4:]} <= late, file.name


def _members(file: SampleFile) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(file.content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def _known(editions: list[SampleFile], as_of: datetime) -> dict[tuple[str, str], object]:
    tables = [(file.edition_at, _records_once(file)) for file in editions]
    days = sorted({key[1] for _, rows in tables for key in rows})
    published = dates.published(np.array(days, "datetime64[D]"), dates.lag_of(editions[0].feed))
    due = {day: dates.as_datetime(moment) for day, moment in zip(days, published, strict=True)}
    known: dict[tuple[str, str], object] = {}
    in_force: dict[tuple[str, str], object] = {}
    before = datetime.min.replace(tzinfo=UTC)
    for edition_at, rows in tables:
        for key, row in rows.items():
            late = due[key[1]] <= before  # the edition before was current when the row was due, and lacked it
            at = edition_at if key in in_force or late else due[key[1]]
            if at <= as_of and in_force.get(key) != row:
                known[key] = row
        in_force |= rows
        before = edition_at
    return known


def _comparable(rows: dict[tuple[str, str], object], file: SampleFile) -> dict[tuple[str, str], object]:
    """Rows a file can show: the current table of holders has thirteen months, older ones have left it."""
    if file.name != "slt_table5.txt":
        return rows
    shown = sorted({key[1] for key in records(file)})
    return {key: row for key, row in rows.items() if key[1] >= shown[0]}


_CACHE: dict[tuple[str, datetime], dict[tuple[str, str], object]] = {}


def _records_once(file: SampleFile) -> dict[tuple[str, str], object]:
    key = (file.name, file.edition_at)
    if key not in _CACHE:
        _CACHE[key] = records(file)
    return _CACHE[key]


def _json_rows(file: SampleFile) -> list[dict[str, str]]:
    body = json.loads(file.content)
    rows: list[dict[str, str]] = body[1:] if isinstance(body, list) else body["data"]
    return rows


def _vintages(file: SampleFile) -> set[tuple[str, str, str]]:
    return {(row["date"], row["realtime_start"], row["value"]) for row in json.loads(file.content)["observations"]}


def _facts(file: SampleFile) -> set[frozenset[tuple[str, object]]]:
    taxonomies = json.loads(file.content)["facts"]
    return {
        frozenset({**fact, "tag": tag, "unit": unit}.items())
        for tags in taxonomies.values()
        for tag, element in tags.items()
        for unit, facts in element["units"].items()
        for fact in facts
    }


def _filings(file: SampleFile) -> set[tuple[str, str, str, str]]:
    document = json.loads(file.content)
    columns = document["filings"]["recent"] if "filings" in document else document
    return set(zip(*(columns[name] for name in ("accessionNumber", "filingDate", "form", "reportDate")), strict=True))


def _filed_by(day: str, as_of: datetime) -> bool:
    return dates.moment(day, "24:00") <= as_of


def _known_vintage(day: str, as_of: datetime) -> bool:
    return dates.moment(day, "24:00", dates.CHICAGO) <= as_of


# ---------------------------------------------------------------------------------------------------------------- what the providers changed


def test_values_are_revised_and_taken_back(files: list[SampleFile]) -> None:
    for name, day in (("margin-statistics.xlsx", "2022-06-30"), ("fsi.csv", "2023-08-10"), ("data_gpr_daily_recent.xls", "2023-09-12")):
        editions = sorted((file for file in files if file.name == name), key=lambda each: each.edition_at)
        values = [row for file in editions if (row := _records_once(file).get(("", day))) is not None]
        runs = [value for place, value in enumerate(values) if not place or value != values[place - 1]]
        assert len(runs) >= 3, name
        assert runs[-1] == runs[-3] != runs[-2], name


def test_a_margin_month_comes_late(files: list[SampleFile]) -> None:
    (late,) = sample.truth()["late"]
    has_month = {file.edition_at: ("", "2023-05-31") in _records_once(file) for file in files if file.feed == "finra_margin"}
    assert has_month[late["due"]] is False
    assert has_month[late["published"]] is True
    assert not any(held for at, held in has_month.items() if at < late["published"])


def test_stress_is_re_estimated_whole(files: list[SampleFile]) -> None:
    at = sample.truth()["revisions"]["ofr_fsi"][1]
    before, after = (next(_records_once(f) for f in files if f.name == "fsi.csv" and f.edition_at == moment) for moment in (at - timedelta(seconds=1), at))
    assert before.keys() == after.keys()
    assert np.mean([before[key] != after[key] for key in before]) > 0.99


def test_series_with_vintages_are_revised_over_several_releases(newest: dict[str, SampleFile]) -> None:
    for name in ("PCEPILFE", "GDP", "NFCILEVERAGE"):
        rows = json.loads(newest[f"observations_{name}_1776-07-04_9999-12-31.json"].content)["observations"]
        of_day: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            of_day[row["date"]].append(row)
        assert max(map(len, of_day.values())) >= 3
        for versions in of_day.values():
            ends = [row["realtime_end"] for row in versions]
            assert ends[-1] == "9999-12-31"
            assert [str(date.fromisoformat(end) + timedelta(days=1)) for end in ends[:-1]] == [row["realtime_start"] for row in versions[1:]]


# ---------------------------------------------------------------------------------------------------------------- story


def test_put_call_is_the_highest_since_march_2020(files: list[SampleFile]) -> None:
    ratios = {}
    for file in files:
        if file.format == "daily_json":
            volume = json.loads(file.content)["EQUITY OPTIONS"][0]
            ratios[file.name[:10]] = volume["put"] / volume["call"]
    daily = pd.Series(ratios).sort_index()
    daily.index = pd.DatetimeIndex(daily.index)
    week = daily.rolling(5).mean()
    for values in (daily, week):
        peak = values["2023-08"].max()
        assert round(peak, 2) == 0.72
        higher = values[values >= peak]
        assert higher[higher.index < values["2023-08"].idxmax()].index.max().strftime("%Y-%m") == "2020-03"


def test_implied_volatility_is_abnormally_high_from_the_third_quarter(newest: dict[str, SampleFile]) -> None:
    table = pd.read_csv(io.BytesIO(newest["VIX_History.csv"].content), index_col=0, parse_dates=True)
    rank = table["CLOSE"].rolling(756).rank(pct=True)
    assert (rank["2023-07-01":"2023-09-30"] > 0.95).sum() >= 5
    assert (rank["2023-07-01":"2023-12-31"] > 0.95).sum() >= 20
    assert table["CLOSE"]["2020-03"].max() > 50


def test_core_funds_lose_24_billion_in_a_week(newest: dict[str, SampleFile]) -> None:
    tables = {"SPY": {str(row[0]): (row[1], row[2]) for row in sheet(newest["navhist-us-en-spy.xlsx"])[4:] if row[1] not in ("", None)}}
    spy = pd.DataFrame(tables["SPY"], index=["nav", "shares"]).T.astype(float)
    spy.index = pd.to_datetime(spy.index, format="%d-%b-%Y")
    cells = [part.split("</ss:Data>")[0].split(">")[-1] for part in newest["IVV_fund.xls"].content.decode("utf-8-sig").split("<ss:Data")[1:]]
    start = cells.index("Shares Outstanding") + 1
    rows = [cells[place : place + 4] for place in range(start, len(cells) - 3, 4) if cells[place][:3].istitle() and ", " in cells[place]]
    ivv = pd.DataFrame({pd.to_datetime(row[0], format="%b %d, %Y"): (float(row[1]), float(row[3])) for row in rows}, index=["nav", "shares"]).T
    voo = pd.read_csv(io.BytesIO(newest["VOO.csv"].content), index_col="date", parse_dates=True).rename(columns={"shares_outstanding": "shares"})
    flow = sum((table.sort_index()["shares"].diff() * table.sort_index()["nav"]).loc["2023-09-18":"2023-09-22"].sum() for table in (spy, ivv, voo))
    assert flow == pytest.approx(-24.0e9, abs=3e7)
    figures = sample.truth()["figures"]
    assert figures["etf_core_flow_rank"] == 3
    assert figures["etf_core_flow_usd"] == pytest.approx(flow)


def test_tesla_falls_from_299_to_210(files: list[SampleFile], newest: dict[str, SampleFile]) -> None:
    table = bars(newest["TSLA_chart.json"])
    assert round(table["high"]["2023"].max()) == 299
    assert table["high"]["2023"].idxmax() == pd.Timestamp("2023-07-19")
    after = table["close"]["2023-07-19":]
    assert after[after <= 210].index[0] == pd.Timestamp("2023-10-26")
    before, split = (next(f for f in files if f.name == "TSLA_chart.json" and f"{f.edition_at:%Y-%m-%d}" == day) for day in ("2020-08-29", "2020-09-01"))
    assert bars(before)["close"].iloc[-1] / bars(split)["close"].iloc[-2] == pytest.approx(5, rel=1e-3)
    assert "splits" in json.loads(split.content)["chart"]["result"][0]["events"]


def test_destinations_rise(newest: dict[str, SampleFile]) -> None:
    jakarta = bars(newest["JKSE_chart.json"])["close"].dropna()
    assert jakarta["2023"].iloc[-1] / jakarta["2022"].iloc[-1] - 1 == pytest.approx(0.12, abs=0.001)
    bitcoin = series(newest["CBBTCUSD.csv"])
    assert bitcoin["2023-10-31"] / bitcoin["2023-09-30"] - 1 == pytest.approx(0.35, abs=0.001)
    copper = {
        row["report_date_as_yyyy_mm_dd"][:10]: int(row["open_interest_all"])
        for row in json.loads(newest["cftc_disaggregated_2021-01-01_2023-12-31.json"].content)
        if row["cftc_contract_market_code"] == "085692"
    }
    assert copper["2023-10-31"] / copper["2022-12-27"] - 1 == pytest.approx(0.42, abs=0.001)
    tonnes = {str(row[0]): row[9] for row in sheet(newest["GLD_historical_archive.xlsx"], 1)[1:]}
    assert float(tonnes["30-Dec-2022"]) < 2600 < float(tonnes["28-Dec-2023"])


def test_macro_figures(newest: dict[str, SampleFile]) -> None:
    rows = json.loads(newest["observations_PCEPILFE_1776-07-04_9999-12-31.json"].content)["observations"]
    core = pd.Series({pd.Timestamp(row["date"]): float(row["value"]) for row in rows if row["realtime_end"] == "9999-12-31"})
    yearly = core.pct_change(12)["2023"]
    assert len(yearly) == 11
    assert (yearly > 0.03).all()
    rate = series(newest["DFF.csv"])["2023-07-27":]
    assert (rate >= rate.iloc[0]).all()
    assert (series(newest["DGS1.csv"])["2023-10":] - series(newest["DFF.csv"])["2023-10":]).dropna().max() < 0
    holders = records(newest["slt_table5.txt"])
    october = {country: value for (country, month), value in holders.items() if month == "2023-10-31" and "Total" not in country and "Of Which" not in country}
    assert max((country for country in october if country != "All Other"), key=lambda country: october[country]) == "Japan"
    assert holders["Japan", "2023-10-31"] < holders["Japan", "2022-12-31"]
    margin = {key[1]: row for key, row in records(newest["margin-statistics.xlsx"]).items()}
    assert margin["2023-10-31"][0] < 0.93 * margin["2023-06-30"][0]
    risk = {str(row[0])[:7]: row[1] for row in sheet(newest["data_gpr_export.xls"])[1:]}
    assert np.mean([value for month, value in risk.items() if month.startswith("2021")]) == pytest.approx(82.1, abs=0.1)
    assert sample.truth()["figures"]["gpr_end_2023"] == pytest.approx(142.3)


def test_long_history_has_its_landmarks() -> None:
    figures = sample.truth()["figures"]
    assert figures["dow_low_2009"] == pytest.approx(6469.95)
    assert 37_000 < figures["dow_end"] < 40_000
    assert figures["nasdaq_annual_share"] == pytest.approx(0.15, abs=0.01)
    made = worlds.world()
    vix = made.indices["VIX"]["close"]
    assert vix["2008-10"].max() > 50
    assert vix["2017"].mean() < 25


def test_the_retreat_is_a_shift_of_the_stated_strength_and_can_be_switched_off() -> None:
    truth = sample.truth()
    assert truth["onset"] == date(2023, 7, 3)
    assert set(truth["strength_sd"].values()) == {1.25}
    retreat, calm = worlds.world(), worlds.world(sample.SEED, 0.0)
    assert sample.truth(strength=0.0)["onset"] is None
    onset, full = pd.Timestamp(truth["onset"]), pd.Timestamp(truth["full_from"])
    skew = retreat.indices["SKEW"]["close"] - calm.indices["SKEW"]["close"]
    assert (skew[: onset - pd.Timedelta(days=1)] == 0).all()
    assert skew[full:].mean() / 6.5 == pytest.approx(1.25, abs=0.01)
    index = retreat.indices["VIX"].index
    returns = [np.diff(np.log(each.prices["^GSPC"].bars["close"])) for each in (retreat, calm)]
    before = index[1:] < onset - pd.Timedelta(days=4)
    assert np.allclose(returns[0][before], returns[1][before])
    # a slow retreat is no crash: realised volatility stays what it would have been
    assert returns[0][~before].std() / returns[1][~before].std() == pytest.approx(1, abs=0.1)
    es = [each.positions["13874A"] for each in (retreat, calm)]
    net = [(each.sides["asset_manager_long"] - each.sides["asset_manager_short"]) / each.open_interest for each in es]
    late = es[0].days >= np.datetime64(truth["full_from"])
    assert (net[1] - net[0])[late].mean() / net[1][:-100].std() == pytest.approx(1.25, abs=0.5)


# ---------------------------------------------------------------------------------------------------------------- calendar, identities


def test_calendars(files: list[SampleFile], newest: dict[str, SampleFile]) -> None:
    sessions = {str(day) for day in dates.sessions() if np.datetime64("2019-10-07") <= day <= dates.LAST_DAY}
    assert {file.name[:10] for file in files if file.format == "daily_json"} == sessions
    reports = {row["report_date_as_yyyy_mm_dd"][:10] for row in json.loads(newest["cftc_tff_2021-01-01_2023-12-31.json"].content)}
    assert {"2023-07-03", "2023-12-26", "2022-12-27"} <= reports
    assert "2023-07-04" not in reports
    assert "2018-12-24" in newest["FinFutYY_2018.txt"].content.decode()
    assert "2023-07-04,\n" in newest["DGS10.csv"].content.decode()
    assert "2023-07-04,.\n" in newest["DGS2.csv"].content.decode()
    assert newest["DGS10.csv"].content.startswith(b"observation_date,")
    assert newest["DGS2.csv"].content.startswith(b"DATE,")
    assert ["25-Dec-2023", *["US Holiday"] * 10] in sheet(newest["GLD_historical_archive.xlsx"], 1)
    for file in newest.values():
        if file.format == "chart_json":
            assert (bars(file).index.day_of_week < 5).all(), file.name
            assert bars(file).index.is_unique


def test_late_positions_reports_carry_their_own_times(newest: dict[str, SampleFile]) -> None:
    rows = json.loads(newest["cftc_tff_2021-01-01_2023-12-31.json"].content)
    created = {row["report_date_as_yyyy_mm_dd"][:10]: row[":created_at"] for row in rows}
    for report, came in sample.truth()["late_positions_reports"].items():
        assert created[str(report)][:10] == str(came)
    assert created["2023-06-20"][:10] == "2023-06-23"
    assert created["2023-07-03"][:10] == "2023-07-07"  # 4 July is no business day
    assert list(created.values()) == sorted(created.values())


def test_puts_and_calls_add_up(files: list[SampleFile], newest: dict[str, SampleFile]) -> None:
    for file in files:
        if file.format == "daily_json":
            body = json.loads(file.content)
            entries = [entry for name, product in body.items() if name != "ratios" for entry in product]
            assert all(entry["call"] + entry["put"] == entry["total"] for entry in entries)
            for place in (0, 1):
                parts = sum(body[name][place]["total"] for name in ("INDEX OPTIONS", "EXCHANGE TRADED PRODUCTS", "EQUITY OPTIONS"))
                assert parts == body["SUM OF ALL PRODUCTS"][place]["total"]
    for line in lines(newest["totalpc.csv"])[3:]:
        _, call, put, total, ratio = (cell.strip() for cell in line.split(","))
        assert int(call) + int(put) == int(total)
        assert float(ratio) == pytest.approx(int(put) / int(call), abs=0.0051)


GROUPS = {"cftc_tff": ("Dealer", "Asset_Mgr", "Lev_Money", "Other_Rept"), "cftc_disaggregated": ("Prod_Merc", "Swap", "M_Money", "Other_Rept")}


def test_positions_add_up_to_open_interest(newest: dict[str, SampleFile]) -> None:
    checked = 0
    for file in newest.values():
        # the Legacy report has names of its own: tests/test_legacy_positions.py adds it up
        if file.format not in ("year_text", "socrata_json") or file.feed == "cftc_legacy":
            continue
        for raw in csv.DictReader(io.StringIO(file.content.decode())) if file.format == "year_text" else json.loads(file.content):
            row = {name.lower().removesuffix("_all").replace("_positions", "").replace("__", "_"): value for name, value in raw.items()}
            spread = [int(row.get(f"{group.lower()}_spread", 0)) for group in GROUPS[file.feed]]
            tolerance = 3 if row["cftc_contract_market_code"].strip().endswith("+") else 0
            for side in ("long", "short"):
                held = sum(int(row[f"{group.lower()}_{side}"]) for group in GROUPS[file.feed]) + sum(spread)
                assert abs(held - int(row[f"tot_rept_{side}"])) == 0
                assert abs(held + int(row[f"nonrept_{side}"]) - int(row["open_interest"])) <= tolerance
            checked += 1
    assert checked > 2_000


def test_suppressed_counts_are_points_in_text_and_absent_in_json(newest: dict[str, SampleFile]) -> None:
    assert b",.," in newest["FinFutYY_2018.txt"].content
    rows = json.loads(newest["cftc_tff_2021-01-01_2023-12-31.json"].content)
    assert len({len(row) for row in rows}) > 1
    assert all(isinstance(value, str) for row in rows for value in row.values())


def test_stress_parts_add_up(newest: dict[str, SampleFile]) -> None:
    table = pd.read_csv(io.BytesIO(newest["fsi.csv"].content), index_col=0)
    assert np.allclose(table["OFR FSI"], table.iloc[:, 1:6].sum(axis=1), atol=1e-9)
    assert np.allclose(table["OFR FSI"], table.iloc[:, 6:9].sum(axis=1), atol=1e-9)


@pytest.mark.skipif(not REALDATA.is_dir(), reason="real provider files are not here; set EBBTIDE_REALDATA")
def test_headers_are_those_of_real_files(newest: dict[str, SampleFile]) -> None:
    pairs = {
        "FinFutYY_2018.txt": "cftc/FinFutYY_2015.txt",
        "f_year_2018.txt": "cftc/f_year.txt",
        "fsi.csv": "ofr/fsi.csv",
        "VIX_History.csv": "cboe/VIX_History.csv",
    }
    for ours, real in pairs.items():
        with (REALDATA / real).open(encoding="utf-8", newline="") as stream:
            assert lines(newest[ours])[0] == stream.readline().rstrip("\r\n"), ours
    with (REALDATA / "cboe/totalpc.csv").open("rb") as stream:
        assert newest["totalpc.csv"].content.split(b"\r\n")[:3] == [stream.readline().rstrip(b"\r\n") for _ in range(3)]


def test_a_day_outside_the_world_is_refused() -> None:
    with pytest.raises(ValueError, match="the sample world runs from 2018"):
        next(iter(sample.render(datetime(2017, 1, 1, tzinfo=UTC), first_year=2018)))
    with pytest.raises(ValueError, match="outside"):
        next(iter(sample.render(sample.END + timedelta(seconds=1))))
