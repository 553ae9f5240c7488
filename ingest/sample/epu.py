"""Economic Policy Uncertainty: one file, whose newest month is put on another scale now and then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.process import autoregression, interpolated, path, rounded, stream
from ingest.sample.tables import Revision, Table
from ingest.sample.world import World

RESCALED = ((dates.moment("2023-03-06", "12:00"), 1.08), (dates.moment("2023-10-09", "12:00"), 0.94))
_PRELIMINARY_DAYS = 30

_LEVEL = path(
    "2004-01-01 75, 2007-06-01 60, 2008-10-15 210, 2009-06-01 130, 2011-08-10 230, 2012-12-20 180, 2015-06-01 75, 2016-11-15 150, 2017-12-01 85, "
    "2020-02-01 120, 2020-04-10 520, 2020-12-01 180, 2021-09-01 105, 2022-10-01 150, 2023-03-20 165, 2023-08-01 105, 2023-12-29 125"
)


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The file on both sides of each re-scaling, and now."""
    table = _table(world)
    for when in view.around(at for at, _ in RESCALED):
        days, columns = table.seen_at(when)
        shown = days >= view.since
        if shown.any():
            written = zip(days[shown].astype(str).tolist(), columns["index"][shown].tolist(), strict=True)
            lines = ["day,month,year,daily_policy_index", *(f"{int(day[8:])},{int(day[5:7])},{day[:4]},{value:.2f}" for day, value in written)]
            yield SampleFile("epu_daily", "csv", "All_Daily_Policy_Data.csv", dates.as_datetime(when), text(lines))


def _table(world: World) -> Table:
    days = dates.all_days()
    days = days[days >= dates.FIRST_DAY]
    rng = stream(world.seed, "policy uncertainty")
    wave = 0.25 * autoregression(rng.standard_normal(len(days)), 0.6) + 0.3 * rng.standard_normal(len(days))
    first = rounded(np.asarray(interpolated(days, _LEVEL) * np.exp(wave - 0.076)), 2)
    published = dates.published(days, dates.lag_of("epu_daily"))
    revisions = []
    for at, scale in RESCALED:
        recent = np.flatnonzero(published <= dates.as_moment(at))[-_PRELIMINARY_DAYS:]
        revisions.append(Revision(at, days[recent], {"index": rounded(first[recent] * scale, 2)}))
    return Table(days, {"index": first}, published, tuple(revisions))
