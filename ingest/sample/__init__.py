"""The sample world: a seeded, coherent market history in which the article's retreat happens, written as the providers' own files.

`render(as_of)` gives the files as they stood on `as_of`: only what was published by then, in the values known then. `truth` says what is
in the world, for tests to find again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime

import numpy as np

from ingest.feeds import FEEDS
from ingest.sample import (
    bis,
    cboe,
    cftc,
    coin_metrics,
    company,
    damodaran,
    dates,
    epu,
    finra,
    form_13f,
    fred,
    funds,
    gold,
    gpr,
    ici,
    identifiers,
    imf,
    nbim,
    ofr,
    own,
    prices,
    proshares,
    public_plans,
    sec,
    shiller,
    shorts,
    tic,
    treasury,
    world_bank,
)
from ingest.sample.dates import END
from ingest.sample.file import SampleFile, View
from ingest.sample.process import SEED, STRENGTH
from ingest.sample.world import truth
from ingest.sample.world import world as simulated

__all__ = ["END", "SEED", "STRENGTH", "SampleFile", "render", "truth"]

# each writer with the feeds it writes
_WRITERS = {
    cboe.files: {"cboe_put_call", "cboe_index_history", "cboe_market_history", "cboe_vx_settlement"},
    fred.files: {"fred_series", "fred_series_info"},
    cftc.files: {"cftc_tff", "cftc_disaggregated", "cftc_legacy"},
    ofr.files: {"ofr_fsi", "ofr_hfm", "ofr_stfm"},
    gold.files: {"gld_archive"},
    treasury.files: {"treasury_par_yield", "treasury_real_yield", "treasury_cash_balance"},
    tic.files: {"tic_major_foreign_holders"},
    tic.flow_files: {"tic_cslt", "tic_slt"},
    world_bank.files: {"world_bank_indicator"},
    imf.files: {"imf_sdmx"},
    bis.files: {"bis_exchange_rate"},
    finra.files: {"finra_margin"},
    ici.files: {"ici_fund_flow", "ici_money_fund"},
    nbim.files: {"nbim_holding"},
    public_plans.files: {"public_plan"},
    coin_metrics.files: {"coin_metrics"},
    own.files: {"own_series"},
    shorts.files: {"finra_short_interest", "finra_short_volume", "finra_off_exchange"},
    gpr.files: {"gpr_daily", "gpr_monthly"},
    prices.files: {"price_daily"},
    funds.files: {"ssga_nav", "ishares_nav", "vanguard_nav"},
    sec.files: {"sec_nport"},
    proshares.files: {"proshares_nav"},
    identifiers.files: {"sec_fails_to_deliver", "sec_company_ticker"},
    company.files: {"sec_companyfacts", "sec_filing_index", "sec_submission"},
    form_13f.files: {"sec_13f_filing"},
    shiller.files: {"shiller_market"},
    epu.files: {"epu_daily"},
    damodaran.files: {"damodaran_erp_monthly", "damodaran_erp_yearly", "damodaran_industry_pe"},
}


def render(
    as_of: datetime,
    seed: int = SEED,
    first_year: int = 2004,
    *,
    feeds: Collection[str] | None = None,
    strength: float = STRENGTH,
    other_managers: int = 0,
) -> Iterator[SampleFile]:
    """Every provider file as seen at `as_of` (UTC when it has no zone), observations from `first_year` on.

    A file without revisions comes once, current at `as_of` or when its provider stopped changing it. A file with revisions or late
    publications comes once more for each of them that happened by `as_of`, current at that moment. `feeds` limits the files to those of
    these feeds. `strength` is the retreat's lasting shift in standard deviations of each core signal, 0 for a world without retreat.
    `other_managers` file Form 13F beside those of interest: 8,000 make archives as large as those of life in filings, though not in lines.
    Raises ValueError for a time outside the world.
    """
    moment = dates.as_moment(as_of)
    if not np.datetime64(f"{first_year}-01-01") < moment <= dates.as_moment(END):
        raise ValueError(f"the sample world runs from {first_year} to {END:%Y-%m-%d %H:%M:%S} UTC; as_of {as_of} is outside it")
    view = View(moment, max(dates.FIRST_DAY, np.datetime64(f"{first_year}-01-01", "D")), other_managers)
    made = simulated(seed, strength)
    # files that serve two feeds carry the name of the one they land for
    wanted = None if feeds is None else {*feeds, *(FEEDS[name].landed_with for name in feeds if name in FEEDS)}
    for write, written in _WRITERS.items():
        if wanted is None or written & wanted:
            yield from (file for file in write(made, view) if wanted is None or file.feed in wanted)
