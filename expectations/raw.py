"""Suites of the raw gate: one for each feed, derived from its declaration, and one for the files.

What the loader enforces row by row (types, physical bounds) is not repeated here; a row that breaks it is in quarantine.
What must add up by a provider's definitions stands in `reconciliation.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from expectations.check import (
    BuildUnderCheck,
    Check,
    Suite,
    day,
    has_rows,
    identifier,
    identifiers,
    key_present,
    key_unique,
    literal,
    query,
    timestamp,
)
from expectations.history import with_history
from expectations.reconciliation import RECONCILIATIONS, no_reconciliation
from ingest.feed import Cadence, PublicationLag

if TYPE_CHECKING:
    from ingest.feed import Feed

# A release that is late by this many cadences is taken for a broken feed rather than a late one.
STALE_CADENCES = 3

# Share of a year's trading days one series of several may lack, as markets abroad close on up to 8% of New York's trading days,
# and of its weeks, months or quarters.
TOLERATED_MISSING_DAYS = 0.10
TOLERATED_MISSING_PERIODS = 0.05

# Feeds dated on trading days that have values on holidays on which only futures trade.
CALCULATED_ON_HOLIDAYS = frozenset({"cboe_index_history"})

# Feeds of very many series that come and go and jump by orders of magnitude, so that a gap or a jump of one of them says nothing.
ERRATIC = frozenset({"sec_fails_to_deliver", "sec_nport", "sec_company_ticker"})

# Share of the newest year's dates that may fall on weekends before the dates are taken to be shifted (a shift makes it a fifth).
TOLERATED_WEEKENDS = 0.02

# Columns CFTC leaves empty whenever fewer than four traders report.
OFTEN_WITHHELD = "traders_"

# Share of a file's rows that may be quarantined without remark.
TOLERATED_QUARANTINE = 0.01

# Step of the calendar by cadence, as date_trunc names it.
STEPS: Mapping[Cadence, str] = {
    Cadence.DAILY: "day",
    Cadence.WEEKLY: "week",
    Cadence.TWICE_A_MONTH: "month",
    Cadence.MONTHLY: "month",
    Cadence.QUARTERLY: "quarter",
    Cadence.HALF_YEARLY: "year",
    Cadence.YEARLY: "year",
}


# Columns that come with a later update than the rest of their row: earnings are reported one or two quarters after the price.
COME_LATER: Mapping[str, tuple[str, ...]] = {"shiller_market": ("dividend", "earnings", "real_dividend", "real_earnings", "real_total_return_scaled_earnings")}


def suites(build: BuildUnderCheck, feeds: Mapping[str, Feed]) -> list[Suite]:
    """The suites of the raw gate: `raw.file` for `meta.file`, and `raw.<feed>` for each declared feed."""
    return [file_suite(build), *(feed_suite(build, feed) for feed in feeds.values())]


def feed_suite(build: BuildUnderCheck, feed: Feed) -> Suite:
    """The suite of one feed's raw table; not run when no file of the feed has been loaded."""
    name = f"raw.{feed.name}"
    status = build.feeds.get(feed.name, "absent")
    if status == "absent":
        return Suite(name, "raw", feed.name, skipped="absent: no file of this feed has landed")
    if status == "quarantined":
        why = "every file of this feed is in quarantine; see meta.file.message"
        return Suite(name, "raw", feed.name, skipped=why, skipped_severity="warning")
    if ("raw", feed.name) not in build.columns:
        return Suite(name, "raw", feed.name, skipped="files were loaded but the table does not exist", skipped_severity="critical")
    if feed.filing_of:
        return Suite(name, "raw", feed.name, tuple(_lines_of_filings(build, feed, feed.filing_of)))
    checks = [
        has_rows(f"The table has rows, as files of {feed.name} were loaded."),
        key_unique((*feed.identity, "_available_at")),
        key_present((*feed.key, "_file_id", "_available_at", "_available_at_source")),
        _known_after_observed(feed),
        *_freshness(build, feed),
        _calendar_complete(build, feed),
        *_dates(build, feed),
        *_distribution(build, feed),
        *RECONCILIATIONS.get(feed.name, no_reconciliation)(build, feed),
    ]
    return with_history(build, Suite(name, "raw", feed.name, tuple(checks)), (feed.observation_column,))


def file_suite(build: BuildUnderCheck) -> Suite:
    """The suite of `meta.file`: nothing a file held is lost, and files that look wrong are named."""
    if ("meta", "file") not in build.columns:
        return Suite("raw.file", "meta", "file", skipped="the table meta.file does not exist", skipped_severity="critical")
    rows_accounted_for = query(
        """
        select file_id, feed, name, rows_read, rows_loaded, rows_quarantined, rows_unchanged
        from {batch}
        where
            coalesce(rows_read, 0) <> coalesce(rows_loaded, 0) + coalesce(rows_quarantined, 0) + coalesce(rows_unchanged, 0)
            or (status = 'loaded' and rows_read is null)
        """
    )
    quarantine_small = query(
        f"""
        with held as (
            select file_id, count(*) as rows_held, min(reason) as example
            from meta.quarantine
            where decision is null
            group by file_id
        ),
        files as (
            select * from {{batch}}
        )
        select files.file_id, files.feed, files.name, files.rows_read, held.rows_held, held.example
        from files
        inner join held on held.file_id = files.file_id
        where files.status = 'loaded' and held.rows_held > {TOLERATED_QUARANTINE} * files.rows_read
        """
    )
    files_not_shrunken = query(
        """
        with editions as (
            select
                file_id, feed, name, rows_read,
                lag(rows_read) over same_file as rows_before,
                lead(file_id) over same_file as next_file
            from {batch}
            where status = 'loaded'
            window same_file as (partition by feed, name order by coalesce(edition_at, fetched_at), file_id)
        )
        select file_id, feed, name, rows_read, rows_before
        from editions
        where next_file is null and rows_read < 0.9 * rows_before
        """
    )
    files_readable = "select file_id, feed, name, sha256, message\nfrom {batch}\nwhere status = 'quarantined'"
    return Suite(
        "raw.file",
        "meta",
        "file",
        (
            has_rows("At least one file has landed."),
            Check(
                "rows_accounted_for",
                "For every file, rows read = rows loaded + rows quarantined + rows unchanged.",
                "critical",
                rows_accounted_for,
            ),
            Check("rows_stored", "For every file, the rows loaded are in its raw table.", "critical", _rows_stored(build)),
            Check("files_readable", "No file is in quarantine as a whole, undecided.", "warning", files_readable),
            Check("quarantine_small", f"At most {TOLERATED_QUARANTINE:.0%} of a file's rows are in quarantine, undecided.", "warning", quarantine_small),
            Check(
                "files_not_shrunken",
                "The newest edition of a file has at least nine tenths of the rows of the edition before it.",
                "warning",
                files_not_shrunken,
            ),
        ),
    )


def _rows_stored(build: BuildUnderCheck) -> str:
    tables = [table for schema, table in sorted(build.columns) if schema == "raw" and "_file_id" in build.columns[schema, table]]
    counts = [f"select _file_id, count(*) as rows_stored from raw.{identifier(table)} group by all" for table in tables]
    stored = "\n    union all\n    ".join(counts or ["select null::integer as _file_id, 0 as rows_stored where false"])
    text = query(
        """
        with stored as (
            <counts>
        ),
        files as (
            select * from {batch}
        )
        select files.file_id, files.feed, files.name, files.rows_loaded, coalesce(stored.rows_stored, 0) as rows_stored
        from files
        left join stored on stored._file_id = files.file_id
        where
            coalesce(files.rows_loaded, 0) <> coalesce(stored.rows_stored, 0)
            -- a build as of an earlier day holds only part of a later edition
            and coalesce(files.edition_at <= <as_of>, true)
        """
    )
    return text.replace("<as_of>", timestamp(build.as_of)).replace("<counts>", stored)


# -- derived from the declaration ------------------------------------------------------------------------------------


def _series(feed: Feed) -> str:
    """SQL text naming the series a row belongs to: its key without the date; '' when the feed is one series."""
    columns = [column for column in feed.key if column != feed.observation_column]
    return f"concat_ws(' ', {identifiers(columns)})" if columns else "''"


def _known_after_observed(feed: Feed) -> Check:
    # a day of slack, since observation dates are local and availability is UTC
    date = f"observed.{identifier(feed.observation_column)}"
    return Check(
        "known_after_observed",
        "No observation is dated after the day it became known, or after the day its file was fetched.",
        "critical",
        query(
            f"""
            with observed as (
                select * from {{batch}}
            )
            select {identifiers(feed.identity, "observed.")}, observed._available_at, files.fetched_at, files.name
            from observed
            left join meta.file as files on files.file_id = observed._file_id
            where {date} > cast(observed._available_at as date) + 1 or {date} > cast(files.fetched_at as date) + 1
            """
        ),
    )


def _lag_days(lag: PublicationLag) -> int:
    # 3 business days span at most 3 weekend or holiday days more
    days = math.ceil(lag.days * 1.5) + 2 if lag.business_days else lag.days
    if lag.next_business_day:
        days += 4  # a long weekend, and the holiday after it
    return days + 1


def _lines_of_filings(build: BuildUnderCheck, feed: Feed, filings: str) -> Iterable[Check]:
    """Lines have no date of their own: what is checked is that they belong to a filing and add up to it.

    Only the files this build loaded are looked at: filings never change, and their lines are a hundred million.
    """
    newly_loaded = f"_file_id in (select file_id from meta.file where feed = {literal(feed.name)} and build_id = {literal(build.build_id)})"
    key = identifiers(feed.key)
    filing = identifier(feed.key[0])
    missing = " or ".join(f"{identifier(column)} is null" for column in (*feed.key, "_file_id"))
    yield has_rows(f"The table has rows, as files of {feed.name} were loaded.", "warning" if build.is_replay else "critical")
    yield Check(
        "key_unique",
        f"No two lines have the same {', '.join(feed.key)}.",
        "critical",
        f"select {key}, count(*) as rows_with_this_key\nfrom {{batch}}\nwhere {newly_loaded}\ngroup by all\nhaving count(*) > 1",
    )
    yield Check("key_present", f"Every line has {', '.join(feed.key)}.", "critical", f"select {key}\nfrom {{batch}}\nwhere {newly_loaded} and ({missing})")
    yield Check(
        "filing_known",
        f"Every line belongs to a filing of {filings}; others are known by no day and reach no model.",
        "warning",
        query(
            f"""
            select {filing}, count(*) as lines
            from {{batch}}
            where {newly_loaded} and {filing} not in (select {filing} from raw.{identifier(filings)})
            group by all
            """
        ),
    )
    yield from RECONCILIATIONS.get(feed.name, no_reconciliation)(build, feed)


def _freshness(build: BuildUnderCheck, feed: Feed) -> Iterable[Check]:
    date = identifier(feed.observation_column)
    due_days = feed.cadence.days + _lag_days(feed.lag)
    stale_days = STALE_CADENCES * feed.cadence.days + _lag_days(feed.lag)

    def older_than(days: int) -> str:
        earliest = day((build.as_of - timedelta(days=days)).date())
        return query(
            f"""
            select max({date}) as newest_observation, {earliest} as expected_from
            from {{batch}}
            where {build.known}
            having max({date}) < {earliest}
            """
        )

    yield Check(
        "fresh",
        f"The newest observation is at most {due_days} days old: {feed.cadence.value}, published after {feed.lag}.",
        "warning",
        older_than(due_days),
    )
    if not build.is_replay:
        # a late release is the provider's affair; one this late means that fetching or reading is broken
        yield Check("not_stale", f"The newest observation is at most {stale_days} days old.", "critical", older_than(stale_days))
    if feed.lag_by:
        yield _series_fresh(build, feed)


def _series_fresh(build: BuildUnderCheck, feed: Feed) -> Check:
    date, name = identifier(feed.observation_column), identifier(feed.key[0])
    lags = ", ".join(f"({literal(series)}, {_lag_days(lag)})" for series, lag in sorted(feed.lag_by.items()))
    by_cadence = sorted(feed.lag_by_cadence.items(), key=lambda entry: entry[0].days)
    cases = " ".join(f"when usual_step <= {cadence.days} then {_lag_days(lag)}" for cadence, lag in by_cadence)
    otherwise = f"case {cases} else {_lag_days(feed.lag)} end" if cases else str(_lag_days(feed.lag))
    today = day(build.as_of.date())
    return Check(
        "series_fresh",
        "Each series has its next observation once its usual step and its publication lag have passed (two years without one: ended).",
        "warning",
        query(
            f"""
            with lags(series, lag_days) as (
                values {lags}
            ),
            observed as (
                select distinct {name} as series, {date} as observed_on
                from {{batch}}
                where {build.known}
            ),
            steps as (
                select *, observed_on - lag(observed_on) over (partition by series order by observed_on) as days
                from observed
            ),
            newest as (
                select series, max(observed_on) as newest_observation, greatest(quantile_cont(days, 0.9), 4) as usual_step
                from steps
                group by series
                having count(*) >= 10
            ),
            due as (
                select newest.*, coalesce(lags.lag_days, {otherwise}) as lag_days
                from newest
                left join lags on lags.series = newest.series
            )
            select series, newest_observation, usual_step, lag_days
            from due
            where newest_observation between {today} - 730 and {today} - cast(1.1 * usual_step + lag_days as integer) - 1
            """
        ),
    )


def _calendar_complete(build: BuildUnderCheck, feed: Feed) -> Check:
    """No period is missing inside the feed's own range; a series of many may lack a few (closed markets, small contracts)."""
    date = identifier(feed.observation_column)
    # the government is closed on some days on which the exchange trades
    open_days = " where not is_federal_holiday" if feed.dated == "federal business day" else ""
    return Check(
        "calendar_complete",
        "No trading day, week, month, quarter or year is missing between the first observation and the last; "
        f"of one series among several, in the newest two years, at most {TOLERATED_MISSING_DAYS:.0%} of the days or "
        f"{TOLERATED_MISSING_PERIODS:.0%} of the longer periods.",
        "warning",
        query(
            f"""
            with observed as (
                select distinct {_series(feed)} as series, {date} as observed_on
                from {{batch}}
                where {build.known}
            ),
            steps as (
                select *, observed_on - lag(observed_on) over (partition by series order by observed_on) as days
                from observed
            ),
            -- the step of each series in the calendar; series that have no more than a few observations are left out
            spans as (
                select
                    series, false as is_whole_feed, min(observed_on) as first_day, max(observed_on) as last_day,
                    case
                        when median(days) <= 3 then 'day' when median(days) <= 10 then 'week'
                        when median(days) <= 45 then 'month' when median(days) <= 120 then 'quarter' when median(days) <= 400 then 'year'
                    end as step
                from steps
                group by series
                having count(*) >= 10
                union all
                select 'whole feed', true, min(observed_on), max(observed_on), {literal(STEPS[feed.cadence])}
                from observed
            ),
            calendar as (
                select 'day' as step, trading_day as period from trading_day{open_days}
                union
                select step, cast(date_trunc(step, trading_day) as date)
                from trading_day
                cross join (values ('week'), ('month'), ('quarter'), ('year')) as steps(step)
            ),
            expected as (
                select spans.series, spans.is_whole_feed, spans.step, calendar.period
                from spans
                inner join calendar on calendar.step = spans.step and calendar.period between spans.first_day and spans.last_day
            ),
            -- joined on the name alone, once for the series and once for the whole: a feed may have millions of rows in thousands of series
            named as (
                select series, observed_on from observed
                union all
                select distinct 'whole feed', observed_on from observed
            ),
            seen as (
                select distinct
                    spans.series,
                    case
                        when spans.step = 'day' then named.observed_on
                        else cast(date_trunc(spans.step, named.observed_on) as date)
                    end as period
                from named
                inner join spans on spans.series = named.series
            ),
            years as (
                select
                    expected.series, expected.is_whole_feed, expected.step, year(expected.period) as in_year, count(*) as periods,
                    count(*) filter (where seen.period is null) as missing,
                    min(expected.period) filter (where seen.period is null) as first_missing,
                    max(expected.period) filter (where seen.period is null) as last_missing
                from expected
                left join seen on seen.series = expected.series and seen.period = expected.period
                group by all
            )
            select series, in_year, missing, periods, first_missing, last_missing
            from years
            where
                case
                    -- series of several cadences have no calendar in common
                    when is_whole_feed then missing > 0 and {str(not feed.lag_by).lower()}
                    when {str(feed.name in ERRATIC).lower()} then false
                    when in_year < (select max(in_year) from years) - 1 then false
                    when step = 'day' then missing > {TOLERATED_MISSING_DAYS} * periods
                    else missing > {TOLERATED_MISSING_PERIODS} * periods
                end
            order by in_year desc, series
            """
        ),
    )


def _dates(build: BuildUnderCheck, feed: Feed) -> Iterable[Check]:
    """Dates fall on days on which the provider can observe: this is how a shifted date shows."""
    date = identifier(feed.observation_column)
    if feed.dated == "month end":
        yield Check(
            "dated_at_month_end",
            "Every observation is dated at the end of its month.",
            "critical",
            f"select {identifiers(feed.identity)}\nfrom {{batch}}\nwhere {date} <> last_day({date})",
        )
    if feed.cadence is Cadence.WEEKLY and feed.provider == "cftc":
        yield Check(
            "dated_on_tuesday",
            "Positions are those of a Tuesday's close, or a Monday's in a holiday week.",
            "warning",
            f"select {date}, count(*) as records\nfrom {{batch}}\nwhere isodow({date}) not in (1, 2)\ngroup by all",
        )
    if feed.dated != "trading day":
        return
    observed = query(
        f"""
        with observed as (
            select {_series(feed)} as series, {date} as observed_on
            from {{batch}}
            where {build.known}
        )
        """
    )
    weekends = query(
        f"""
        , newest as (
            select series, max(observed_on) - 365 as from_day
            from observed
            group by series
        )
        select
            observed.series, count(*) as days, count(*) filter (where isodow(observed.observed_on) > 5) as weekend_days,
            max(observed.observed_on) filter (where isodow(observed.observed_on) > 5) as newest_weekend_day
        from observed
        inner join newest on newest.series = observed.series and observed.observed_on > newest.from_day
        group by observed.series
        having weekend_days > greatest({TOLERATED_WEEKENDS} * days, 2)
        """
    )
    # indices are calculated on holidays on which futures trade, so only their weekends are strange
    is_holiday = "" if feed.name in CALCULATED_ON_HOLIDAYS else " or observed_on not in (select trading_day from trading_day)"
    stray_days = query(
        f"""
        select series, observed_on
        from observed
        where observed_on >= (select min(trading_day) from trading_day) and (isodow(observed_on) > 5{is_holiday})
        order by observed_on desc
        """
    )
    yield Check(
        "dated_on_weekdays",
        f"At most {TOLERATED_WEEKENDS:.0%} of a series' newest year are Saturdays and Sundays; dates shifted by a day show here.",
        "critical",
        f"{observed}\n{weekends}",
    )
    yield Check(
        "no_stray_days",
        "No observation is dated on a weekend" + (" or a day on which the New York Stock Exchange was closed." if is_holiday else "."),
        "warning",
        f"{observed}\n{stray_days}",
    )


def _distribution(build: BuildUnderCheck, feed: Feed) -> Iterable[Check]:
    """Values keep their presence, unit and level; judged on the newest years, in the newest version of each observation."""
    measures = [column.name for column in feed.measures if column.type in ("BIGINT", "DOUBLE")]
    if not measures or feed.name in ERRATIC:
        return
    date = identifier(feed.observation_column)
    # two years make a trailing year and a newest one; slow series need more to have a history at all
    years = 2 if feed.cadence in (Cadence.DAILY, Cadence.WEEKLY) and not feed.lag_by else 4
    as_double = ", ".join(f"cast({name} as double) as {name}" for name in map(identifier, measures))
    observed = query(
        f"""
        with newest_day as (
            select max({date}) as newest_day
            from {{batch}}
            where {build.known}
        ),
        newest as (
            select {_series(feed)} as series, {date} as observed_on, {as_double}
            from {{batch}}
            where {build.known} and {date} > (select newest_day from newest_day) - {366 * years}
            qualify row_number() over (partition by {identifiers(feed.key)} order by _available_at desc, _file_id desc) = 1
        ),
        aged as (
            select *, row_number() over (partition by series order by observed_on desc) as age
            from newest
        ),
        observed as (
            select series, observed_on, age, measure, value
            from aged
            unpivot include nulls (value for measure in ({identifiers(measures)}))
        )
        """
    )
    later = "".join(f" and measure <> {literal(name)}" for name in COME_LATER.get(feed.name, ()))
    values_lost = query(
        f"""
        select
            series, measure,
            count(*) filter (where age <= 5 and value is null) as null_of_newest_5,
            count(*) filter (where age > 5 and value is null) as null_before,
            count(*) filter (where age > 5) as observations_before
        from observed
        where not starts_with(measure, {literal(OFTEN_WITHHELD)}){later}
        group by all
        having null_of_newest_5 >= 3 and observations_before >= 8 and null_before < 0.2 * observations_before
        order by all
        """
    )
    unit_changed = query(
        """
        , ranges as (
            select
                series, measure,
                arg_min(value, age) as newest_value,
                min(abs(value)) filter (where age <= 5) as newest_smallest,
                max(abs(value)) filter (where age <= 5) as newest_largest,
                min(value) filter (where age <= 5) as newest_lowest,
                max(value) filter (where age <= 5) as newest_highest,
                min(abs(value)) filter (where age > 5 and value <> 0) as smallest_before,
                max(abs(value)) filter (where age > 5) as largest_before,
                min(value) filter (where age > 5) as lowest_before,
                max(value) filter (where age > 5) as highest_before,
                median(abs(value)) filter (where age > 5) as typical_before,
                count(*) filter (where age > 5 and value <> 0) as observations_before,
                count(*) filter (where age > 5) as rows_before
            from observed
            group by all
        )
        select series, measure, newest_value, newest_smallest, newest_largest, smallest_before, largest_before
        from ranges
        where
            -- a series that is often zero or missing has no usual size
            observations_before >= greatest(12, 0.8 * rows_before)
            and (
                abs(newest_value) > 50 * largest_before
                or (newest_value <> 0 and abs(newest_value) < smallest_before / 50)
                or newest_smallest > 10 * largest_before
                or (newest_smallest > 0 and newest_largest < smallest_before / 10)
                or (newest_smallest > typical_before / 2 and newest_highest < 0 and lowest_before > 0)
                or (newest_smallest > typical_before / 2 and newest_lowest > 0 and highest_before < 0)
            )
        order by all
        """
    )
    level_moved = query(
        """
        , years as (
            select
                series, measure,
                median(value) filter (where observed_on > newest_day - 365) as newest_median,
                median(value) filter (where observed_on <= newest_day - 365) as trailing_median,
                mad(value) filter (where observed_on <= newest_day - 365) as trailing_spread,
                count(value) filter (where observed_on <= newest_day - 365) as observations_before
            from observed
            cross join newest_day
            group by all
            having observations_before >= 12 and newest_median is not null
        ),
        moves as (
            select
                *,
                abs(newest_median - trailing_median)
                > 10 * greatest(1.4826 * trailing_spread, 0.1 * abs(trailing_median), 1e-12) as has_moved
            from years
        )
        select
            measure, count(*) filter (where has_moved) as series_moved, count(*) as series_judged,
            median(trailing_median) as typical_before, median(newest_median) as typical_now
        from moves
        group by measure
        having series_moved >= 0.5 * series_judged
        order by all
        """
    )
    yield Check(
        "values_present",
        "No series loses its values: of the newest 5 observations at most 2 are null where fewer than a fifth were before.",
        "warning",
        f"{observed}\n{values_lost}",
    )
    yield Check(
        "unit_unchanged",
        "No series changes its unit or sign: its newest value is within 50 times, its newest 5 within 10 times what was seen before, "
        "and the newest 5 do not all have the opposite sign.",
        "warning",
        f"{observed}\n{unit_changed}",
    )
    yield Check(
        "level_unchanged",
        "In fewer than half of the series has the median of the newest year moved from the trailing year's by more than 10 robust "
        "standard deviations (at least a tenth of the level each).",
        "warning",
        f"{observed}\n{level_moved}",
    )
