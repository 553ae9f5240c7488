"""Trading days of exchanges, for publication lags that are counted on them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

FIRST_SESSION = "2003-01-02"  # before it, and after the last session that is known, every weekday counts


@lru_cache(maxsize=16)
def exchange_calendar(code: str) -> numpy.busdaycalendar:
    """Sessions of an exchange by its market identifier (`XIDX` Jakarta, `XBOM` Mumbai) as business days."""
    import exchange_calendars
    import numpy

    calendar = exchange_calendars.get_calendar(code, start=FIRST_SESSION)
    sessions = calendar.sessions.to_numpy().astype("datetime64[D]")
    days = numpy.arange(sessions[0], sessions[-1] + 1)
    # a session may fall on a Saturday: every day of the week may be one, and those that are none are holidays
    outside = numpy.concatenate([numpy.arange(numpy.datetime64("1950-01-01"), days[0]), numpy.arange(days[-1] + 1, numpy.datetime64("2061-01-01"))])
    weekends = outside[~numpy.is_busday(outside)]
    return numpy.busdaycalendar(weekmask="1111111", holidays=numpy.concatenate([days[~numpy.isin(days, sessions)], weekends]))
