"""When observations became known: the documented rules, the days on which they were not kept, and what providers say themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from raw_store import RawStore

from ingest.calendars import exchange_calendar
from ingest.feed import Delay, Feed, PublicationLag
from ingest.feeds import FEEDS
from ingest.feeds.cftc import OUTAGE_2023, SHUTDOWN_2013, SHUTDOWN_2018, SHUTDOWN_2025
from ingest.feeds.fred import SERIES
from ingest.feeds.tic import RELEASE
from ingest.load import publication_times
from ingest.sample import dates
from warehouse.docs import feeds_page

REPORTS = FEEDS["cftc_tff"].lag
LAGS = [(feed.name, lag) for feed in FEEDS.values() for lag in (feed.lag, *feed.lag_by.values(), *feed.lag_by_cadence.values())]


def known(lag: PublicationLag, day: str) -> str:
    """When an observation is known, UTC to the minute."""
    return f"{publication_times(lag, [date.fromisoformat(day)])[0]:%Y-%m-%d %H:%M}"


# --- positions reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "came"),
    [
        # Friday 15:30 in New York, in summer and in winter
        ("2026-05-19", "2026-05-22 19:30"),
        ("2026-02-03", "2026-02-06 20:30"),
        # Monday where a holiday lies between: Juneteenth, Independence Day, Thanksgiving, Christmas
        ("2026-06-16", "2026-06-22 19:30"),
        ("2024-06-18", "2024-06-24 19:30"),
        ("2024-07-02", "2024-07-08 19:30"),
        ("2024-11-26", "2024-12-02 20:30"),
        ("2024-12-24", "2024-12-30 20:30"),
        # a Monday's report in the week of Veterans Day
        ("2024-11-12", "2024-11-15 20:30"),
        # the last report before each interruption, and the first after it, came on time
        ("2013-09-24", "2013-09-27 19:30"),
        ("2013-11-12", "2013-11-15 20:30"),
        ("2018-12-18", "2018-12-21 20:30"),
        ("2019-03-05", "2019-03-08 20:30"),
        ("2023-01-24", "2023-01-27 20:30"),
        ("2023-03-14", "2023-03-17 19:30"),
        ("2025-09-23", "2025-09-26 19:30"),
        ("2026-01-20", "2026-01-23 20:30"),
        # those between came weeks later
        ("2013-10-01", "2013-11-15 20:30"),
        ("2018-12-24", "2019-02-01 20:30"),
        ("2018-12-31", "2019-02-05 20:30"),
        ("2019-01-08", "2019-02-08 20:30"),
        ("2019-02-26", "2019-03-05 20:30"),
        ("2023-02-07", "2023-03-03 20:30"),
        ("2025-09-30", "2025-11-19 20:30"),
        ("2025-11-10", "2025-12-12 20:30"),
        ("2026-01-13", "2026-01-20 20:30"),
    ],
)
def test_positions_reports(report: str, came: str) -> None:
    assert known(REPORTS, report) == came


@pytest.mark.parametrize("delay", [SHUTDOWN_2013, SHUTDOWN_2018, OUTAGE_2023, SHUTDOWN_2025], ids=["2013", "2018", "2023", "2025"])
def test_delayed_reports_came_in_order_later_than_the_rule_and_none_is_missing(delay: Delay) -> None:
    reports, came = zip(*delay.published, strict=True)
    assert list(came) == sorted(came)
    rule = publication_times(replace(REPORTS, delays=()), reports)
    late = publication_times(REPORTS, reports)
    assert (late > rule).all()
    assert all(day.weekday() < 5 for day in came)
    # weekly reports of a Tuesday, or of the Monday before a holiday
    weeks = {report - timedelta(days=report.weekday()) for report in reports}
    assert len(weeks) == len(reports)
    assert max(weeks) - min(weeks) == timedelta(weeks=len(weeks) - 1)
    assert {report.weekday() for report in reports} <= {0, 1}


def report(day: str, created: str | None, interest: int = 10) -> dict[str, str]:
    sides = {f"{group}_positions_{side}": "1" for group in ("lev_money", "asset_mgr", "other_rept") for side in ("long", "short")}
    dealers = {"dealer_positions_long_all": "1", "dealer_positions_short_all": "1"}
    stated = {":created_at": created} if created else {}
    about = {"report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000", "cftc_contract_market_code": "13874A", "futonly_or_combined": "FutOnly"}
    return {**stated, **about, "open_interest_all": str(interest), **dealers, **sides}


def test_a_reports_own_time_wins_over_the_schedule_and_a_bulk_load_does_not(tmp_path: Path) -> None:
    """Rows of a shutdown were created weeks after they were due, yet each on its own day; rows of a migration years later."""
    store = RawStore(tmp_path / "landing")
    rows = [
        report("2018-12-24", "2022-06-14T10:00:00.000Z"),
        report("2019-03-05", "2022-06-14T10:00:00.000Z"),
        report("2025-09-30", "2025-11-19T20:31:07.000Z"),
        report("2025-10-07", "2025-11-24T20:30:11.000Z"),
        report("2025-12-16", None),
        report("2026-06-16", "2026-06-22T19:30:53.000Z"),
    ]
    store.take("cftc_tff", "cftc_tff.json", json.dumps(rows))
    assert store.rows("select observation_date::varchar, _available_at::varchar, _available_at_source from raw.cftc_tff order by 1") == [
        ("2018-12-24", "2019-02-01 20:30:00", "lag"),
        ("2019-03-05", "2019-03-08 20:30:00", "lag"),
        ("2025-09-30", "2025-11-19 20:31:07", "provider"),
        # later than announced, by its own time
        ("2025-10-07", "2025-11-24 20:30:11", "provider"),
        ("2025-12-16", "2026-01-06 20:30:00", "lag"),
        ("2026-06-16", "2026-06-22 19:30:53", "provider"),
    ]


def test_a_report_weeks_late_is_no_bulk_load_even_where_its_delay_is_not_declared(tmp_path: Path) -> None:
    plain = replace(FEEDS["cftc_tff"], lag=replace(REPORTS, delays=()))
    store = RawStore(tmp_path / "landing", [plain])
    store.take("cftc_tff", "cftc_tff.json", json.dumps([report("2025-09-30", "2025-11-19T20:31:07.000Z"), report("2018-12-24", "2022-06-14T10:00:00.000Z")]))
    assert store.rows("select _available_at::varchar, _available_at_source from raw.cftc_tff order by 1") == [
        ("2018-12-28 20:30:00", "lag"),
        ("2025-11-19 20:31:07", "provider"),
    ]


def test_a_saved_year_of_reports_is_known_report_by_report(tmp_path: Path) -> None:
    """A file saved much later holds the delayed reports: they are known by the schedule, in its order."""
    store = RawStore(tmp_path / "landing")
    columns = ["Market_and_Exchange_Names", "Report_Date_as_YYYY-MM-DD", "CFTC_Contract_Market_Code", "FutOnly_or_Combined", "Open_Interest_All"]
    columns += [f"{group}_Positions_{side}_All" for group in ("Dealer", "Asset_Mgr", "Lev_Money", "Other_Rept") for side in ("Long", "Short")]
    lines = [",".join(["E-MINI", day, "13874A", "FutOnly", "9", *["1"] * 8]) for day in ("2019-01-15", "2019-01-08", "2018-12-18")]
    store.take("cftc_tff", "FinFutYY.txt", "\n".join([",".join(columns), *lines, ""]))
    assert store.rows("select observation_date::varchar, _available_at::varchar from raw.cftc_tff order by 1") == [
        ("2018-12-18", "2018-12-21 20:30:00"), ("2019-01-08", "2019-02-08 20:30:00"), ("2019-01-15", "2019-02-12 20:30:00"),
    ]  # fmt: skip


# --- other rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("series", "observed", "came"),
    [
        ("PCEPILFE", "2025-08-01", "2025-10-01 12:30"),
        ("PCEPILFE", "2025-09-01", "2025-12-05 15:00"),
        ("PCEPILFE", "2025-10-01", "2026-01-22 15:00"),
        ("PCEPILFE", "2025-11-01", "2026-01-22 15:00"),
        ("PCEPILFE", "2025-12-01", "2026-02-20 13:30"),
        ("PCEPILFE", "2018-12-01", "2019-03-01 13:30"),
        ("GDP", "2025-04-01", "2025-08-01 12:30"),
        ("GDP", "2025-07-01", "2025-12-23 13:30"),
        ("GDP", "2025-10-01", "2026-02-20 13:30"),
    ],
)
def test_national_accounts_after_the_shutdowns(series: str, observed: str, came: str) -> None:
    assert known(SERIES[series], observed) == came


@pytest.mark.parametrize(
    ("month", "released"),
    [
        ("2023-10-31", "2023-12-19"), ("2025-10-31", "2025-12-18"), ("2025-11-30", "2026-01-15"), ("2025-12-31", "2026-02-18"),
        ("2026-07-31", "2026-09-16"), ("2026-09-30", "2026-11-18"),
    ],
)  # fmt: skip
def test_no_month_of_capital_flows_counts_as_known_before_its_release(month: str, released: str) -> None:
    at = datetime.fromisoformat(f"{known(RELEASE, month)}")
    assert timedelta(0) <= at.date() - date.fromisoformat(released) <= timedelta(days=4)
    assert at.hour in (20, 21)


def test_capital_flows_of_august_2025_came_with_september() -> None:
    assert known(RELEASE, "2025-08-31") == known(RELEASE, "2025-09-30") == "2025-11-18 21:00"


@pytest.mark.parametrize(
    ("quarter", "deadline"),
    [
        ("2026-03-31", "2026-05-16 04:00"),  # a Friday
        ("2025-12-31", "2026-02-18 05:00"),  # 14 February is a Saturday and the Monday after it a holiday
        ("2020-06-30", "2020-08-15 04:00"),
        ("2021-06-30", "2021-08-17 04:00"),  # 14 August is a Saturday
    ],
)
def test_a_deadline_that_falls_on_no_business_day_moves_to_the_next(quarter: str, deadline: str) -> None:
    rule = PublicationLag(45, "24:00", next_business_day=True, source="17 CFR 240.13f-1 and 240.0-3")
    assert known(rule, quarter) == deadline
    assert str(rule) == "45 days, or the next business day, 24:00 New York"


@pytest.mark.parametrize(
    ("exchange", "zone", "observed", "came"),
    [
        # Jakarta was closed from 19 to 25 April 2023 for Eid al-Fitr, when New York traded
        ("XIDX", "Asia/Jakarta", "2023-04-18", "2023-04-26 01:00"),
        ("XIDX", "Asia/Jakarta", "2023-04-17", "2023-04-18 01:00"),
        # Mumbai trades on the fourth of July, and was closed on 26 January
        ("XBOM", "Asia/Kolkata", "2023-07-03", "2023-07-04 02:30"),
        ("XBOM", "Asia/Kolkata", "2023-01-25", "2023-01-27 02:30"),
        # before the calendar begins every weekday counts
        ("XIDX", "Asia/Jakarta", "1999-12-31", "2000-01-03 01:00"),
    ],
)
def test_business_days_may_be_the_sessions_of_an_exchange(exchange: str, zone: str, observed: str, came: str) -> None:
    rule = PublicationLag(1, "08:00", zone, business_days=True, exchange=exchange)
    assert known(rule, observed) == came
    assert str(rule).startswith(f"1 session of {exchange}, 08:00 ")


def test_a_weekend_is_no_session() -> None:
    days = np.arange("2026-01-01", "2070-01-01", dtype="datetime64[D]")
    sessions = np.is_busday(days[days < np.datetime64("2060-12-31")], busdaycal=exchange_calendar("XIDX"))
    weekdays = np.is_busday(days[: len(sessions)])
    assert not (sessions & ~weekdays).any()


def test_times_are_given_in_the_order_asked_for_and_for_repeated_days() -> None:
    days = [date(2025, 10, 7), date(2025, 9, 23), date(2025, 10, 7)]
    assert [str(at) for at in publication_times(REPORTS, days)] == ["2025-11-21 20:30:00", "2025-09-26 19:30:00", "2025-11-21 20:30:00"]
    assert len(publication_times(REPORTS, [])) == 0


@pytest.mark.parametrize(("name", "lag"), LAGS, ids=[f"{name}-{number}" for number, (name, _) in enumerate(LAGS)])
def test_the_sample_world_publishes_by_the_same_rules(name: str, lag: PublicationLag) -> None:
    days = np.arange("2012-01-01", "2023-12-30", dtype="datetime64[D]")
    if not lag.exchange:
        assert (dates.published(days, lag) == publication_times(lag, days.tolist()).to_numpy().astype("datetime64[s]")).all()


# --- the page -----------------------------------------------------------------------------------------------------------


def test_every_rule_has_a_source_and_every_delay_too() -> None:
    assert [name for name, lag in LAGS if not lag.source and not FEEDS[name].filing_of] == []
    assert all(delay.source and delay.published for _, lag in LAGS for delay in lag.delays)


def test_the_page_says_how_availability_is_determined_with_its_source() -> None:
    page = feeds_page(FEEDS)
    section = page[page.index("## How each feed's availability is determined") :]
    section = section[: section.index("\n## ", 5)]
    for feed in FEEDS.values():
        assert f"| {feed.name}" in section, feed.name
    row = next(line for line in section.splitlines() if line.startswith("| cftc_tff |"))
    assert "`published_at`, unless 90 days later than the rule (a bulk load); else the rule" in row
    assert "16 from 2025-09-30 to 2026-01-13 came 2025-11-19 to 2026-01-20 (CFTC, 2025-11-18: schedule of the reports interrupted by the shutdown)" in row
    row = next(line for line in section.splitlines() if line.startswith("| fred_series: PCEPILFE |"))
    assert f"| `{FEEDS['fred_series'].vintage_column}`, its end; else the rule |" in row
    assert "3 from 2025-09-01 to 2025-11-01 came 2025-12-05 to 2026-01-22 at 10:00" in row


def test_lines_of_filings_are_known_with_their_filing() -> None:
    lines: Feed = replace(FEEDS["world_bank_indicator"], name="lines", filing_of="filings")
    assert "| lines | the filing it is a line of, in filings |" in feeds_page({"lines": lines})
