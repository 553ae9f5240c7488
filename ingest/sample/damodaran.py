"""Aswath Damodaran's workbooks: the premium by month, counted in days from 1904, the premium by year, and ratios by industry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np

from ingest.sample import dates
from ingest.sample.file import SampleFile, View, old_workbook, workbook
from ingest.sample.process import interpolated, path, stream
from ingest.sample.tables import Floats
from ingest.sample.world import World

_MONTHLY_HEADER = (
    "Start of month", "S&P 500", "T.Bond Rate", "$ Riskfree Rate", "Ten-year average CF", "CF (Trailing 12 month)", "Normalized CF", "Expected growth rate",
    "ERP (T12 m with sustainable payout)", "ERP (T12m)", "ERP (T12m) with adj riskfree rate", "ERP (Smoothed)", "ERP (Normalized)", "ERP (Net Cash Yield)",
    "Expected Return",
)  # fmt: skip
_YEARLY_HEADER = (
    "Year", "Earnings Yield", "Dividend Yield", "S&P 500", "Earnings*", "Dividends*", "Dividends + Buybacks", "Change in Earnings", "Change in Dividends",
    "T.Bill Rate", "T.Bond Rate", "Bond-Bill", "Smoothed Growth", "Implied Premium (DDM)", "Analyst Growth Estimate", "Implied ERP (FCFE)",
    "Implied Premium (FCFE with sustainable Payout)", "ERP/Riskfree Rate",
)  # fmt: skip
_INDUSTRY_HEADER = (
    "Industry Name", "Number of firms", "% of Money Losing firms (Trailing)", "Current PE", "Trailing PE", "Forward PE",
    "Aggregate Mkt Cap/ Net Income (all firms)", "Aggregate Mkt Cap/ Trailing Net Income (only money making firms)",
    "Expected growth - next 5 years", "PEG Ratio",
)  # fmt: skip

# Premium over the ten-year bond at a geopolitical risk of 100: high where shares have fallen; and what that risk adds, for a unit of its logarithm.
_PREMIUM = path(
    "2004-01-01 0.0400, 2007-12-31 0.0440, 2008-12-31 0.0620, 2009-12-31 0.0480, 2011-12-31 0.0500, 2013-12-31 0.0470, 2016-12-31 0.0500, "
    "2017-12-31 0.0480, 2018-12-31 0.0520, 2019-12-31 0.0490, 2020-03-31 0.0570, 2020-12-31 0.0480, 2021-12-31 0.0455, 2022-12-31 0.0540, 2023-12-31 0.0430"
)
POLITICAL_SLOPE = 0.015
_FIRST_MONTH = np.datetime64("2008-09-01", "D")

# Companies, aggregate ratio in an ordinary year, share with a loss.
_INDUSTRIES = {
    "Advertising": (58, 19.0, 0.55), "Bank (Money Center)": (15, 10.5, 0.07), "Computers/Peripherals": (42, 24.0, 0.45),
    "Drugs (Pharmaceutical)": (281, 22.0, 0.84), "Electric Utility": (51, 21.0, 0.1), "Household Products": (127, 24.0, 0.51),
    "Oil/Gas (Integrated)": (4, 14.0, 0.0), "Retail (General)": (15, 25.0, 0.13), "Semiconductor": (68, 27.0, 0.32),
    "Software (Internet)": (36, 45.0, 0.78), "Software (System & Application)": (390, 38.0, 0.69), "Utility (General)": (16, 19.5, 0.06),
    "Total Market": (6062, 21.0, 0.47), "Total Market (without financials)": (4847, 23.0, 0.53),
}  # fmt: skip
_TECHNOLOGY = ("Computers/Peripherals", "Semiconductor", "Software (Internet)", "Software (System & Application)")
# Update of the ratios by year, and what shares of technology cost against an ordinary year: the year after rates rose they are rebuilt.
_UPDATES = (("2020-01-05", 1.05), ("2021-01-05", 1.35), ("2022-01-05", 1.40), ("2023-01-05", 0.92))


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The premium by month and by year; the ratios of each January as an edition of their own."""
    yield from _monthly(world, view)
    yield from _yearly(world, view)
    yield from _industries(world, view)


def _at(days: dates.Days, known: dates.Days, values: Floats) -> Floats:
    """The last value before each day."""
    usable = ~np.isnan(values)
    return np.asarray(values[usable][np.searchsorted(known[usable], days) - 1])


def _premium(world: World, days: dates.Days) -> Floats:
    """The same premium on a last day of a month in the table by month and in that by year; prices then have seen the risk of that month."""
    wobble = 0.0009 * stream(world.seed, "implied premium").standard_normal(400)
    risk = world.risk_monthly.values["GPR"][np.searchsorted(world.risk_monthly.days, days)]
    return np.asarray(interpolated(days, _PREMIUM) + POLITICAL_SLOPE * np.log(risk / 100) + wobble[days.astype("datetime64[M]").astype(np.int64) % 400])


def _cash_flow(level: float, growth: float, bond: float, premium: float) -> float:
    """Dividends and buybacks of twelve months that make a level pay a premium: five years at the growth expected, then at the bond rate."""
    years, discount = np.arange(1, 6), 1 + bond + premium
    grown = (1 + growth) ** years
    return level / float((grown / discount**years).sum() + grown[-1] * (1 + bond) / (premium * discount**5))


def _monthly(world: World, view: View) -> Iterator[SampleFile]:
    days = np.arange(_FIRST_MONTH.astype("datetime64[M]"), np.datetime64("2024-01", "M")).astype("datetime64[D]")
    shown = view.shows(days, dates.published(days, dates.lag_of("damodaran_erp_monthly")))
    if not shown.any():
        return
    days = days[shown]
    price = world.prices["^GSPC"]
    index, bond = _at(days, price.days, price.bars["close"]), _at(days, *world.rates["DGS10"]) / 100
    premium = _premium(world, days - 1)
    rows: list[list[Any]] = []
    for place, day in enumerate(days.tolist()):
        erp, rate, level = float(premium[place]), round(float(bond[place]), 4), round(float(index[place]), 2)
        growth = round(0.05 + erp / 2, 4)
        smoothed: Any = round(erp * 1.42, 4)
        if day in (date(2018, 5, 1), date(2022, 3, 1)):
            smoothed = f"{erp * 142:.2f}%".replace(".", ",")  # typed by hand
        line = [
            day, level, rate, round(rate - 0.0022, 4), round(level * 0.045, 2), round(_cash_flow(level, growth, rate, erp), 2), round(level * 0.039, 2),
            growth, round(erp * 0.985, 4), round(erp, 4), round(erp + 0.0021, 4), smoothed, round(erp * 0.9, 4), round(erp * 0.93, 4),
            round(erp + rate, 4),
        ]  # fmt: skip
        rows.append(line)
    content = workbook([("Chart", []), ("Historical ERP", [_MONTHLY_HEADER, *rows])], "Implied ERP", from_1904=True)
    yield SampleFile("damodaran_erp_monthly", "workbook", "ERPbymonth.xlsx", view.current(), content)


def _yearly(world: World, view: View) -> Iterator[SampleFile]:
    ends = np.array([f"{year}-12-31" for year in range(2004, 2024)], "datetime64[D]")
    shown = view.shows(ends, dates.published(ends, dates.lag_of("damodaran_erp_yearly")))
    if not shown.any():
        return
    ends = ends[shown]
    price = world.prices["^GSPC"]
    index, bond = _at(ends + 1, price.days, price.bars["close"]), _at(ends + 1, *world.rates["DGS10"]) / 100
    bill, premium = _at(ends + 1, *world.rates["DFF"]) / 100, _premium(world, ends)
    rows: list[list[Any]] = []
    for place, day in enumerate(ends.astype(str).tolist()):
        erp, rate, level = float(premium[place]), round(float(bond[place]), 4), round(float(index[place]), 2)
        line = [
            int(day[:4]), 0.045, 0.0155, level, round(level * 0.045, 2), round(level * 0.0155, 2), round(_cash_flow(level, 0.06, rate, erp), 2), 0.06, 0.05,
            round(float(bill[place]), 4), rate, round(rate - float(bill[place]), 4), 0.05, round(erp * 0.45, 4), 0.06, round(erp, 4),
            round(erp * 0.985, 4), round(erp / max(rate, 0.001), 4),
        ]  # fmt: skip
        rows.append(line)
    updated = date(int(str(ends[-1])[:4]) + 1, 1, 5)
    title: list[list[Any]] = [["Date updated:", updated], ["Created by:", "Aswath Damodaran"], [], ["Implied Equity Risk Premiums for the US"], [], []]
    summary: list[list[Any]] = [["Period", "ERP"], [f"2004-{ends[-1].astype('datetime64[Y]')}", round(float(premium.mean()), 4)]]
    content = old_workbook("Historical Impl Premiums", [*title, _YEARLY_HEADER, *rows, *summary])
    yield SampleFile("damodaran_erp_yearly", "workbook", "histimpl.xls", view.current(), content)


def _industries(world: World, view: View) -> Iterator[SampleFile]:
    for updated, dearness in _UPDATES:
        days = np.array([updated], "datetime64[D]")
        published = dates.published(days, dates.lag_of("damodaran_industry_pe"))
        if not view.shows(days, published)[0]:
            continue
        rng = stream(world.seed, f"industries {updated}")
        rows: list[list[Any]] = []
        for industry, (firms, ratio, losing) in _INDUSTRIES.items():
            # the retreat's world or not, technology had become dear by 2022
            aggregate = ratio * (dearness if industry in _TECHNOLOGY else 1.0) * float(np.exp(0.03 * rng.standard_normal()))
            forward: Any = "NA" if industry == "Oil/Gas (Integrated)" else round(aggregate * 0.92, 2)
            line = [
                industry, firms, round(losing, 4), round(aggregate * 2.1, 2), round(aggregate * 1.9, 2), forward, round(aggregate, 2),
                round(aggregate * 0.86, 2), 0.12, round(aggregate / 12, 2),
            ]  # fmt: skip
            rows.append(line)
        title: list[list[Any]] = [
            ["Date updated:", date.fromisoformat(updated)],
            ["Created by:", "Aswath Damodaran"],
            ["What is this data?", "PE ratios"],
            [],
            [],
        ]
        content = old_workbook("Industry Averages", [*title, _INDUSTRY_HEADER, *rows])
        yield SampleFile("damodaran_industry_pe", "workbook", "pedata.xls", view.current(published[0]), content)
