"""What shares cost and what they are measured against: Shiller, Damodaran, FRED and its vintages, real yields, gold and bond funds; policy.

Every file here is made by hand and small; its numbers are invented. The layouts are those of the providers.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
import xlwt
from provider import Answer, Asked, Provider
from raw_store import RawStore

import ingest.feed
import ingest.feeds.fred
import ingest.source
from ingest.feed import FetchWindow, LandedFile, UnreadableFile
from ingest.feeds import FEEDS
from ingest.feeds.fred import API_KEY, SERIES, vintage_windows
from ingest.feeds.funds import ISHARES_PORTFOLIOS, SSGA_TICKERS
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from ingest.reader import columns_as_rows
from ingest.sample import END, render, truth
from ingest.source import LiveSource
from warehouse.settings import Settings

SAMPLED = (
    "shiller_market",
    "damodaran_erp_monthly",
    "damodaran_erp_yearly",
    "damodaran_industry_pe",
    "treasury_real_yield",
    "fred_series",
    "fred_series_info",
    "ishares_nav",
    "gld_archive",
    "epu_daily",
)


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path / "landing")


def old_workbook(**sheets: Sequence[Sequence[Any]]) -> bytes:
    """An .xls of these sheets; dates as date cells, empty texts as empty cells."""
    book = xlwt.Workbook()
    day_style = xlwt.easyxf(num_format_str="D-MMM-YY")
    for name, rows in sheets.items():
        sheet = book.add_sheet(name.replace("_", " "))
        for place, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write(place, column, value, day_style)
                elif value not in ("", None):
                    sheet.write(place, column, value)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


# --- Shiller ------------------------------------------------------------------------------------------------------------

# The headings of the workbook, cell by cell: what stands above tells the two columns called Price apart.
STACKED: list[dict[int, str]] = [
    {0: 'Stock Market Data Used in "Irrational Exuberance"', 12: "Cyclically", 14: "Cyclically"},
    {0: "Robert J. Shiller", 12: "Adjusted", 14: "Adjusted"},
    {12: "Price", 14: "Total Return Price"},
    {4: "Consumer", 9: "Real", 11: "Real", 12: "Earnings", 14: "Earnings", 17: "Monthly", 18: "Real"},
    {1: "S&P", 4: "Price", 6: "Long", 9: "Total", 11: "TR", 12: "Ratio", 14: "Ratio", 16: "Excess", 17: "Total", 18: "Total"},
    {1: "Comp.", 2: "Dividend", 3: "Earnings", 4: "Index", 5: "Date  ", 6: "Interest", 7: "Real", 8: "Real", 9: "Return", 10: "Real", 11: "Scaled"}
    | {12: "P/E10 or", 14: "TR P/E10 or", 16: "CAPE", 17: "Bond", 18: "Bond"},
    {0: "Date", 1: "P", 2: "D", 3: "E", 4: "CPI", 5: "Fraction", 6: "Rate GS10", 7: "Price", 8: "Dividend", 9: "Price", 10: "Earnings", 11: "Earnings"}
    | {12: "CAPE", 14: "TR CAPE", 16: "Yield", 17: "Returns", 18: "Returns"},
]


def month(written: float | str, year_and_fraction: float | str, **cells: Any) -> list[Any]:
    named = {"price": 1, "earnings": 3, "real_earnings": 10, "cape": 12}
    values = {0: written, 1: 101.5, 2: 2.0, 3: 5.0, 4: 250.0, 5: year_and_fraction, 6: 4.25, 7: 202.0, 8: 3.0, 9: 300.0, 10: 6.0, 11: 7.0, 12: 30.5, 14: 32.5}
    values |= {16: 0.0125, 17: 1.001, 18: 1.002} | {named[name]: value for name, value in cells.items()}
    return [values.get(at, "") for at in range(19)]


def shiller(*rows: Sequence[Any], above: int = 1) -> bytes:
    heads = [[row.get(at, "") for at in range(19)] for row in STACKED]
    return old_workbook(ReadMe=[["Data for the book"]], Data=[*([[]] * above), *heads, *rows])


def test_october_is_not_january(store: RawStore) -> None:
    rows = [month(1871.01, 1871 + 0.5 / 12, cape="NA"), month(2025.0999999, 2025 + 9.5 / 12), month(2025.12, 2025 + 11.5 / 12), month("2026.10", "")]
    file = store.take("shiller_market", "ie_data.xls", shiller(*rows), edition_at=datetime(2026, 11, 20, tzinfo=UTC))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (3, 1)
    assert store.rows("select observation_date::varchar, cape from raw.shiller_market order by 1") == [
        ("1871-01-31", None),
        ("2025-10-31", 30.5),
        ("2025-12-31", 30.5),
    ]
    # by the day after it was fetched (1 October) the last month was not over
    assert store.reasons() == ["observation_date: 2026-10-31 lies after 2026-10-02, the day after the file was current"]


def test_repeated_headings_are_told_apart_by_what_stands_above(store: RawStore) -> None:
    store.take("shiller_market", "ie_data.xls", shiller(month(2026.06, 2026 + 5.5 / 12), above=3))
    columns = "price, dividend, earnings, consumer_price_index, long_interest_rate_percent, real_price, real_dividend, real_total_return_price, "
    columns += "real_earnings, real_total_return_scaled_earnings, cape, total_return_cape, excess_cape_yield"
    assert store.rows(f"select {columns} from raw.shiller_market") == [(101.5, 2.0, 5.0, 250.0, 4.25, 202.0, 3.0, 300.0, 6.0, 7.0, 30.5, 32.5, 0.0125)]


def test_the_workbook_before_total_return_columns_is_read(store: RawStore) -> None:
    """Until 2018 each heading stood once, so nothing above it is needed."""
    heads = ["Date", "P", "D", "E", "CPI", "Fraction", "Rate GS10", "Price", "Dividend", "Earnings", "CAPE"]
    row = [2017.1, 2557.0, 48.0, 105.0, 246.7, 2017 + 9.5 / 12, 2.36, 2600.0, 49.0, 107.0, 31.2]
    store.take("shiller_market", "ie_data.xls", old_workbook(Data=[["Stock Market Data"], [], heads, row]))
    columns = "observation_date::varchar, price, real_price, earnings, real_earnings, cape, total_return_cape, excess_cape_yield"
    assert store.rows(f"select {columns} from raw.shiller_market") == [("2017-10-31", 2557.0, 2600.0, 105.0, 107.0, 31.2, None, None)]


def test_a_month_whose_fraction_says_another_is_quarantined(store: RawStore) -> None:
    file = store.take("shiller_market", "ie_data.xls", shiller(month(2025.1, 2025 + 0.5 / 12), month(2025.11, 2025 + 10.5 / 12)))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 1)
    (reason,) = store.reasons()
    assert reason.startswith("observation_date: month 2025.1 with fraction 2025.04")


def test_a_month_that_runs_is_no_record_and_notes_are_none(store: RawStore) -> None:
    """The price of the first of September is not September's average; a real column without earnings holds a zero."""
    rows = [month(2026.07, 2026 + 6.5 / 12), month(2026.08, 2026 + 7.5 / 12, earnings="", real_earnings=0.0), month(2026.09, 2026 + 8.5 / 12, price=1.0)]
    note = ["", "Sept price is Sept 1st close", "", "", "Aug and Sept CPI estimated"]
    file = store.take("shiller_market", "ie_data.xls", shiller(*rows, note))
    assert (file["rows_read"], file["skipped"]) == (2, {"title": 7, "header": 1, "footer": 1, "month not over": 1})
    found = store.rows("select observation_date::varchar, earnings, real_earnings, price from raw.shiller_market order by 1")
    assert found == [("2026-07-31", 5.0, 6.0, 101.5), ("2026-08-31", None, None, 101.5)]


def test_the_time_of_the_edition_tells_which_month_runs(tmp_path: Path) -> None:
    path = tmp_path / "ie_data.xls"
    path.write_bytes(shiller(month(2026.08, 2026 + 7.5 / 12), month(2026.09, 2026 + 8.5 / 12)))
    feed = FEEDS["shiller_market"]
    with duckdb.connect() as connection:
        for edition, expected in ((datetime(2026, 9, 3, tzinfo=UTC), ["2026-08-31"]), (datetime(2026, 10, 3, tzinfo=UTC), ["2026-08-31", "2026-09-30"])):
            (records,) = feed.formats[0].reader(connection, feed, [LandedFile(1, path, path.name, "workbook", edition_at=edition)])
            days = connection.execute(f"select observation_date from ({records.sql}) order by 1").fetchall()
            assert [day for (day,) in days] == expected
            assert records.skipped[1].get("month not over", 0) == 2 - len(expected)


def test_an_update_rewrites_the_real_columns_as_versions(store: RawStore) -> None:
    first = month(2026.06, 2026 + 5.5 / 12)
    store.take("shiller_market", "ie_data.xls", shiller(first), edition_at=datetime(2026, 7, 20, tzinfo=UTC))
    second = [*first[:7], 203.0, *first[8:]]
    store.take("shiller_market", "ie_data.xls", shiller(second, month(2026.07, 2026 + 6.5 / 12)), edition_at=datetime(2026, 8, 20, tzinfo=UTC))
    found = store.rows(
        "select real_price, _available_at::varchar, _available_at_source from raw.shiller_market where observation_date = '2026-06-30' order by 2"
    )
    assert found == [(202.0, "2026-07-16 04:00:00", "lag"), (203.0, "2026-08-20 00:00:00", "edition")]


WORKBOOK = "/blobby/go/e5e77e0b/downloads/0f1e2d3c/ie_data.xls"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=(API_KEY,)))
    with Provider() as running:
        yield running


def settings(folder: Path, **values: Any) -> Settings:
    return Settings(source="live", home_setting=folder, as_of=datetime(2026, 10, 10, tzinfo=UTC), history_years=1, **values)


@pytest.mark.parametrize(
    "link",
    [
        f'<a href="//img1.wsimg.com{WORKBOOK}?ver=1743773003799">here</a>',
        f'<a href="https://img1.wsimg.com{WORKBOOK}?ver=1&amp;x=2">',
        json.dumps({"url": f"https://img1.wsimg.com{WORKBOOK}"}).replace("/", "\\/"),
    ],
    ids=["without scheme", "escaped for HTML", "escaped for JSON"],
)
def test_the_workbook_is_the_one_the_page_links_to(tmp_path: Path, provider: Provider, link: str) -> None:
    provider.answer("/", Answer(body=f"<html><body>{link}</body></html>".encode()))
    provider.answer(WORKBOOK, Answer(body=shiller(month(2026.06, 2026 + 5.5 / 12))))
    landing = Landing(settings(tmp_path).landing_dir)
    assert landing.land(LiveSource(settings(tmp_path), provider.session).fetch("shiller"), "live") == (1, 1)
    assert [(asked.host, asked.path) for asked in provider.asked] == [("shillerdata.com", "/"), ("img1.wsimg.com", WORKBOOK)]
    (landed,) = landing.manifest("shiller_market")
    assert landed.name == "ie_data.xls"


def test_a_page_without_the_link_says_what_to_do() -> None:
    (declared,) = FEEDS["shiller_market"].formats
    assert declared.requests
    (page,) = declared.requests(FetchWindow(date(2026, 1, 1), date(2026, 9, 30)))
    assert not page.lands and page.following
    with pytest.raises(UnreadableFile, match=r"links to no ie_data\.xls any more; save the workbook from there and replay it"):
        list(page.following(b"<html><a href='/chapt26.xlsx'>older data</a></html>"))


# --- Damodaran ----------------------------------------------------------------------------------------------------------

MONTHLY = ["Start of month", "S&P 500", "T.Bond Rate", "$ Riskfree Rate", "CF (Trailing 12 month)", "ERP (T12 m with sustainable payout)", "ERP (T12m)"]
MONTHLY += ["ERP (T12m) with adj riskfree rate", "ERP (Smoothed)", "ERP (Normalized)", "ERP (Net Cash Yield)", "Expected Return", "Notes"]


def premium_workbook(*rows: Sequence[Any], header: Sequence[str] = MONTHLY, from_1904: bool = True) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"date_1904": from_1904}) as book:
        book.add_worksheet("ERP chart")
        sheet = book.add_worksheet("Historical ERP")
        sheet.write_row(0, 0, header)
        style = book.add_format({"num_format": "mmm-yy"})
        for place, row in enumerate(rows, start=1):
            sheet.write_datetime(place, 0, row[0], style)
            sheet.write_row(place, 1, row[1:])
    return buffer.getvalue()


PREMIUM = [date(2026, 8, 1), 7490, 0.0474, 0.0451, 205.5, 0.0428, 0.0423, 0.0446, 0.0625, 0.0384, 0.0397, 0.0897, "Updated growth"]


@pytest.mark.parametrize("from_1904", [True, False], ids=["days from 1904", "days from 1900"])
def test_the_month_is_right_whatever_day_the_workbook_counts_from(store: RawStore, from_1904: bool) -> None:
    store.take("damodaran_erp_monthly", "ERPbymonth.xlsx", premium_workbook(PREMIUM, from_1904=from_1904))
    found = store.rows("select observation_date::varchar, index_level, bond_rate, _available_at::varchar from raw.damodaran_erp_monthly")
    assert found == [("2026-08-01", 7490, 0.0474, "2026-08-09 04:00:00")]


def test_variants_of_the_premium_keep_apart_when_a_column_is_put_between(store: RawStore) -> None:
    header = [*MONTHLY[:5], "ERP (Covid Adjusted)", *MONTHLY[5:]]
    store.take("damodaran_erp_monthly", "ERPbymonth.xlsx", premium_workbook([*PREMIUM[:5], 0.081, *PREMIUM[5:]], header=header))
    variants = "premium_covid_adjusted, premium_sustainable_payout, premium_trailing, premium_trailing_adjusted, premium_smoothed, premium_normalized"
    assert store.rows(f"select {variants} from raw.damodaran_erp_monthly") == [(0.081, 0.0428, 0.0423, 0.0446, 0.0625, 0.0384)]


def test_numbers_typed_as_text_are_read_as_they_were_meant(store: RawStore) -> None:
    typed = [date(2026, 8, 1), "7,490.5", "4.74%", "4,5 %", "175.51*", "Ended", "0.0423", "", "6,36%", "#DIV/0!", "84,88%", "8,97%"]
    file = store.take("damodaran_erp_monthly", "ERPbymonth.xlsx", premium_workbook(typed))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 0)
    columns = "index_level, bond_rate, riskfree_rate, cash_flow_trailing, premium_sustainable_payout, premium_trailing, premium_smoothed, premium_normalized"
    ((level, *rest),) = store.rows(f"select {columns}, premium_net_cash_yield, expected_return from raw.damodaran_erp_monthly")
    assert level == 7490.5
    assert rest == [
        pytest.approx(0.0474),
        pytest.approx(0.045),
        175.51,
        None,
        0.0423,
        pytest.approx(0.0636),
        None,
        pytest.approx(0.8488),
        pytest.approx(0.0897),
    ]


def test_a_percentage_that_lost_its_format_is_no_premium(store: RawStore) -> None:
    lost = [date(2026, 9, 1), *PREMIUM[1:6], 4.09, *PREMIUM[7:]]
    file = store.take("damodaran_erp_monthly", "ERPbymonth.xlsx", premium_workbook(PREMIUM, lost))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 1)
    assert store.reasons() == ["premium_trailing: 4.09 is above 1"]


YEARLY = ["Year", "Earnings Yield", "Dividend Yield", "S&P 500", "Earnings*", "Dividends*", "Dividends + Buybacks", "Change in Earnings", "Change in Dividends"]
YEARLY += ["T.Bill Rate", "T.Bond Rate", "Bond-Bill", "Smoothed Growth", "Implied Premium (DDM)", "Analyst Growth Estimate", "Implied ERP (FCFE)"]
YEARLY += ["Implied Premium (FCFE with sustainable Payout)", "ERP/Riskfree Rate"]


def year(label: object, premium: object) -> list[object]:
    return [label, 0.04, 0.0125, 6845.5, 243.0, 76.0, 190.0, 0.06, 0.04, 0.036, 0.0418, 0.006, 0.046, 0.0169, 0.07, premium, 0.042, 1.0]


@pytest.mark.parametrize("headline", ["Implied ERP (FCFE)", "Implied Premium (FCFE)"])
def test_a_row_of_a_year_is_of_its_last_day_and_averages_are_no_years(store: RawStore, headline: str) -> None:
    """The row 2025 is what is quoted for the start of 2026; the dividend discount premium beside it is another measure."""
    header = [headline if name == "Implied ERP (FCFE)" else name.replace("Implied Premium", "Implied\nPremium") for name in YEARLY]
    title = [["Date updated:", date(2026, 1, 5)], ["Created by:", "Aswath Damodaran"], [], [], [], []]
    summary = [["Period", "ERP"], ["1960-2025", 0.0425], ["2016-2025", 0.05], ["Average of 2006 to 2025", "", "", 0.0516], ["* trailing"]]
    file = store.take(
        "damodaran_erp_yearly",
        "histimpl.xls",
        old_workbook(Historical_Impl_Premiums=[*title, header, year(1960, "NA"), year(2024.0, 0.0433), year("2025", 0.0423), *summary]),
    )
    assert (file["rows_read"], file["rows_quarantined"], file["skipped"]) == (3, 0, {"title": 6, "header": 1, "summary": 5})
    found = store.rows(
        "select observation_date::varchar, premium_free_cash_flow, premium_dividend_discount, bond_rate from raw.damodaran_erp_yearly order by 1"
    )
    assert found == [("1960-12-31", None, 0.0169, 0.0418), ("2024-12-31", 0.0433, 0.0169, 0.0418), ("2025-12-31", 0.0423, 0.0169, 0.0418)]
    assert store.rows("select _available_at::varchar from raw.damodaran_erp_yearly where observation_date = '2025-12-31'") == [("2026-02-01 05:00:00",)]


INDUSTRY = ["Industry Name", "Number of firms", "% of Money Losing firms (Trailing)", "Current PE", "Trailing PE", "Forward PE"]
INDUSTRY += ["Aggregate Mkt Cap/ Net Income (all firms)", "Aggregate Mkt Cap/ Trailing Net Income (only money making firms)"]
INDUSTRY += ["Expected growth - next 5 years", "PEG Ratio"]


@pytest.mark.parametrize("updated", [date(2026, 1, 5), "January 5, 2026", "5-Jan-26"], ids=["cell", "words", "short"])
def test_ratios_by_industry_take_the_date_above_the_table(store: RawStore, updated: object) -> None:
    rows = [["Software (System)", 309, 0.6, 150, 66.2, "NA", 48.4, 35.1, 0.2, 2.4], ["Total Market", "5,994", 0.4, 70, 60, 30, "#DIV/0!", 22, "12%", 1.9]]
    content = old_workbook(Variables=[["Industry Name", "Grouping"]], Industry_Averages=[["Date updated:", updated], [], INDUSTRY, *rows, ["Source: filings"]])
    file = store.take("damodaran_industry_pe", "pedata.xls", content)
    assert (file["rows_read"], file["rows_quarantined"], file["skipped"]) == (2, 0, {"title": 2, "header": 1, "footer": 1})
    columns = (
        "industry, observation_date::varchar, firms, price_earnings_forward, price_earnings_aggregate, price_earnings_aggregate_profitable, expected_growth"
    )
    assert store.rows(f"select {columns} from raw.damodaran_industry_pe order by 1") == [
        ("Software (System)", "2026-01-05", 309, None, 48.4, 35.1, 0.2),
        ("Total Market", "2026-01-05", 5994, 30, None, 22, 0.12),
    ]


def test_ratios_without_a_date_are_quarantined_whole(store: RawStore) -> None:
    file = store.take(
        "damodaran_industry_pe", "pedata.xls", old_workbook(Industry_Averages=[INDUSTRY, ["Advertising", 54, 0.5, 30, 31, 20, 22, 20, 0.12, 1.5]])
    )
    assert file["status"] == "quarantined"
    assert file["message"] == "pedata.xls does not say above its table when it was updated; fetch it again"


def test_each_workbook_is_asked_for_by_its_lasting_name() -> None:
    window = FetchWindow(date(2026, 1, 1), date(2026, 9, 30))
    asked = [request for name in SAMPLED[1:4] for declared in FEEDS[name].formats if declared.requests for request in declared.requests(window)]
    assert [(request.url.removeprefix("https://pages.stern.nyu.edu/~adamodar/"), request.file_name) for request in asked] == [
        ("pc/implprem/ERPbymonth.xlsx", "ERPbymonth.xlsx"),
        ("pc/datasets/histimpl.xls", "histimpl.xls"),
        ("pc/datasets/pedata.xls", "pedata.xls"),
    ]


# --- FRED ---------------------------------------------------------------------------------------------------------------


def observations(window: tuple[str, str], *rows: tuple[str, str, str], count: int | None = None) -> bytes:
    """An answer of the API: rows of (realtime_start, date, value)."""
    listed = [{"realtime_start": start, "realtime_end": "9999-12-31", "date": day, "value": value} for start, day, value in rows]
    body = {"realtime_start": window[0], "realtime_end": window[1], "count": len(rows) if count is None else count, "offset": 0, "limit": 100000}
    return json.dumps(body | {"observations": listed}).encode()


def test_windows_of_vintages_stay_below_the_limit_and_share_a_day() -> None:
    windows = list(vintage_windows(date(2006, 1, 1), date(2026, 10, 10)))
    assert windows[0][0] == "2005-12-31"
    assert windows[-1][1] == "9999-12-31"
    assert [last for _, last in windows[:-1]] == [first for first, _ in windows[1:]]
    days = [(date.fromisoformat(last if last < "9999" else "2026-10-10") - date.fromisoformat(first)).days + 1 for first, last in windows]
    assert max(days) < 2_000
    assert list(vintage_windows(date(2026, 10, 3), date(2026, 10, 10))) == [("2026-10-02", "9999-12-31")]


def test_values_a_window_repeats_from_the_one_before_are_no_vintages(store: RawStore) -> None:
    one = observations(
        ("2020-12-31", "2025-12-31"), ("2020-12-31", "2020-10-01", "95"), ("2021-04-29", "2021-01-01", "100"), ("2025-12-31", "2021-01-01", "101")
    )
    two = observations(("2025-12-31", "9999-12-31"), ("2025-12-31", "2021-01-01", "101"), ("2026-03-26", "2021-01-01", "102"))
    store.take("fred_series", "observations_GDP_vintages_2020-12-31_2025-12-31.json", one)
    file = store.take("fred_series", "observations_GDP_vintages_2025-12-31_9999-12-31.json", two)
    assert (file["rows_read"], file["skipped"]) == (1, {"repeated from the window before": 1})
    found = store.rows("select observation_date::varchar, vintage_date::varchar, value from raw.fred_series order by 2")
    assert found == [("2021-01-01", "2021-04-29", 100), ("2021-01-01", "2025-12-31", 101), ("2021-01-01", "2026-03-26", 102)]


def test_a_saved_answer_keeps_what_was_current_at_its_start(store: RawStore) -> None:
    """It is not one of several windows: nothing else has these values."""
    saved = observations(("2020-01-01", "9999-12-31"), ("2020-01-01", "2019-10-01", "95"), ("2021-04-29", "2021-01-01", "100"))
    file = store.take("fred_series", "observations_GDP_2020-01-01_9999-12-31.json", saved)
    assert (file["rows_loaded"], file["skipped"]) == (2, {})


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "Bad Request.  The value for variable api_key is not registered.",
            "FRED answered with an error: Bad Request. The value for variable api_key is not registered.; check EBBTIDE_FRED_API_KEY, "
            "a key is given free of charge at https://fred.stlouisfed.org/docs/api/api_key.html",
        ),
        ("Bad Request.  The series does not exist.", "FRED answered with an error: Bad Request. The series does not exist.; fetch it again"),
    ],
    ids=["key", "series"],
)
def test_an_error_of_the_api_says_what_to_do(store: RawStore, said: str, message: str) -> None:
    file = store.take("fred_series", "observations_GDP_all.json", json.dumps({"error_code": 400, "error_message": said}))
    assert (file["status"], file["message"]) == ("quarantined", message)


OBSERVATIONS = "/fred/series/observations"


def test_pages_and_windows_are_asked_for_until_all_is_there(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.feeds.fred, "PAGE_ROWS", 2)
    rows = [("2026-10-01", "2026-09-29", "4.1"), ("2026-10-02", "2026-09-30", "4.2"), ("2026-10-05", "2026-10-01", "4.3")]

    def answer(asked: Asked) -> Answer:
        offset = int(asked.query["offset"])
        mine = rows[offset : offset + 2] if asked.query["series_id"] == "DGS10" else []
        return Answer(body=observations((asked.query["realtime_start"], asked.query["realtime_end"]), *mine, count=len(rows) if mine else 0))

    provider.answer(OBSERVATIONS, answer)
    home = settings(tmp_path, fred_api_key="k" * 32)
    landing = Landing(home.landing_dir)
    landing.land(LiveSource(home, provider.session).fetch("fred", date(2018, 1, 1), date(2026, 10, 10)), "live")
    asked = [each.query for each in provider.requests_of(OBSERVATIONS) if each.query["series_id"] == "DGS10"]
    assert sorted((query["realtime_start"], query["realtime_end"], query["offset"]) for query in asked) == [
        ("2017-12-31", "2022-12-31", "0"),
        ("2017-12-31", "2022-12-31", "2"),
        ("2022-12-31", "9999-12-31", "0"),
        ("2022-12-31", "9999-12-31", "2"),
    ]
    # a period is dated by its first day and revised for years
    assert {query["observation_start"] for query in asked} == {"2011-12-28"}
    names = {landed.name for landed in landing.manifest("fred_series") if "DGS10" in landed.name}
    assert names == {
        "observations_DGS10_vintages_2017-12-31_2022-12-31.json",
        "observations_DGS10_vintages_2017-12-31_2022-12-31_2.json",
        "observations_DGS10_vintages_2022-12-31_9999-12-31.json",
        "observations_DGS10_vintages_2022-12-31_9999-12-31_2.json",
    }
    assert {each.query["series_id"] for each in provider.requests_of(OBSERVATIONS)} == set(SERIES)
    assert {each.query["series_id"] for each in provider.requests_of("/fred/series")} == set(SERIES)


def test_without_a_key_charts_are_downloaded_and_nothing_is_asked_of_the_api() -> None:
    window = FetchWindow(date(2026, 10, 3), date(2026, 10, 10), {"fred_api_key": ""})
    asked = [
        request
        for name in ("fred_series", "fred_series_info")
        for declared in FEEDS[name].formats
        if declared.requests
        for request in declared.requests(window)
    ]
    assert {request.url for request in asked} == {"https://fred.stlouisfed.org/graph/fredgraph.csv"}
    assert [request.params["id"] for request in asked] == list(SERIES)
    # a quarter is published months after the day FRED dates it by
    longest = max(lag.days for lag in SERIES.values())
    assert all((window.start - date.fromisoformat(request.params["cosd"])).days > longest for request in asked)


def test_every_series_has_a_documented_lag_and_a_unit(realdata: Path) -> None:
    units = (Path(__file__).parents[1] / "dbt_project" / "seeds" / "staging" / "fred_unit.csv").read_text(encoding="utf-8")
    assert {line.split(",")[0] for line in units.splitlines()[1:]} >= set(SERIES)
    assert all(lag.source for lag in SERIES.values())


def test_what_fred_says_of_a_series(store: RawStore, realdata: Path) -> None:
    recorded = realdata / "recorded" / "fred" / "series_SOFR75.json"
    file = store.take("fred_series_info", recorded.name, recorded.read_bytes())
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 0)
    columns = "series_id, observation_date::varchar, units, frequency, seasonal_adjustment, last_date::varchar, _available_at::varchar, _available_at_source"
    assert store.rows(f"select {columns} from raw.fred_series_info") == [
        ("SOFR75", "2024-06-26", "Percent", "Daily", "Not Seasonally Adjusted", "2024-06-25", "2024-06-26 12:01:07", "provider")
    ]


def test_every_recorded_answer_of_fred_is_read(store: RawStore, realdata: Path) -> None:
    recorded = sorted((realdata / "recorded" / "fred").glob("*.json"))
    assert recorded
    for path in recorded:
        feed = "fred_series_info" if path.name.startswith("series_") else "fred_series"
        file = store.take(feed, path.name, path.read_bytes())
        assert (file["status"], file["rows_quarantined"]) == ("loaded", 0), path.name


# --- one column a series ------------------------------------------------------------------------------------------------


def test_real_yields_are_a_feed_of_their_own(store: RawStore) -> None:
    """Its headings are in capitals and begin with five years, those of the nominal curve with months."""
    real = 'Date,"5 YR","7 YR","10 YR","20 YR","30 YR"\n09/16/2026,-0.10,1.5,1.75,,2.1\n'
    nominal = 'Date,"1 Mo","3 Mo","10 Yr"\n09/16/2026,4.10,4.11,4.05\n'
    folder = store.folder.parent / "saved"
    folder.mkdir()
    for name, text, feed in (("real.csv", real, "treasury_real_yield"), ("nominal.csv", nominal, "treasury_par_yield")):
        (folder / name).write_text(text, encoding="utf-8")
        assert [claim.feed.name for claim in ingest.source.claims_of(folder / name, name)] == [feed]
    store.take("treasury_real_yield", "daily-treasury-real-rates-2026.csv", real)
    found = store.rows("select maturity_months, par_yield_percent from raw.treasury_real_yield order by 1")
    assert found == [(60, -0.1), (84, 1.5), (120, 1.75), (360, 2.1)]
    asked = list(FEEDS["treasury_real_yield"].formats[0].requests(FetchWindow(date(2025, 12, 1), date(2026, 9, 30))))  # type: ignore[misc]
    assert [(request.params["type"], request.file_name) for request in asked] == [
        ("daily_treasury_real_yield_curve", "daily-treasury-real-rates-2025.csv"),
        ("daily_treasury_real_yield_curve", "daily-treasury-real-rates-2026.csv"),
    ]


@pytest.mark.parametrize(
    ("absent", "records", "skipped"),
    [
        (
            None,
            [("2026-01-05", "b", " "), ("2026-01-05", "c", "2"), ("2026-01-06", "b", "3"), ("2026-01-06", "c", "n.a.")],
            {"title": 1, "header": 1, "blank": 2, "other column": 2},
        ),
        ("none", [("2026-01-05", "c", "2"), ("2026-01-06", "b", "3")], {"title": 1, "header": 1, "blank": 2, "other column": 2, "none": 2}),
    ],
    ids=["all cells", "cells with a value"],
)
def test_columns_become_rows(tmp_path: Path, absent: str | None, records: list[tuple[str, ...]], skipped: dict[str, int]) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("A title\nday,a,b,c\n2026-01-05,1, ,2\n\n2026-01-06,1,3,n.a.\n,,,\n", encoding="utf-8")
    read = columns_as_rows("^day,", name="series_id", value="value", name_of=lambda name: None if name == "a" else name, absent=absent)
    with duckdb.connect() as connection:
        (found,) = read(connection, FEEDS["fred_series"], [LandedFile(7, path, path.name, "wide")])
        rows = connection.execute(f"select _row_number, observation_date, series_id, value from ({found.sql}) order by 1").fetchall()
    assert [row[1:] for row in rows] == records
    assert len({row[0] for row in rows}) == len(rows)
    assert found.skipped == {7: skipped}


def test_a_file_without_a_series_says_so(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("day,a\n2026-01-05,1\n", encoding="utf-8")
    read = columns_as_rows("^day,", name="series_id", value="value", name_of=lambda name: None)
    with duckdb.connect() as connection, pytest.raises(UnreadableFile, match="no column of the file is a series; it has day, a"):
        list(read(connection, FEEDS["fred_series"], [LandedFile(7, path, path.name, "wide")]))


# --- funds and gold -----------------------------------------------------------------------------------------------------

GOLD = ["Date", "Closing Price", "Ounces of Gold per Share", "NAV/Share at 10:30am NYT", "Indicative Price per Share at 4:15pm NYT"]
GOLD += ["Mid point of bid/ask spread at 4:15pm NYT", "Premium/Discount of GLD Mid Point vs Indicative Value of GLD at 4:15pm NYT", "Daily Share Volume"]
GOLD += ["Total Ounces of Gold in the Trust", "Tonnes of Gold", "Total Net Asset Value in the Trust"]


def test_the_gold_workbook_of_today_is_read(store: RawStore) -> None:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        book.add_worksheet("Disclaimer").write_row(0, 0, ["Past performance is no guarantee"])
        sheet = book.add_worksheet("US GLD Historical Archive")
        for place, row in enumerate(
            [
                GOLD,
                ["18-Aug-2026", 310.5, 0.0918, 309.75, 310.4, 310.45, 0.0001, 7_000_000, 30_000_000.5, 933.1, 9.9e10],
                ["19-Aug-2026", *["US Holiday"] * 10],
                ["20-Aug-2026", *["HOLIDAY"] * 10],
                ["21-Aug-2026", 312.0, 0.0918, 311.0, 312.1, 312.0, 0.0001, 8_000_000, 30_100_000.5, 936.2, 1e11],
            ]
        ):
            sheet.write_row(place, 0, row)
    file = store.take("gld_archive", "GLD_historical_archive.xlsx", buffer.getvalue())
    assert (file["format"], file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == ("archive_xlsx", 2, 0, {"header": 1, "holiday": 2})
    columns = "observation_date::varchar, close, net_asset_value_per_share, share_volume, ounces_in_trust, tonnes_in_trust, total_net_asset_value"
    assert store.rows(f"select {columns} from raw.gld_archive order by 1")[0] == ("2026-08-18", 310.5, 309.75, 7_000_000, 30_000_000.5, 933.1, 9.9e10)


def test_every_fund_is_asked_for() -> None:
    window = FetchWindow(date(2026, 1, 1), date(2026, 9, 30))
    ishares = list(FEEDS["ishares_nav"].formats[0].requests(window))  # type: ignore[misc]
    assert {request.file_name.removesuffix("_fund.xls"): request.params["portfolioId"] for request in ishares} == ISHARES_PORTFOLIOS
    assert {"IVV", "TLT", "IAU", "SLV", "HYG", "LQD", "EEM", "ACWI", "AGG"} == set(ISHARES_PORTFOLIOS)
    assert len(set(ISHARES_PORTFOLIOS.values())) == len(ISHARES_PORTFOLIOS)
    ssga = list(FEEDS["ssga_nav"].formats[0].requests(window))  # type: ignore[misc]
    assert [request.file_name for request in ssga] == [f"navhist-us-en-{ticker.lower()}.xlsx" for ticker in SSGA_TICKERS]
    assert {"XLB", "XLE", "XLF", "XLI", "XLRE"} < set(SSGA_TICKERS)


# --- policy uncertainty -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "day,month,year,daily_policy_index\n1,1,1985,103.83\n13,10,2026,\n14,10,2026,x\n,,,\nPreliminary since September,,,\n",
        '\ufeff"year","month","day","daily_policy_index","articles"\r\n1985,1,1,103.83,5\r\n2026,10,13,,\r\n2026,10,14,x,\r\n,,,,\r\nNote\r\n',
    ],
    ids=["as published", "other order"],
)
def test_a_date_in_three_columns(tmp_path: Path, text: str) -> None:
    store = RawStore(tmp_path / "landing", fetched_at=datetime(2026, 10, 20, tzinfo=UTC))
    file = store.take("epu_daily", "All_Daily_Policy_Data.csv", text)
    assert (file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == (2, 1, {"header": 1, "blank": 1, "footer": 1})
    assert store.rows("select observation_date::varchar, policy_uncertainty from raw.epu_daily order by 1") == [("1985-01-01", 103.83), ("2026-10-13", None)]
    assert store.reasons() == ["policy_uncertainty: x is not a number"]


# --- sample -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """The sample world's files of these feeds, landed and loaded."""
    landing = Landing(tmp_path_factory.mktemp("sample") / "landing")
    arrivals = []
    for file in render(END, first_year=2018, feeds=SAMPLED):
        pattern = FEEDS[file.feed].format(file.format).file_name
        named = pattern.search(file.name) if pattern else None
        parameters = {name: value for name, value in (named.groupdict() if named else {}).items() if value}
        arrivals.append(Arrival(file.feed, file.format, file.name, file.content, file.edition_at, parameters=parameters))
    landing.land(arrivals, "sample")
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    load_landed(connection, [FEEDS[name] for name in SAMPLED], landing, "build")
    return connection


def test_sample_files_load_whole(sampled: duckdb.DuckDBPyConnection) -> None:
    found = sampled.execute(
        "select feed, sum(rows_loaded) > 0, sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1 order by 1"
    ).fetchall()
    assert found == [(name, True, 0, 0) for name in sorted(SAMPLED)]


def newest(connection: duckdb.DuckDBPyConnection, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    latest = f"select * from raw.{table} where {where} qualify row_number() over (partition by observation_date order by _available_at desc) = 1"
    return connection.execute(f"select {columns} from ({latest}) order by observation_date").fetchall()


def test_the_premium_is_about_five_percent_and_adds_up_to_the_expected_return(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = newest(sampled, "damodaran_erp_monthly", "premium_trailing, bond_rate, expected_return, premium_smoothed", "observation_date >= '2022-01-01'")
    assert len(rows) == 24
    assert all(0.04 < premium < 0.062 for premium, *_ in rows)
    assert all(expected == pytest.approx(premium + rate, abs=2e-4) for premium, rate, expected, _ in rows)
    assert all(smoothed is not None for *_, smoothed in rows)  # one of them was typed with a comma and a percent sign


def test_the_premium_of_a_year_is_that_of_the_month_after(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        """
        select monthly.premium_trailing, yearly.premium_free_cash_flow, monthly.bond_rate, yearly.bond_rate, monthly.index_level, yearly.index_level
        from raw.damodaran_erp_yearly as yearly join raw.damodaran_erp_monthly as monthly on monthly.observation_date = yearly.observation_date + 1
        """
    ).fetchall()
    assert len(rows) == 5
    for monthly, yearly, *rest in rows:
        assert monthly == pytest.approx(yearly, abs=1e-4)
        assert rest[0::2] == pytest.approx(rest[1::2])


def test_the_bond_rate_is_the_ten_year_yield_of_the_day_before(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        """
        select monthly.bond_rate, yields.value / 100
        from raw.damodaran_erp_monthly as monthly
        asof join (select * from raw.fred_series where series_id = 'DGS10' and value is not null) as yields
            on monthly.observation_date > yields.observation_date
        where monthly.observation_date >= '2018-02-01'
        """
    ).fetchall()
    assert len(rows) > 60
    assert all(rate == pytest.approx(yields, abs=6e-5) for rate, yields in rows)


def test_the_convenience_yield_falls_while_capital_leaves(sampled: duckdb.DuckDBPyConnection) -> None:
    figures = truth()["figures"]
    values = dict(newest(sampled, "fred_series", "observation_date::varchar, value", "series_id = 'AAA10Y' and value is not null"))
    assert values["2022-01-03"] == figures["convenience_yield_start_percent"]
    assert values["2023-12-28"] == pytest.approx(figures["convenience_yield_end_percent"], abs=0.1)
    assert values["2023-12-28"] < values["2022-01-03"] - 0.25
    credit = dict(newest(sampled, "fred_series", "observation_date::varchar, value", "series_id = 'BAA10Y' and value is not null"))
    assert all(credit[day] > value for day, value in values.items())


def test_technology_shares_were_revalued_after_rates_rose(sampled: duckdb.DuckDBPyConnection) -> None:
    ratios = dict(newest(sampled, "damodaran_industry_pe", "observation_date::varchar, price_earnings_aggregate", "industry = 'Semiconductor'"))
    assert list(ratios) == ["2020-01-05", "2021-01-05", "2022-01-05", "2023-01-05"]
    assert ratios["2023-01-05"] < 0.8 * ratios["2022-01-05"]


def test_the_price_of_a_month_never_changes_but_the_prices_it_is_expressed_in_do(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        """
        select count(distinct price), count(distinct real_price), count(distinct cape), count(distinct earnings), count(*) filter (where earnings is null)
        from raw.shiller_market where observation_date = '2022-06-30'
        """
    ).fetchall()[0]
    assert rows[:4] == (1, 18, 1, 1)  # from the update of July 2022 to that of December 2023
    assert rows[4] >= 3  # earnings came three updates later
    months = newest(sampled, "shiller_market", "observation_date::varchar, cape, excess_cape_yield, long_interest_rate_percent")
    assert months[-1][0] == "2023-11-30"
    assert all(excess == pytest.approx(1 / cape - rate / 100 + 0.024, abs=1e-4) for _, cape, excess, rate in months)


def test_the_real_yield_of_ten_years_is_that_of_fred(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        """
        select abs(curve.par_yield_percent - series.value)
        from raw.treasury_real_yield as curve
        join raw.fred_series as series on series.series_id = 'DFII10' and series.observation_date = curve.observation_date
        where curve.maturity_months = 120
        """
    ).fetchall()
    assert len(rows) > 1_400
    assert max(rows)[0] < 0.011


def test_the_newest_month_of_policy_uncertainty_is_rescaled(sampled: duckdb.DuckDBPyConnection) -> None:
    changed = "select count(*), min(observation_date)::varchar, max(observation_date)::varchar from raw.epu_daily where _available_at = '2023-10-09 16:00:00'"
    assert sampled.execute(changed).fetchall() == [(30, "2023-09-07", "2023-10-06")]


def test_funds_of_bonds_and_gold_take_in_what_leaves(sampled: duckdb.DuckDBPyConnection) -> None:
    shares = "select ticker, arg_max(shares_outstanding, observation_date) / arg_min(shares_outstanding, observation_date) from raw.ishares_nav"
    growth = dict(sampled.execute(f"{shares} where observation_date >= '2023-06-30' and ticker in ('TLT', 'IAU') group by 1").fetchall())
    assert growth["TLT"] > 1.2
    assert growth["IAU"] > 1.02


def test_what_is_said_of_a_series_agrees_with_its_values(sampled: duckdb.DuckDBPyConnection) -> None:
    rows = sampled.execute(
        """
        select info.series_id, info.last_date, max(series.observation_date), info.units
        from raw.fred_series_info as info join raw.fred_series as series using (series_id) group by all order by 1
        """
    ).fetchall()
    assert len(rows) == 6
    assert all(said == held for _, said, held, _ in rows)
    assert {name: units for name, _, _, units in rows}["NCBEILQ027S"] == "Millions of U.S. Dollars"
