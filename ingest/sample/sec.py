"""SEC: the N-PORT filings of VOO's fund, a file a quarter, each three months of flows; those of the other funds in the quarterly data sets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from zlib import crc32

import numpy as np

from ingest.feeds.sec.fund_flow import UNDATED_DAYS
from ingest.sample import dates
from ingest.sample.file import SampleFile, View, archive, text
from ingest.sample.securities import Security, symbols_in_use
from ingest.sample.tables import Fund
from ingest.sample.world import World

# Funds file monthly since 2019; the last month of a quarter becomes public.
FIRST_QUARTER = np.datetime64("2019-09", "M")
SERIES = "S000002839"

# Share of assets that is bought and sold back within a month whatever the net flow is.
_TURNOVER = 0.01


def files(world: World, view: View) -> Iterator[SampleFile]:
    """One filing a calendar quarter, from the day it became public; a data set a quarter of filing, some weeks after its end."""
    yield from _filings(world, view)
    yield from _data_sets(world, view)


def _flows(fund: Fund, quarter: np.datetime64) -> list[tuple[float, float, float]]:
    """Sales, reinvested distributions and redemptions of the three months that end with `quarter`, a month."""
    months = fund.days.astype("datetime64[M]")
    flows = np.diff(fund.shares, prepend=fund.shares[0]) * fund.net_asset_value
    found = []
    for month in (quarter - 2, quarter - 1, quarter):
        assets = (fund.shares * fund.net_asset_value)[months == month].mean()
        net = flows[months == month].sum()
        found.append((_TURNOVER * assets + max(net, 0.0), 0.002 * assets, _TURNOVER * assets + max(-net, 0.0)))
    return found


def _net_assets(fund: Fund, quarter: np.datetime64) -> float:
    last = np.flatnonzero(fund.days.astype("datetime64[M]") == quarter)[-1]
    return float(fund.shares[last] * fund.net_asset_value[last])


def _filings(world: World, view: View) -> Iterator[SampleFile]:
    fund = world.funds["VOO"]
    months = fund.days.astype("datetime64[M]")
    for quarter in np.arange(FIRST_QUARTER, months[-1] + 1, 3):
        end = (quarter + 1).astype("datetime64[D]") - 1
        public = dates.published(np.array([end + UNDATED_DAYS]), dates.lag_of("sec_nport"))[0]
        covered = (quarter - 2).astype("datetime64[D]")
        if public > view.as_of or covered < view.since or end > fund.days[-1]:
            continue
        lines = [
            f'      <mon{number}Flow redemption="{redemption:.8f}" reinvestment="{reinvested:.8f}" sales="{sales:.8f}"/>'
            for number, (sales, reinvested, redemption) in enumerate(_flows(fund, quarter), start=1)
        ]
        worth = _net_assets(fund, quarter)
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


_FLOW_TITLES = "\t".join(f"{flow}_FLOW_MON{month}" for month in (1, 2, 3) for flow in ("SALES", "REINVESTMENT", "REDEMPTION"))
_TITLES = {
    "SUBMISSION": "ACCESSION_NUMBER\tFILING_DATE\tFILE_NUM\tSUB_TYPE\tREPORT_ENDING_PERIOD\tREPORT_DATE\tIS_LAST_FILING",
    "REGISTRANT": "ACCESSION_NUMBER\tCIK\tREGISTRANT_NAME\tFILE_NUM\tLEI",
    "FUND_REPORTED_INFO": f"ACCESSION_NUMBER\tSERIES_NAME\tSERIES_ID\tSERIES_LEI\tTOTAL_ASSETS\tTOTAL_LIABILITIES\tNET_ASSETS\t{_FLOW_TITLES}",
}

# SPY is a trust without series; the Select Sector funds write redemptions as negative numbers, as some filers do.
_WITHOUT_SERIES = "SPY"

# A fund whose figures of a quarter were too high by a tenth and were amended four months later: fund, last month of the quarter.
AMENDED = ("XLK", np.datetime64("2022-03", "M"))


def _written(day: date) -> str:
    return f"{day:%d-%b-%Y}".upper()


def _data_sets(world: World, view: View) -> Iterator[SampleFile]:
    """Filings of all funds but VOO's: made 52 to 60 days after the quarter, in the data set of the calendar quarter in which they were made."""
    tables: dict[str, dict[str, list[str]]] = {}
    first = max(FIRST_QUARTER, view.since.astype("datetime64[M]") + 2)
    for quarter in np.arange(FIRST_QUARTER, dates.LAST_DAY.astype("datetime64[M]") + 1, 3):
        if quarter < first:
            continue
        for place, ticker in enumerate(sorted(world.funds)):
            security = symbols_in_use().get(ticker)
            if ticker == "VOO" or security is None:
                continue  # VOO files alone, and a gold trust is no fund that files
            end = (quarter + 1).astype("datetime64[D]") - 1
            amended = (ticker, quarter) == AMENDED
            filed = date.fromisoformat(str(end + 52 + crc32(f"{ticker} {quarter}".encode()) % 9))
            for amendment, day in enumerate([filed, filed + timedelta(days=120)] if amended else [filed]):
                # fund and quarter in one number, so that no two filings of a year share it
                sequence = 600_000 + 1000 * place + 10 * (int(quarter.astype(np.int64)) // 3 % 100) + amendment
                number = f"{security.cik}-{day:%y}-{sequence:06d}"
                scale = 1.1 if amended and amendment == 0 else 1.0
                sign = -1.0 if security.name.startswith("SELECT") else 1.0
                flows = [f"{amount:.8f}" for sales, new, sold in _flows(world.funds[ticker], quarter) for amount in (scale * sales, new, sign * sold)]
                series = "" if ticker == _WITHOUT_SERIES else series_of(security)
                worth = _net_assets(world.funds[ticker], quarter)
                held = tables.setdefault(f"{day.year}q{(day.month + 2) // 3}", {name: [] for name in _TITLES})
                kind = "NPORT-P/A" if amendment else "NPORT-P"
                file_number = f"811-{int(security.cik) % 100_000:05d}"
                held["SUBMISSION"].append(
                    f"{number}\t{_written(day)}\t{file_number}\t{kind}\t30-SEP-{str(end)[:4]}\t{_written(date.fromisoformat(str(end)))}\tN"
                )
                held["REGISTRANT"].append(f"{number}\t{security.cik}\t{security.name}\t{file_number}\t")
                name = "N/A" if ticker == _WITHOUT_SERIES else f"{security.name} {security.title_of_class}"
                held["FUND_REPORTED_INFO"].append("\t".join([number, name, series, "", f"{1.001 * worth:.2f}", f"{0.001 * worth:.2f}", f"{worth:.2f}", *flows]))
    for name, held in tables.items():
        ended = np.datetime64(f"{name[:4]}-{3 * int(name[5]):02d}", "M") + 1
        published = dates.local_to_utc(np.array([ended.astype("datetime64[D]") + 14]), "12:00", "America/New_York")[0]
        if published <= view.as_of:
            content = archive((f"{table}.tsv", text([_TITLES[table], *rows])) for table, rows in held.items())
            yield SampleFile("sec_nport", "data_set", f"{name}_nport.zip", dates.as_datetime(published), content)


def series_of(security: Security) -> str:
    """Series of a fund: that which files for VOO, invented for the others."""
    return SERIES if security.ticker == "VOO" else f"S{int(security.cusip[3:8], 36) % 1_000_000_000:09d}"
