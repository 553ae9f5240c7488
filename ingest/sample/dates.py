"""When things happen in the sample world: trading sessions, report days, and the times at which observations are published."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.holiday import GoodFriday, USFederalHolidayCalendar

from ingest.feed import PublicationLag

Days: TypeAlias = "NDArray[np.datetime64]"
Moments: TypeAlias = "NDArray[np.datetime64]"

# The simulation starts a year before the first day it shows, so that every process has settled by then.
SETTLING_FROM = "2003-01-02"
FIRST_DAY = np.datetime64("2004-01-02", "D")
LAST_DAY = np.datetime64("2023-12-29", "D")
END = datetime(2023, 12, 29, 23, 59, 59, tzinfo=UTC)

# First day of the lunar year, when the Ho Chi Minh exchange closes for about a week.
_LUNAR_NEW_YEAR = (
    "2003-02-01 2004-01-22 2005-02-09 2006-01-29 2007-02-17 2008-02-07 2009-01-26 2010-02-14 2011-02-03 2012-01-23 2013-02-10 "
    "2014-01-31 2015-02-19 2016-02-08 2017-01-28 2018-02-16 2019-02-05 2020-01-25 2021-02-12 2022-02-01 2023-01-22"
)


@cache
def sessions(exchange: str = "XNYS") -> Days:
    """Trading days of an exchange (`XNYS`, `XBOM`, `XIDX`, or `XSTC` for Ho Chi Minh) over the simulated years."""
    if exchange == "XSTC":
        weekdays = pd.bdate_range(SETTLING_FROM, str(LAST_DAY))
        fixed = [(1, 1), (4, 30), (5, 1), (9, 2)]
        closed = {day + np.timedelta64(n, "D") for day in np.array(_LUNAR_NEW_YEAR.split(), "datetime64[D]") for n in range(-2, 5)}
        days = weekdays.to_numpy().astype("datetime64[D]")
        open_days = [(day.month, day.day) not in fixed for day in weekdays]
        return np.asarray(days[np.array(open_days) & ~np.isin(days, np.array(sorted(closed)))])
    calendar = exchange_calendars.get_calendar(exchange, start=SETTLING_FROM, end=str(LAST_DAY))
    return np.asarray(calendar.sessions.to_numpy().astype("datetime64[D]"))


@cache
def federal_holidays() -> Days:
    """US federal holidays on the day they are observed."""
    return np.asarray(USFederalHolidayCalendar().holidays("2002-12-01", "2024-12-31").to_numpy().astype("datetime64[D]"))


@cache
def bond_holidays() -> Days:
    """Days without Treasury yields: federal holidays and Good Friday."""
    fridays = GoodFriday.dates(pd.Timestamp("2003-01-01"), pd.Timestamp("2024-12-31"))
    return np.union1d(federal_holidays(), fridays.to_numpy().astype("datetime64[D]"))


@cache
def weekdays() -> Days:
    """Mondays to Fridays, holidays included: the days of FRED's daily series."""
    return np.asarray(pd.bdate_range(SETTLING_FROM, str(LAST_DAY)).to_numpy().astype("datetime64[D]"))


@cache
def all_days() -> Days:
    """Every calendar day."""
    return np.arange(np.datetime64(SETTLING_FROM, "D"), LAST_DAY + 1)


@cache
def month_ends() -> Days:
    """Last calendar day of each month."""
    months = np.arange(np.datetime64("2003-02", "M"), np.datetime64("2024-01", "M") + 1)
    return np.asarray(months.astype("datetime64[D]") - 1)


@cache
def report_days() -> Days:
    """Days of the positions report since 2006-06-13: Tuesday, or Monday where the exchanges are closed on Tuesday."""
    tuesdays = np.arange(np.datetime64("2006-06-13"), LAST_DAY + 1, 7)
    return np.asarray(np.where(np.isin(tuesdays, sessions()), tuesdays, tuesdays - 1))


def local_to_utc(days: Days, at: str, zone: str) -> Moments:
    """UTC moments (seconds) of a local time "HH:MM" on each day; "24:00" is the midnight that ends the day."""
    hours, minutes = (int(part) for part in at.split(":"))
    local = days.astype("datetime64[s]") + np.timedelta64(hours * 3600 + minutes * 60, "s")
    moments = pd.DatetimeIndex(local).tz_localize(zone).tz_convert("UTC").tz_localize(None)
    return np.asarray(moments.to_numpy().astype("datetime64[s]"))


def published(days: Days, lag: PublicationLag) -> Moments:
    """UTC moments (seconds) at which observations of `days` appear, by a documented publication lag and its declared delays."""
    if lag.business_days:
        due = np.asarray(np.busday_offset(days, lag.days, roll="backward", holidays=federal_holidays()))
    else:
        due = np.asarray(days + np.timedelta64(lag.days, "D"))
    if lag.next_business_day:
        due = np.asarray(np.busday_offset(due, 0, roll="forward", holidays=federal_holidays()))
    moments = local_to_utc(due, lag.at, lag.zone)
    for delay in lag.delays:
        for day, came in delay.published:
            moments = np.where(days == np.datetime64(day), local_to_utc(np.array([came], "datetime64[D]"), delay.at or lag.at, lag.zone), moments)
    return np.asarray(moments)


def moment(day: date | str, at: str = "16:00", zone: str = "America/New_York") -> datetime:
    """One local time as an aware UTC datetime."""
    on = date.fromisoformat(day) if isinstance(day, str) else day
    hours, minutes = (int(part) for part in at.split(":"))
    local = datetime.combine(on + timedelta(days=hours // 24), time(hours % 24, minutes), ZoneInfo(zone))
    return local.astimezone(UTC)


def as_moment(when: datetime) -> np.datetime64:
    """A datetime (taken as UTC when it has no zone) as a numpy moment in seconds, fractions dropped."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return np.datetime64(aware.astimezone(UTC).replace(tzinfo=None, microsecond=0), "s")


def as_datetime(when: np.datetime64) -> datetime:
    """A numpy moment as an aware UTC datetime."""
    value: Any = when.astype("datetime64[s]").item()
    return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, tzinfo=UTC)


CHICAGO = "America/Chicago"  # a vintage of ALFRED is known at the end of its day there


def lag_of(feed: str, series: str | None = None) -> PublicationLag:
    """The delay that is declared for a series of a feed, or for the feed as a whole."""
    from ingest.feeds import FEEDS

    declared = FEEDS[feed]
    return declared.lag_by.get(series, declared.lag) if series else declared.lag
