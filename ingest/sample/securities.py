"""Securities of the sample world, in one place: what holders report and what fails to settle.

CUSIP, CIK, name and symbol of each are public facts (official list of 13(f) securities, EDGAR); sectors are those of the S&P 500.
Prices are the world's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ingest.sample.dates import LAST_DAY, Days
from ingest.sample.process import autoregression, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

SHARE, EQUITY_FUND, BOND_FUND, GOLD_FUND = "share", "equity fund", "bond fund", "gold fund"


@dataclass(frozen=True)
class Security:
    """One security: `ticker` is its symbol at the world's end, `name` and `title_of_class` as filings write them.

    `symbols` lists (first day, symbol) where it had others before; `cusip_from` and `cusip_until` are the first and last day of a
    CUSIP that began or ended within the world. `price` is the close in USD on 2023-06-30, `beta` its move with the market.
    """

    ticker: str
    cusip: str
    cik: str
    name: str
    title_of_class: str
    sector: str
    asset_class: str
    price: float
    beta: float
    symbols: tuple[tuple[str, str], ...] = ()
    cusip_from: str = "2003-01-01"
    cusip_until: str = "2999-12-31"

    def symbol_on(self, day: np.datetime64) -> str | None:
        """Its symbol on a day; None when the CUSIP is not in use."""
        if not np.datetime64(self.cusip_from) <= day <= np.datetime64(self.cusip_until):
            return None
        return next((symbol for since, symbol in reversed(self.symbols) if day >= np.datetime64(since)), self.ticker)


def _share(ticker: str, cusip: str, cik: int, name: str, sector: str, price: float, beta: float, title: str = "COM") -> Security:
    return Security(ticker, cusip, f"{cik:010d}", name, title, sector, SHARE, price, beta)


def _sector_fund(ticker: str, cusip: str, title: str, sector: str, price: float, beta: float) -> Security:
    return Security(ticker, cusip, "0001064641", "SELECT SECTOR SPDR TR", title, sector, EQUITY_FUND, price, beta)


SECURITIES: tuple[Security, ...] = (
    _share("AAPL", "037833100", 320193, "APPLE INC", "Information Technology", 193.97, 1.2),
    _share("MSFT", "594918104", 789019, "MICROSOFT CORP", "Information Technology", 340.54, 1.1),
    _share("NVDA", "67066G104", 1045810, "NVIDIA CORPORATION", "Information Technology", 423.02, 1.7),
    _share("AMD", "007903107", 2488, "ADVANCED MICRO DEVICES INC", "Information Technology", 113.91, 1.7),
    _share("INTC", "458140100", 50863, "INTEL CORP", "Information Technology", 33.44, 1.1),
    _share("AMZN", "023135106", 1018724, "AMAZON COM INC", "Consumer Discretionary", 130.36, 1.2),
    _share("TSLA", "88160R101", 1318605, "TESLA INC", "Consumer Discretionary", 261.77, 1.45),
    _share("HD", "437076102", 354950, "HOME DEPOT INC", "Consumer Discretionary", 310.64, 1.0),
    _share("GME", "36467W109", 1326380, "GAMESTOP CORP NEW", "Consumer Discretionary", 24.25, 1.3, "CL A"),
    _share("GOOGL", "02079K305", 1652044, "ALPHABET INC", "Communication Services", 119.70, 1.1, "CAP STK CL A"),
    _share("GOOG", "02079K107", 1652044, "ALPHABET INC", "Communication Services", 120.97, 1.1, "CAP STK CL C"),
    # took the symbol FB off the lists and the symbol META over from a fund (METV below), which had given it up in January
    Security(
        "META", "30303M102", "0001326801", "META PLATFORMS INC", "CL A", "Communication Services", SHARE, 286.98, 1.3,
        (("2012-05-18", "FB"), ("2022-06-09", "META")),
    ),
    _share("NFLX", "64110L106", 1065280, "NETFLIX INC", "Communication Services", 440.49, 1.3),
    _share("DIS", "254687106", 1744489, "DISNEY WALT CO", "Communication Services", 89.28, 1.0),
    _share("BRK.B", "084670702", 1067983, "BERKSHIRE HATHAWAY INC DEL", "Financials", 341.00, 0.8, "CL B NEW"),
    _share("JPM", "46625H100", 19617, "JPMORGAN CHASE & CO", "Financials", 145.44, 1.1),
    _share("BAC", "060505104", 70858, "BANK AMERICA CORP", "Financials", 28.69, 1.2),
    _share("V", "92826C839", 1403161, "VISA INC", "Financials", 237.48, 0.9, "COM CL A"),
    _share("UNH", "91324P102", 731766, "UNITEDHEALTH GROUP INC", "Health Care", 480.64, 0.7),
    _share("JNJ", "478160104", 200406, "JOHNSON & JOHNSON", "Health Care", 165.52, 0.6),
    _share("PFE", "717081103", 78003, "PFIZER INC", "Health Care", 36.68, 0.7),
    _share("PG", "742718109", 80424, "PROCTER AND GAMBLE CO", "Consumer Staples", 151.74, 0.5),
    _share("KO", "191216100", 21344, "COCA COLA CO", "Consumer Staples", 60.22, 0.5),
    _share("PEP", "713448108", 77476, "PEPSICO INC", "Consumer Staples", 185.22, 0.5),
    _share("WMT", "931142103", 104169, "WALMART INC", "Consumer Staples", 157.18, 0.5),
    _share("COST", "22160K105", 909832, "COSTCO WHSL CORP NEW", "Consumer Staples", 538.38, 0.8),
    _share("XOM", "30231G102", 34088, "EXXON MOBIL CORP", "Energy", 107.25, 0.9),
    _share("CVX", "166764100", 93410, "CHEVRON CORP NEW", "Energy", 157.35, 0.9),
    _share("NEE", "65339F101", 753308, "NEXTERA ENERGY INC", "Utilities", 74.20, 0.6),
    _share("SO", "842587107", 92122, "SOUTHERN CO", "Utilities", 70.25, 0.5),
    # Linde has had another CUSIP since it moved its domicile
    Security("LIN", "G5494J103", "0001707925", "LINDE PLC", "SHS", "Materials", SHARE, 381.08, 0.9, cusip_until="2023-02-28"),
    Security("LIN", "G54950103", "0001707925", "LINDE PLC", "SHS", "Materials", SHARE, 381.08, 0.9, cusip_from="2023-03-01"),
    _share("NEM", "651639106", 1164727, "NEWMONT CORP", "Materials", 42.66, 0.4),
    _share("BA", "097023105", 12927, "BOEING CO", "Industrials", 211.16, 1.4),
    _share("LMT", "539830109", 936468, "LOCKHEED MARTIN CORP", "Industrials", 460.38, 0.6),
    Security("SPY", "78462F103", "0000884394", "SPDR S&P 500 ETF TR", "TR UNIT", "", EQUITY_FUND, 443.28, 1.0),
    Security("IVV", "464287200", "0001100663", "ISHARES TR", "CORE S&P500 ETF", "", EQUITY_FUND, 445.71, 1.0),
    Security("VOO", "922908363", "0000036405", "VANGUARD INDEX FDS", "S&P 500 ETF SHS", "", EQUITY_FUND, 407.28, 1.0),
    Security("QQQ", "46090E103", "0001067839", "INVESCO QQQ TR", "UNIT SER 1", "", EQUITY_FUND, 369.42, 1.12),
    _sector_fund("XLB", "81369Y100", "SBI MATERIALS", "Materials", 82.87, 1.06),
    _sector_fund("XLC", "81369Y852", "COMMUNICATION", "Communication Services", 65.08, 1.05),
    _sector_fund("XLE", "81369Y506", "ENERGY", "Energy", 81.17, 1.05),
    _sector_fund("XLF", "81369Y605", "FINANCIAL", "Financials", 33.71, 1.15),
    _sector_fund("XLI", "81369Y704", "INDL", "Industrials", 107.32, 1.02),
    _sector_fund("XLK", "81369Y803", "TECHNOLOGY", "Information Technology", 173.86, 1.12),
    _sector_fund("XLP", "81369Y308", "SBI CONS STPLS", "Consumer Staples", 74.17, 0.6),
    _sector_fund("XLU", "81369Y886", "SBI INT-UTILS", "Utilities", 65.44, 0.62),
    _sector_fund("XLV", "81369Y209", "SBI HEALTHCARE", "Health Care", 132.73, 0.78),
    _sector_fund("XLY", "81369Y407", "SBI CONS DISCR", "Consumer Discretionary", 169.81, 1.08),
    Security(
        "METV", "53656F417", "0001683471", "LISTED FD TR", "ROUNDHILL BALL", "", EQUITY_FUND, 10.60, 1.3,
        (("2021-06-30", "META"), ("2022-01-31", "METV")), "2021-06-30",
    ),
    Security("TLT", "464287432", "0001100663", "ISHARES TR", "20 YR TR BD ETF", "", BOND_FUND, 102.94, -0.1),
    Security("HYG", "464288513", "0001100663", "ISHARES TR", "IBOXX HI YD ETF", "", BOND_FUND, 75.07, 0.3),
    Security("GLD", "78463V107", "0001222333", "SPDR GOLD TR", "GOLD SHS", "", GOLD_FUND, 178.27, 0.0),
)  # fmt: skip

# The first CUSIP of each symbol: a share that goes on under another is the same share.
FIRST_CUSIP: dict[str, str] = {security.ticker: security.cusip for security in reversed(SECURITIES)}
BY_CUSIP: dict[str, Security] = {security.cusip: security for security in SECURITIES}


def prices(world: World, security: Security, days: Days, *, as_traded: bool = False) -> Floats:
    """Closes in USD on (or last before) each day, coherent with the world's markets, in the shares of the world's end or of the day.

    Securities whose prices the world has keep them; the others move with the market by their beta, with noise of their own.
    """
    own = world.prices.get(security.ticker.replace(".", "-"))
    if own:
        later = [np.where(days < np.datetime64(day), float(ratio), 1.0) for day, ratio in own.splits] if as_traded else []
        factor = np.prod([np.ones(len(days)), *later], axis=0)
        return np.asarray(factor * own.bars["close"][np.clip(np.searchsorted(own.days, days, "right") - 1, 0, None)])
    fund = world.funds.get(security.ticker)
    if fund:
        return np.asarray(fund.net_asset_value[np.clip(np.searchsorted(fund.days, days, "right") - 1, 0, None)])
    market = world.prices["^GSPC"]
    if security.asset_class == GOLD_FUND:
        sessions, level = world.gold.index.to_numpy().astype("datetime64[D]"), world.gold["close"].to_numpy(np.float64)
        return np.asarray(level[np.clip(np.searchsorted(sessions, days, "right") - 1, 0, None)])
    noise = 0.12 * autoregression(stream(world.seed, f"{FIRST_CUSIP[security.ticker]} price").standard_normal(len(market.days)), 0.995)
    anchor = int(np.searchsorted(market.days, np.datetime64("2023-06-30")))
    relative = security.beta * np.log(market.bars["close"] / market.bars["close"][anchor]) + noise - noise[anchor]
    level = security.price * np.exp(relative)
    return np.asarray(level[np.clip(np.searchsorted(market.days, days, "right") - 1, 0, None)])


def symbols_in_use(day: np.datetime64 = LAST_DAY) -> dict[str, Security]:
    """Securities by the symbol each has on a day."""
    return {symbol: security for security in SECURITIES if (symbol := security.symbol_on(day))}


def check_digit(cusip: str) -> str:
    """The ninth character of a CUSIP, from the eight before it (ANSI X9.6, modulus 10, double-add-double)."""
    total = 0
    for place, character in enumerate(cusip[:8].upper()):
        value = int(character) if character.isdigit() else "*@#".index(character) + 36 if character in "*@#" else ord(character) - ord("A") + 10
        total += sum(divmod(value * (1 + place % 2), 10))
    return str(-total % 10)


def changes() -> list[tuple[np.datetime64, str, str, str]]:
    """Days on which a security took another symbol: (day, cusip, symbol before, symbol after)."""
    return [(np.datetime64(day), each.cusip, before, after) for each in SECURITIES for (_, before), (day, after) in pairwise(each.symbols)]
