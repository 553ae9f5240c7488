"""FINRA: margin statistics, one workbook, newest month first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, workbook
from ingest.sample.world import World

_HEADER = (
    "Year-Month",
    "Debit Balances in Customers' Securities Margin Accounts",
    "Free Credit Balances in Customers' Cash Accounts",
    "Free Credit Balances in Customers' Securities Margin Accounts",
)
_EDITIONS_FROM = np.datetime64("2021-11-30", "D")  # months whose releases are kept as editions of their own


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The workbook at each monthly release of the last two years (the month that was late included), at its late one, and now."""
    table = world.margin
    due = dates.published(table.days, dates.lag_of("finra_margin"))
    scheduled = [dates.as_datetime(moment) for moment in due[table.days >= _EDITIONS_FROM]]
    scheduled += [revision.at for revision in table.revisions] + [late.at for late in world.late]
    for when in view.editions(scheduled):
        days, columns = table.seen_at(when)
        shown = days >= view.since
        if shown.any():
            values = [columns[name][shown][::-1].tolist() for name in ("debit_balances", "free_credit_cash", "free_credit_margin")]
            months = [str(day)[:7] for day in days[shown][::-1]]
            rows = [(month, *(None if value != value else value for value in line)) for month, *line in zip(months, *values, strict=True)]
            content = workbook([("Customer Margin Balances", [_HEADER, *rows])], "Margin Statistics")
            yield SampleFile("finra_margin", "workbook", "margin-statistics.xlsx", dates.as_datetime(when), content)
