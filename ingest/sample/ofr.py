"""Office of Financial Research: the Financial Stress Index, whole history in one file, re-estimated now and then."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.world import World

_HEADER = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"
_COLUMNS = ("ofr_fsi", "credit", "equity_valuation", "safe_assets", "funding", "volatility", "united_states", "other_advanced_economies", "emerging_markets")


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The file before and after each re-estimation and correction, and now."""
    for when in view.around(revision.at for revision in world.stress.revisions):
        days, columns = world.stress.seen_at(when)
        shown = days >= view.since
        if shown.any():
            cells = ((f"{value:g}" if abs(value) >= 1e-4 else "0" for value in columns[name][shown].tolist()) for name in _COLUMNS)
            lines = [_HEADER, *map(",".join, zip(days[shown].astype(str), *cells, strict=True))]
            yield SampleFile("ofr_fsi", "csv", "fsi.csv", dates.as_datetime(when), text(lines))
