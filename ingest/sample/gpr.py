"""Geopolitical Risk Index: the daily and the monthly workbook, in the old binary format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, old_workbook
from ingest.sample.process import stream
from ingest.sample.world import World

_COUNTRIES = (
    "ARG AUS BEL BRA CAN CHE CHL CHN COL DEU DNK EGY ESP FIN FRA GBR HKG HUN IDN IND ISR ITA JPN KOR MEX MYS NLD NOR PER PHL POL PRT RUS SAU "
    "SWE THA TUN TUR TWN UKR USA VEN VNM ZAF"
)
_MONTHLY_LABELS = {
    "month": "Date (year/month)",
    "GPR": "Recent GPR (Index: 1985:2019=100)",
    "GPRT": "Recent GPR Threats (Index: 1985:2019=100)",
    "GPRA": "Recent GPR Acts (Index: 1985:2019=100)",
    "GPRH": "Historical GPR (Index: 1900:2019=100)",
    "GPRHT": "Historical GPR Threats (Index: 1900:2019=100)",
    "GPRHA": "Historical GPR Acts (Index: 1900:2019=100)",
    "SHARE_GPR": "Percent of Recent GPR Articles",
    "N10": "Number of articles (10 recent newspapers, 1985-)",
}
_DAILY_LABELS = {
    "DAY": "Date (year/month/day)",
    "N10D": "Number of articles (10 recent newspapers)",
    "GPRD": "Daily GPR Index (Index: 1985:2019=100)",
    "GPRD_ACT": "Daily GPR Acts (Index: 1985:2019=100)",
    "GPRD_THREAT": "Daily GPR Threats (Index: 1985:2019=100)",
    "date": "Date",
    "GPRD_MA30": "30-day moving average of GPRD",
    "GPRD_MA7": "7-day moving average of GPRD",
    "event": "Event",
}


# The daily workbook is the slowest file to write, and no window of a daily signal looks back further.
DAILY_SINCE = np.datetime64("2012-01-01", "D")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The daily workbook before and after each re-scaling, and now; the monthly one now."""
    for when in view.around(revision.at for revision in world.risk_daily.revisions):
        days, columns = world.risk_daily.seen_at(when)
        shown = days >= max(view.since, DAILY_SINCE)
        if not shown.any():
            continue
        index = columns["gprd"]
        means = [np.round(pd.Series(index).rolling(width, min_periods=1).mean().to_numpy(), 2)[shown].tolist() for width in (30, 7)]
        written = [(str(day), date.fromisoformat(str(day))) for day in days[shown]]
        rows: list[list[object]] = [[*_DAILY_LABELS, "var_name", "var_label"]]
        for (day, on), count, *values in zip(
            written, *(columns[name][shown].tolist() for name in ("articles", "gprd", "gprd_act", "gprd_threat")), *means, strict=True
        ):
            rows.append([int(day.replace("-", "")), count, *values[:3], on, *values[3:]])
        _describe(rows, _DAILY_LABELS)
        content = old_workbook("Sheet1", rows, date_columns=(5,))
        yield SampleFile("gpr_daily", "workbook", "data_gpr_daily_recent.xls", dates.as_datetime(when), content)
    days, columns = world.risk_monthly.seen_at(view.as_of)
    shown = days >= view.since
    if shown.any():
        yield SampleFile("gpr_monthly", "workbook", "data_gpr_export.xls", view.current(), _monthly(world, days, columns, shown))


def _monthly(world: World, days: dates.Days, columns: dict[str, np.ndarray], shown: np.ndarray) -> bytes:
    """Global indices, then the share of articles about each country."""
    count, countries_covered = len(world.risk_monthly.days), _COUNTRIES.split()
    weights = stream(world.seed, "GPR countries").gamma(0.8, 0.5, len(countries_covered))
    noise = np.exp(0.35 * stream(world.seed, "GPR country months").standard_normal((count, len(countries_covered))))
    level = columns["GPR"] / 100
    countries = np.round(level[:, None] * weights * noise[: len(days)], 6)
    labels = dict(_MONTHLY_LABELS)
    labels |= {f"GPRC_{code}": f"Country GPR: Percent of articles ({code})" for code in countries_covered}
    share, articles = np.round(3.0 * level, 6), np.round(15200 + 400 * np.sin(np.arange(len(days))))
    table = np.column_stack([*(np.round(columns[name], 6) for name in ("GPR", "GPRT", "GPRA", "GPRH", "GPRHT", "GPRHA")), share, articles, countries])
    rows: list[list[object]] = [[*labels, "var_name", "var_label"]]
    rows += [[date.fromisoformat(f"{str(day)[:7]}-01"), *values] for day, values in zip(days[shown], table[shown].tolist(), strict=True)]
    _describe(rows, labels)
    return old_workbook("Sheet1", rows, date_columns=(0,))


def _describe(rows: list[list[object]], labels: dict[str, str]) -> None:
    """The last two columns explain the others, a line each."""
    for row, (name, label) in zip(rows[1:], labels.items(), strict=False):
        row.extend([None] * (len(labels) - len(row)))
        row.extend([name, label])
