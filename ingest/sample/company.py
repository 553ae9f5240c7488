"""SEC: what companies report, and the lists of what companies and managers filed.

Companies are invented from a few figures each (sales, growth, margins, debt), with the traps that real ones have: cash flows of the year
to date, a tag that changes, several share classes without shares on the cover, splits that older filings do not know, a restated year.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from ingest.feeds.sec import seed
from ingest.sample import dates
from ingest.sample.file import SampleFile, View
from ingest.sample.filing import AMENDMENTS, accession, filed_on, quarters, report_accession, report_filed_on
from ingest.sample.markets import SPLITS
from ingest.sample.process import stream
from ingest.sample.world import World

# Lists of older filings begin where the newest list has no room: here, before this day.
OLDER_BEFORE = date(2014, 1, 1)
# The manager whose older filings stand in a file of their own.
WITH_OLDER_FILE = "0001350694"

# Filings from this day on use the element of the new revenue standard, and Nvidia's the other element for capital expenditure.
_NEW_REVENUE_FROM = date(2018, 9, 1)
_NEW_CAPEX_FROM = date(2020, 8, 1)


@dataclass(frozen=True)
class _Company:
    """Figures of one company in its fiscal year 2023: money in billions of USD, shares in billions at the world's end, the rest shares a year."""

    revenue: float
    growth: float
    cash_margin: float
    capex_share: float
    net_margin: float
    shares: float
    share_growth: float
    debt: float
    interest: float
    fiscal_year_end: int = 12
    due_share: float = 0.08  # of the debt, within a year
    first: str = "2009-06"
    shares_tag: str = "dei"  # dei: on the cover; us-gaap: on the balance sheet; none: only the diluted mean
    financial: bool = False
    buys_back: bool = False
    losses_from: str = "9999-12"


COMPANIES: dict[str, _Company] = {
    "AAPL": _Company(383, 0.09, 0.28, 0.03, 0.25, 15.6, -0.04, 105, 0.030, 9, buys_back=True),
    "MSFT": _Company(225, 0.10, 0.40, 0.12, 0.35, 7.43, -0.01, 45, 0.040, 6, buys_back=True),
    "NVDA": _Company(42, 0.22, 0.35, 0.04, 0.30, 2.47, 0.00, 10, 0.025, 1),
    "AMZN": _Company(554, 0.22, 0.14, 0.10, 0.04, 10.3, 0.01, 62, 0.030),
    "TSLA": _Company(95, 0.42, 0.14, 0.09, 0.12, 3.17, 0.04, 3, 0.050, first="2010-09"),
    "HD": _Company(155, 0.06, 0.12, 0.02, 0.10, 1.00, -0.04, 41, 0.035, 1, buys_back=True),
    "GME": _Company(5.5, -0.04, 0.02, 0.01, 0.03, 0.305, 0.01, 0.5, 0.060, 1, losses_from="2018-07"),
    "GOOGL": _Company(300, 0.17, 0.32, 0.11, 0.24, 12.6, -0.01, 14, 0.020, shares_tag="us-gaap"),
    "META": _Company(127, 0.28, 0.45, 0.22, 0.25, 2.57, 0.00, 18, 0.040, first="2012-06", shares_tag="us-gaap"),
    # counts its class A shares, of which one is 1,500 class B
    "BRK.B": _Company(340, 0.07, 0.12, 0.05, 0.12, 0.00145, -0.01, 120, 0.035, shares_tag="none", financial=True),
    "JPM": _Company(155, 0.03, 0.20, 0.00, 0.28, 2.90, -0.02, 390, 0.040, financial=True),
    "BAC": _Company(98, 0.00, 0.25, 0.00, 0.26, 7.95, -0.01, 300, 0.040, financial=True),
    "UNH": _Company(360, 0.10, 0.07, 0.01, 0.06, 0.93, -0.01, 60, 0.040, buys_back=True),
    "JNJ": _Company(88, 0.03, 0.25, 0.05, 0.20, 2.41, -0.01, 30, 0.025, buys_back=True),
    "PG": _Company(82, 0.01, 0.21, 0.04, 0.18, 2.36, -0.01, 34, 0.025, 6, buys_back=True),
    "WMT": _Company(625, 0.03, 0.05, 0.025, 0.025, 2.69, -0.02, 46, 0.045, 1),
    "CVX": _Company(200, 0.02, 0.18, 0.08, 0.11, 1.88, 0.00, 21, 0.030),
    # cash flow pays the interest, not the debt that falls due
    "NEE": _Company(26, 0.05, 0.42, 0.65, 0.20, 2.03, 0.01, 68, 0.045, due_share=0.2),
    "LIN": _Company(33, 0.04, 0.28, 0.11, 0.17, 0.485, -0.02, 19, 0.020, first="2018-12"),
    "BA": _Company(76, 0.00, 0.06, 0.02, 0.05, 0.605, 0.00, 53, 0.047, losses_from="2019-06"),
    "PLD": _Company(8.0, 0.14, 0.65, 0.35, 0.38, 0.924, 0.05, 29, 0.030),
}

# The year that is restated: company, fiscal year end, by how much cash flow and income were overstated.
_RESTATED = ("GME", "2019-01-31", 0.04)


@dataclass(frozen=True)
class Report:
    """One annual or quarterly report: when it was filed, under which number, and its facts as (taxonomy, tag, unit, start, end, value)."""

    form: str
    period_end: date
    filed: date
    accession: str
    fiscal_year: int
    fiscal_period: str
    facts: tuple[tuple[str, str, str, str | None, str, float], ...]


def _end(month: np.datetime64) -> date:
    """Last day of a month."""
    return date.fromisoformat(str((month + 1).astype("datetime64[D]") - 1))


def ticker_of() -> dict[str, str]:
    """CIK by ticker of the companies of interest."""
    return {row["ticker"]: row["cik"] for row in seed.rows("company_of_interest")}


def shares_outstanding(ticker: str, day: date, stated: date | None = None) -> float:
    """Shares outstanding of a company as counted on a day, in the shares of the day on which that was stated (the day itself if not given)."""
    made = COMPANIES[ticker]
    years = (dates.LAST_DAY.astype("datetime64[D]").astype(np.int64) - np.datetime64(day, "D").astype(np.int64)) / 365.25
    later = np.prod([factor for split, factor in SPLITS.get(ticker, ()) if date.fromisoformat(split) > (stated or day)] or [1])
    return float(np.round(made.shares * 1e9 / (1 + made.share_growth) ** years / later, -3))


@lru_cache(maxsize=4)
def reports(seed_of_world: int) -> dict[str, tuple[Report, ...]]:
    """Every report of every company by CIK, in the order of filing."""
    ciks = ticker_of()
    return {ciks[ticker]: tuple(_reports(seed_of_world, ticker, ciks[ticker])) for ticker in COMPANIES}


def _reports(seed_of_world: int, ticker: str, cik: str) -> Iterator[Report]:
    made = COMPANIES[ticker]
    last = dates.LAST_DAY.astype("datetime64[M]")
    months = np.arange(np.datetime64("2007-01", "M"), last + 1)
    # quarters of the fiscal year, from the start of the first one so that every year to date has all its quarters
    months = months[(months.astype(np.int64) % 12 + 1 - made.fiscal_year_end) % 3 == 0]
    number = (months.astype(np.int64) % 12 + 1 - made.fiscal_year_end) % 12 // 3  # 1, 2, 3, and 0 for the fourth
    months, number = (each[int(np.argmax(number == 1)) :] for each in (months, number))
    quarter = np.where(number == 0, 4, number)
    rng = stream(seed_of_world, f"{ticker} reports")
    age = (last - months).astype(np.int64) / 12
    season = np.array([0.96, 0.98, 1.00, 1.06])[quarter - 1]
    revenue = made.revenue * 1e9 / 4 / (1 + made.growth) ** age * season * np.exp(0.03 * rng.standard_normal(len(months)))
    losing = months >= np.datetime64(made.losses_from, "M")
    cash_flow = revenue * (made.cash_margin + 0.03 * rng.standard_normal(len(months)) - np.where(losing, 1.8 * made.cash_margin, 0.0))
    income = revenue * (made.net_margin + 0.02 * rng.standard_normal(len(months)) - np.where(losing, 2.0 * made.net_margin, 0.0))
    capex = revenue * made.capex_share * np.exp(0.10 * rng.standard_normal(len(months)))
    debt = made.debt * 1e9 / (1 + made.growth / 2) ** age * np.exp(0.02 * rng.standard_normal(len(months)))
    interest = debt * made.interest / 4
    amounts = {"revenue": revenue, "cash": cash_flow, "income": income, "capex": capex, "interest": interest}
    amounts = {name: np.round(values, -6) for name, values in amounts.items()}
    restated = {name: values.copy() for name, values in amounts.items()}
    if ticker == _RESTATED[0]:
        year_end = int(np.flatnonzero(months == np.datetime64(_RESTATED[1][:7], "M"))[0])
        for name in ("cash", "income"):
            restated[name][year_end] = np.round(amounts[name][year_end] - _RESTATED[2] * np.abs(amounts["revenue"][year_end - 3 : year_end + 1]).sum(), -6)
    for at in np.flatnonzero(months >= np.datetime64(made.first, "M")):
        annual = quarter[at] == 4
        amended = ticker == _RESTATED[0] and str(_end(months[at])) == _RESTATED[1]
        for amendment in (0, 1) if amended else (0,):
            end = _end(months[at])
            filed = report_filed_on(cik, end, annual, amendment)
            # a year is known as restated from its amendment on
            known = restated if amendment or not amended else amounts
            facts = tuple(_facts(made, ticker, cik, months, quarter, known, restated, debt, int(at), filed))
            yield Report(
                ("10-K" if annual else "10-Q") + ("/A" if amendment else ""),
                end,
                filed,
                report_accession(cik, end, filed, amendment),
                int(str(months[at] + 3 * (4 - quarter[at]))[:4]),
                "FY" if annual else f"Q{quarter[at]}",
                facts,
            )


def _facts(
    made: _Company,
    ticker: str,
    cik: str,
    months: np.ndarray[Any, np.dtype[np.datetime64]],
    quarter: np.ndarray[Any, np.dtype[np.int64]],
    known: dict[str, np.ndarray[Any, np.dtype[np.float64]]],
    restated: dict[str, np.ndarray[Any, np.dtype[np.float64]]],
    debt: np.ndarray[Any, np.dtype[np.float64]],
    at: int,
    filed: date,
) -> Iterator[tuple[str, str, str, str | None, str, float]]:
    """Facts of one report. Cash flows come for the year to date only, with those of the year before beside them."""
    end = str(_end(months[at]))
    first = at - quarter[at] + 1

    def to_date(place: int, amounts: dict[str, Any], name: str) -> tuple[str, str, float]:
        start = place - quarter[place] + 1
        return str(months[start] - 2) + "-01", str(_end(months[place])), float(amounts[name][start : place + 1].sum())

    flows = {"cash": "NetCashProvidedByUsedInOperatingActivities", "interest": "InterestPaidNet"}
    if made.capex_share:
        switched = ticker == "NVDA" and filed >= _NEW_CAPEX_FROM
        flows["capex"] = "PaymentsToAcquireProductiveAssets" if switched or ticker == "AMZN" else "PaymentsToAcquirePropertyPlantAndEquipment"
    for name, tag in flows.items():
        yield ("us-gaap", tag, "USD", *to_date(at, known, name))
        if name != "interest" and at >= 4 and first >= 4:
            yield ("us-gaap", tag, "USD", *to_date(at - 4, restated, name))
    if made.buys_back:
        begin, until, amount = to_date(at, known, "income")
        yield ("us-gaap", "PaymentsForRepurchaseOfCommonStock", "USD", begin, until, round(0.5 * max(amount, 0.0), -6))
    revenue = "RevenueFromContractWithCustomerExcludingAssessedTax" if filed >= _NEW_REVENUE_FROM else "SalesRevenueNet"
    for name, tag in (("revenue", "Revenues" if made.financial or ticker == "NVDA" else revenue), ("income", "NetIncomeLoss")):
        yield ("us-gaap", tag, "USD", *to_date(at, known, name))
        if quarter[at] in (2, 3):
            yield ("us-gaap", tag, "USD", f"{months[at] - 2}-01", end, float(known[name][at]))
    diluted = round(1.01 * shares_outstanding(ticker, filed), -3)
    begin, income = (f"{months[first] - 2}-01", known["income"][first : at + 1].sum()) if quarter[at] == 4 else (f"{months[at] - 2}-01", known["income"][at])
    yield ("us-gaap", "WeightedAverageNumberOfDilutedSharesOutstanding", "shares", begin, end, diluted)
    yield ("us-gaap", "EarningsPerShareDiluted", "USD/shares", begin, end, round(float(income) / diluted, 2))
    year = 4 * known["revenue"][at]
    yield ("us-gaap", "Assets", "USD", None, end, float(np.round((12 if made.financial else 1.3) * year, -6)))
    yield ("us-gaap", "StockholdersEquity", "USD", None, end, float(np.round((1.1 if made.financial else 0.5) * year, -6)))
    yield ("us-gaap", "CashAndDueFromBanks" if made.financial else "CashAndCashEquivalentsAtCarryingValue", "USD", None, end, float(np.round(0.12 * year, -6)))
    if made.financial:
        yield ("us-gaap", "LongTermDebt", "USD", None, end, float(np.round(debt[at], -6)))
    else:
        yield ("us-gaap", "LongTermDebtNoncurrent", "USD", None, end, float(np.round((1 - made.due_share) * debt[at], -6)))
        yield ("us-gaap", "LongTermDebtCurrent", "USD", None, end, float(np.round(made.due_share * debt[at], -6)))
    if made.shares_tag == "dei":
        # the cover counts shares a week before filing
        cover = date.fromordinal(filed.toordinal() - 7)
        yield ("dei", "EntityCommonStockSharesOutstanding", "shares", None, cover.isoformat(), shares_outstanding(ticker, cover))
    elif made.shares_tag == "us-gaap":
        # a balance sheet is in the shares of the day it is filed, a split since its date included (SEC Staff Accounting Bulletin Topic 4.C)
        yield ("us-gaap", "CommonStockSharesOutstanding", "shares", None, end, shares_outstanding(ticker, date.fromisoformat(end), filed))
    if quarter[at] == 4:
        yield ("us-gaap", "Goodwill", "USD", None, end, float(np.round(0.05 * year, -6)))


def _public(filed: date) -> np.datetime64:
    """When a filing is counted as known: the end of its day in New York."""
    return dates.as_moment(dates.moment(filed, "24:00"))


def files(world: World, view: View) -> Iterator[SampleFile]:
    """Facts of each company, then the lists of filings of companies and managers, as they stood at the view's time."""
    names = seed.companies() | seed.managers()
    made = reports(world.seed)
    for cik, filed in made.items():
        shown = [report for report in filed if _public(report.filed) <= view.as_of]
        body = _company_facts(cik, names[cik], shown, str(view.since))
        if body["facts"]:
            yield SampleFile("sec_companyfacts", "company_json", f"companyfacts_CIK{cik}.json", view.current(), _json(body))
    tickers = {cik: ticker for ticker, cik in ticker_of().items()}
    for cik in sorted(names):
        rows = sorted(
            (row for row in _filed(cik, made) if _public(row[2]) <= view.as_of and np.datetime64(row[2], "D") >= view.since),
            key=lambda row: (row[2], row[0]),
            reverse=True,
        )
        if not rows:
            continue
        older = [row for row in rows if row[2] < OLDER_BEFORE] if cik == WITH_OLDER_FILE else []
        body = _filer(cik, names[cik], tickers.get(cik)) | {"filings": _filings(cik, rows[: len(rows) - len(older)], older)}
        yield SampleFile("sec_filing_index", "submissions_json", f"submissions_CIK{cik}.json", view.current(), _json(body))
        if older:
            yield SampleFile("sec_filing_index", "older_filings_json", f"CIK{cik}-submissions-001.json", view.current(), _json(_columns(older)))


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _company_facts(cik: str, name: str, shown: list[Report], since: str) -> dict[str, Any]:
    facts: dict[str, dict[str, Any]] = {}
    for report in shown:
        for taxonomy, tag, unit, start, end, value in report.facts:
            if end < since:
                continue
            entry = {"start": start} if start else {}
            number = round(value, 2) if unit == "USD/shares" else int(value)
            filing = {"accn": report.accession, "fy": report.fiscal_year, "fp": report.fiscal_period, "form": report.form, "filed": report.filed.isoformat()}
            element = facts.setdefault(taxonomy, {}).setdefault(tag, {"label": tag, "description": tag, "units": {}})
            element["units"].setdefault(unit, []).append(entry | {"end": end, "val": number} | filing)
    return {"cik": int(cik), "entityName": name, "facts": facts}


_Row = tuple[str, str, date, date | None, str, int]


def _filed(cik: str, made: dict[str, tuple[Report, ...]]) -> Iterator[_Row]:
    """Filings of a filer: accession number, form, day, period, main document, bytes."""
    for report in made.get(cik, ()):
        document, size = f"report-{report.period_end:%Y%m%d}.htm", 4_000_000 + report.filed.toordinal() % 1000
        yield report.accession, report.form, report.filed, report.period_end, document, size
    if cik in seed.managers():
        for end in quarters(cik):
            amended = [row[2] for row in AMENDMENTS if row[:2] == (cik, end)]
            for amendment in range(len(amended) + 1):
                form = "13F-HR/A" if amendment else "13F-HR"
                day = filed_on(cik, end, amendment)
                yield accession(cik, end, amendment), form, day, end, "xslForm13F_X02/primary_doc.xml", 90_000 + day.toordinal() % 1000


def _columns(rows: list[_Row]) -> dict[str, list[Any]]:
    return {
        "accessionNumber": [row[0] for row in rows],
        "filingDate": [row[2].isoformat() for row in rows],
        "reportDate": [row[3].isoformat() if row[3] else "" for row in rows],
        "acceptanceDateTime": [f"{row[2].isoformat()}T21:05:00.000Z" for row in rows],
        "act": ["34"] * len(rows),
        "form": [row[1] for row in rows],
        "size": [row[5] for row in rows],
        "primaryDocument": [row[4] for row in rows],
        "primaryDocDescription": [row[1] for row in rows],
    }


def _filings(cik: str, newest: list[_Row], older: list[_Row]) -> dict[str, Any]:
    named = {
        "name": f"CIK{cik}-submissions-001.json",
        "filingCount": len(older),
        "filingFrom": older[-1][2].isoformat() if older else "",
        "filingTo": older[0][2].isoformat() if older else "",
    }
    return {"recent": _columns(newest), "files": [named] if older else []}


def _filer(cik: str, name: str, ticker: str | None) -> dict[str, Any]:
    made = COMPANIES.get(ticker or "")
    month = made.fiscal_year_end if made else 12
    former = [{"name": "TESLA MOTORS INC", "from": "2005-02-17T00:00:00.000Z", "to": "2017-01-27T00:00:00.000Z"}] if ticker == "TSLA" else []
    return {
        "cik": cik,
        "entityType": "operating" if made else "other",
        "sic": "",
        "sicDescription": "",
        "name": name,
        "tickers": [ticker.replace(".", "-")] if ticker else [],
        "exchanges": ["NYSE"] if ticker else [],
        "category": "Large accelerated filer" if made else "",
        "fiscalYearEnd": f"{_end(np.datetime64(f'2023-{month:02d}', 'M')):%m%d}",
        "stateOfIncorporation": "DE",
        "formerNames": former,
    }
