"""SEC: the N-PORT filings of VOO's fund, a file a quarter, each three months of flows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ingest.feeds.sec.fund_flow import UNDATED_DAYS
from ingest.sample import dates
from ingest.sample.file import SampleFile, View, text
from ingest.sample.world import World

# Funds file monthly since 2019; the last month of a quarter becomes public.
FIRST_QUARTER = np.datetime64("2019-09", "M")
SERIES = "S000002839"

# Share of assets that is bought and sold back within a month whatever the net flow is.
_TURNOVER = 0.01


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One filing a calendar quarter, from the day it became public."""
    fund = world.funds["VOO"]
    months = fund.days.astype("datetime64[M]")
    flows = np.diff(fund.shares, prepend=fund.shares[0]) * fund.net_asset_value
    for quarter in np.arange(FIRST_QUARTER, months[-1] + 1, 3):
        end = (quarter + 1).astype("datetime64[D]") - 1
        public = dates.published(np.array([end + UNDATED_DAYS]), dates.lag_of("sec_nport"))[0]
        covered = (quarter - 2).astype("datetime64[D]")
        if public > view.as_of or covered < view.since or end > fund.days[-1]:
            continue
        lines = []
        for number in (1, 2, 3):
            within = months == quarter - (3 - number)
            assets = (fund.shares * fund.net_asset_value)[within].mean()
            net = flows[within].sum()
            sales, redemption = _TURNOVER * assets + max(net, 0.0), _TURNOVER * assets + max(-net, 0.0)
            lines.append(f'      <mon{number}Flow redemption="{redemption:.8f}" reinvestment="{0.002 * assets:.8f}" sales="{sales:.8f}"/>')
        last = np.flatnonzero(months == quarter)[-1]
        worth = fund.shares[last] * fund.net_asset_value[last]
        content = text(
            [
                '<?xml version="1.0" encoding="UTF-8"?><edgarSubmission xmlns="http://www.sec.gov/edgar/nport" xmlns:com="http://www.sec.gov/edgar/common">',
                "  <headerData><submissionType>NPORT-P</submissionType></headerData>",
                "  <formData>",
                f"    <genInfo><regName>Vanguard Index Funds</regName><regCik>0000036405</regCik><seriesName>Vanguard 500 Index Fund</seriesName>"
                f"<seriesId>{SERIES}</seriesId><repPdEnd>{str(end)[:4]}-12-31</repPdEnd><repPdDate>{end}</repPdDate></genInfo>",
                f"    <fundInfo><totAssets>{worth * 1.001:.2f}</totAssets><netAssets>{worth:.2f}</netAssets>",
                *lines,
                "    </fundInfo>",
                "  </formData>",
                "</edgarSubmission>",
            ]
        )
        yield SampleFile("sec_nport", "filing_xml", f"NPORT-P_{SERIES}_{end}.xml", dates.as_datetime(public), content)
