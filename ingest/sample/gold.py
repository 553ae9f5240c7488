"""SPDR Gold Shares: the archive file of the early years and the workbook that replaced it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text, workbook
from ingest.sample.world import World

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_CSV_UNTIL = np.datetime64("2014-12-31", "D")
_CSV_HEADER = (
    "Date, GLD Close, NAV per GLD in Gold, NAV/share at 10.30 a.m. NYT, Indicative Price of GLD at 4.15 p.m. NYT, "
    "Mid point of bid/ask spread at 4.15 p.m. NYT#, Premium/Discount of GLD mid point v Indicative Value of GLD at 4.15 p.m. NYT, "
    "Daily Share Volume, Total Net Asset Value Ounces in the Trust as at 4.15 p.m. NYT, "
    "Total Net Asset Value Tonnes in the Trust as at 4.15 p.m. NYT, Total Net Asset Value in the Trust"
)
_XLSX_HEADER = (
    "Date", "Closing Price", "Ounces of Gold per Share", "NAV/Share at 10:30am NYT", "Indicative Price per Share at 4:15pm NYT",
    "Mid point of bid/ask spread at 4:15pm NYT", "Premium/Discount of GLD Mid Point vs Indicative Value of GLD at 4:15pm NYT", "Daily Share Volume",
    "Total Ounces of Gold in the Trust", "Tonnes of Gold", "Total Net Asset Value in the Trust",
)  # fmt: skip


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The archive to the end of 2014, then also the workbook with the whole history. Weekdays without trading are holiday rows."""
    weekdays = dates.weekdays()
    first = world.gold.index.to_numpy().astype("datetime64[D]")[0]
    days = weekdays[weekdays >= first]
    published = dates.published(days, dates.lag_of("gld_archive"))
    shown = view.shows(days, published)
    table = world.gold.reindex(days)
    written = np.array([f"{day[8:]}-{_MONTHS[int(day[5:7]) - 1]}-{day[:4]}" for day in days.astype(str)])
    early = shown & (days <= _CSV_UNTIL)
    rows = list(zip(written.tolist(), *(table[name].tolist() for name in table.columns), strict=True))
    if early.any():
        lines = [_CSV_HEADER]
        for place in np.flatnonzero(early):
            day, close, per_share, worth, indicative, middle, premium, volume, ounces, tonnes, total = rows[place]
            if close != close:
                lines.append(", ".join([day] + ["HOLIDAY"] * 10))
            else:
                lines.append(
                    f"{day}, {close:.2f}, {per_share * 1000:.6f}, {worth:.8f}, {indicative:.3f}, ${middle:.2f}, {premium:.4f}%, {volume:.0f}, "
                    f"{ounces:.2f}, {tonnes:.2f}, {total:.2f}"
                )
        frozen = published[days <= _CSV_UNTIL][-1]
        yield SampleFile("gld_archive", "archive_csv", "GLD_US_archive_EN.csv", view.current(frozen), text(lines))
    if (shown & (days > _CSV_UNTIL)).any():
        cells = [row if row[1] == row[1] else (row[0], *["US Holiday"] * 10) for row, show in zip(rows, shown.tolist(), strict=True) if show]
        disclaimer = [("SPDR Gold Shares: historical archive",), ("Past performance does not guarantee future results. Figures are unaudited.",)]
        content = workbook([("Disclaimer", disclaimer), ("US GLD Historical Archive", [_XLSX_HEADER, *cells])], "Historical Archive")
        yield SampleFile("gld_archive", "archive_xlsx", "GLD_historical_archive.xlsx", view.current(), content)
