"""Aswath Damodaran, NYU Stern: implied equity risk premium of the S&P 500 by month and by year, price-earnings ratios by industry.

Formats: `ERPbymonth.xlsx` (sheet `Historical ERP`), `histimpl.xls` (sheet `Historical Impl Premiums`) and `pedata.xls` (sheet `Industry
Averages`) of https://pages.stern.nyu.edu/~adamodar/New_Home_Page/datacurrent.html; headings as several public readers of the files quote
them.

Rates are cells with a percent format, so they are fractions here. A few numbers were typed as text, with a percent sign, a decimal comma
or an asterisk (`6,36%`, `175.51*`), a column that is no longer kept up says so in words (`Ended`), and a division by zero shows as such.
The variants of the premium differ by half a percentage point and more: each is a column of its own, and none fills another's gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Request, Requests, UnreadableFile
from ingest.reader import spreadsheet

PROVIDER = Provider(0.5, "none stated; a personal page, three workbooks a fetch")

SITE = "https://pages.stern.nyu.edu/~adamodar/"
LICENCE = "Free, cite Aswath Damodaran, NYU Stern"

# A comma before one or two digits, or in a percentage, is a decimal comma; before three digits it separates thousands. `#DIV/0!` is no value, nor is `Ended`.
_NUMBER = (
    "case when {0} not like '#%' and lower(trim({0})) <> 'ended' "
    "then regexp_replace(trim(regexp_replace({0}, '[*]', '', 'g')), ',([0-9]{{1,2}}|[0-9]+\\s*%)$', '.\\1') else '' end"
)

_UPDATED = re.compile(r"(?im)^date (?:of )?updated?\W*\t+\s*([^\t\n]+)")
_WRITTEN_DATES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%B %d, %Y", "%d-%b-%y", "%d-%b-%Y", "%m/%d/%Y", "%m/%d/%y")


def _fraction(name: str, description: str, *headings: str, required: bool = False) -> Column:
    """A rate. A required one beyond 1 is a percentage that lost its format, and with it the row."""
    return Column(name, "DOUBLE", description, "fraction", names=headings, minimum=-1 if required else None, maximum=1 if required else None, required=required)


def _numbers(columns: Iterable[Column]) -> dict[str, str]:
    return {column.name: _NUMBER for column in columns if column.type in ("DOUBLE", "BIGINT")}


def _updated(file: LandedFile, title: str) -> Mapping[str, str]:
    """The date of the whole table stands above it."""
    stated = _UPDATED.search(title)
    for form in _WRITTEN_DATES if stated else ():
        try:
            return {"observation_date": datetime.strptime(stated.group(1).strip(), form).date().isoformat()}  # type: ignore[union-attr]
        except ValueError:
            continue
    raise UnreadableFile(f"{file.name} does not say above its table when it was updated; fetch it again")


def _file(path: str) -> Requests:
    def requests(window: FetchWindow) -> Iterable[Request]:
        yield Request(SITE + path, path.rpartition("/")[2])

    return requests


_MONTHLY = (
    Column("observation_date", "DATE", "Start of the month, the day the premium is of", names=("start_of_month", "date")),
    Column("index_level", "DOUBLE", "S&P 500", "index points", names=("s_p_500",), minimum=0),
    _fraction("bond_rate", "Rate of the ten-year Treasury bond", "t_bond_rate", required=True),
    _fraction("riskfree_rate", "Rate of the Treasury bond less the default spread of the United States", "riskfree_rate"),
    Column(
        "cash_flow_ten_year_average",
        "DOUBLE",
        "Dividends and buybacks, average yield of ten years on today's index",
        "index points",
        names=("ten_year_average_cf",),
        required=False,
    ),
    Column("cash_flow_trailing", "DOUBLE", "Dividends and buybacks of the last twelve months", "index points", names=("cf_trailing_12_month",), required=False),
    Column("cash_flow_normalized", "DOUBLE", "Dividends and buybacks, normalised", "index points", names=("normalized_cf",), required=False),
    _fraction("expected_growth", "Growth of earnings that is expected for five years", "expected_growth_rate"),
    _fraction("premium_sustainable_payout", "Premium with the payout that growth can sustain", "erp_t12_m_with_sustainable_payout"),
    _fraction("premium_trailing", "Premium on the cash flows of the last twelve months", "erp_t12m", required=True),
    _fraction("premium_trailing_adjusted", "The same over the rate less default spread", "erp_t12m_with_adj_riskfree_rate"),
    _fraction("premium_smoothed", "Premium on the ten-year average of cash flows", "erp_smoothed"),
    _fraction("premium_normalized", "Premium on normalised earnings and payout", "erp_normalized"),
    _fraction("premium_net_cash_yield", "Premium on cash flows net of shares issued", "erp_net_cash_yield"),
    _fraction("premium_covid_adjusted", "Premium with the earnings expected after the pandemic; 2020 and 2021", "erp_covid_adjusted"),
    _fraction("expected_return", "Return expected on shares", "expected_return"),
)

_YEARLY = (
    Column("observation_date", "DATE", "Last day of the year in the row; the table for 2025 is what he quotes for the start of 2026", names=("year",)),
    _fraction("earnings_yield", "Earnings / index", "earnings_yield"),
    _fraction("dividend_yield", "Dividends / index", "dividend_yield"),
    Column("index_level", "DOUBLE", "S&P 500 at the end of the year", "index points", names=("s_p_500",), minimum=0),
    Column("earnings", "DOUBLE", "Earnings of the year", "index points", required=False),
    Column("dividends", "DOUBLE", "Dividends of the year", "index points", required=False),
    Column("dividends_and_buybacks", "DOUBLE", "Dividends and buybacks of the year", "index points", names=("dividends_buybacks",), required=False),
    _fraction("bill_rate", "Rate of the Treasury bill", "t_bill_rate"),
    _fraction("bond_rate", "Rate of the ten-year Treasury bond at the end of the year", "t_bond_rate", required=True),
    _fraction("smoothed_growth", "Growth of earnings, smoothed", "smoothed_growth"),
    _fraction("premium_dividend_discount", "Premium of a dividend discount model: lower, and another measure", "implied_premium_ddm"),
    _fraction("analyst_growth", "Growth of earnings that analysts expect", "analyst_growth_estimate"),
    _fraction("premium_free_cash_flow", "Premium on free cash flow to equity: his headline", "implied_erp_fcfe", "implied_premium_fcfe", required=True),
    _fraction("premium_sustainable_payout", "The same with the payout that growth can sustain", "implied_premium_fcfe_with_sustainable_payout"),
)

_INDUSTRY = (
    Column("industry", "TEXT", "Industry, or `Total Market` for all of them", names=("industry_name", "industry", "induistry_name", "industry_group")),
    Column("observation_date", "DATE", "Day of the update, as the file states it"),
    Column("firms", "BIGINT", "Companies listed in the United States", "companies", names=("number_of_firms",), minimum=0),
    _fraction("share_losing_money", "Companies with a loss in the last twelve months / all", "of_money_losing_firms_trailing"),
    Column("price_earnings_current", "DOUBLE", "Price / earnings of the last fiscal year, mean of companies", "ratio", names=("current_pe",), required=False),
    Column(
        "price_earnings_trailing", "DOUBLE", "Price / earnings of the last twelve months, mean of companies", "ratio", names=("trailing_pe",), required=False
    ),
    Column("price_earnings_forward", "DOUBLE", "Price / earnings expected, mean of companies", "ratio", names=("forward_pe",), required=False),
    Column(
        "price_earnings_aggregate",
        "DOUBLE",
        "Market value of all companies / their net income, losses included",
        "ratio",
        names=("aggregate_mkt_cap_net_income_all_firms", "aggregate_mkt_cap_net_income"),
        required=False,
    ),
    Column(
        "price_earnings_aggregate_profitable",
        "DOUBLE",
        "Market value / net income of the companies that earn money",
        "ratio",
        names=("aggregate_mkt_cap_trailing_net_income_only_money_making_firms",),
        required=False,
    ),
    Column(
        "expected_growth",
        "DOUBLE",
        "Yearly growth of earnings expected for five years",
        "fraction",
        names=("expected_growth_next_5_years", "expected_growth_in_eps_next_5_years"),
        required=False,
    ),
    Column("price_earnings_growth", "DOUBLE", "Price-earnings ratio / growth expected in percent", "ratio", names=("peg_ratio",), required=False),
)

# A heading may be broken into lines.
_MONTHLY_HEADER = r"(?s)^(Start of month|Date)\s*\t.{0,800}?\bERP \(T12 ?m\)"
_YEARLY_HEADER = r"(?s)^Year\s*\tEarnings Yield\s*\t.{0,800}?Implied\s+(ERP|Premium)\s+\(FCFE\)"
_INDUSTRY_HEADER = r"(?s)^(Industry|Induistry)[^\t]*\tNumber of firms\s*\t.{0,400}?\b(Current|Trailing)\s+PE\b"


def _titles(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.MULTILINE)


FEEDS = (
    Feed(
        name="damodaran_erp_monthly",
        provider="damodaran",
        title="Implied equity risk premium by month",
        description=(
            "Premium that the level of the S&P 500 implies at the start of each month since September 2008, by several measures of the cash "
            "flows: trailing twelve months, sustainable payout, smoothed, normalised. They are not to be mixed."
        ),
        url=f"{SITE}New_Home_Page/home.htm",
        licence=LICENCE,
        cadence=Cadence.MONTHLY,
        lag=PublicationLag(7, "24:00", source="brought up to date at the start of each month, in its first days"),
        key=("observation_date",),
        columns=_MONTHLY,
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                _titles(_MONTHLY_HEADER),
                spreadsheet(_MONTHLY_HEADER, expressions=_numbers(_MONTHLY)),
                "Sheet Historical ERP of a workbook that counts days from 1904; whole history",
                requests=_file("pc/implprem/ERPbymonth.xlsx"),
            ),
        ),
    ),
    Feed(
        name="damodaran_erp_yearly",
        provider="damodaran",
        title="Implied equity risk premium by year",
        description="Premium that the level of the S&P 500 implied at the end of each year since 1960, with what it is computed from.",
        url=f"{SITE}New_Home_Page/datafile/implpr.html",
        licence=LICENCE,
        cadence=Cadence.YEARLY,
        dated="month end",
        lag=PublicationLag(31, "24:00", source="updated in January: the files of 2026 are dated 5 January"),
        key=("observation_date",),
        columns=_YEARLY,
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                _titles(_YEARLY_HEADER),
                spreadsheet(
                    _YEARLY_HEADER,
                    expressions={**_numbers(_YEARLY), "observation_date": "left(trim({0}), 4) || '-12-31'"},
                    # averages of spans of years, such as 2016-2025, stand below
                    skip={"summary": "not regexp_matches(trim({observation_date}), '^[12][0-9]..([.]0+)?$')"},
                ),
                "Old-format workbook (.xls), averages below the years",
                requests=_file("pc/datasets/histimpl.xls"),
            ),
        ),
    ),
    Feed(
        name="damodaran_industry_pe",
        provider="damodaran",
        title="Price-earnings ratios by industry",
        description=(
            "Price-earnings ratios of some 95 industries of companies listed in the United States, once a year. The mean of companies is swollen by "
            "small earnings; market value over net income is not."
        ),
        url=f"{SITE}New_Home_Page/datacurrent.html",
        licence=LICENCE,
        cadence=Cadence.YEARLY,
        lag=PublicationLag(7, "24:00", source="the file states the day of its update, in the first days of January, and is put on the page that week"),
        key=("industry", "observation_date"),
        columns=_INDUSTRY,
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                _titles(_INDUSTRY_HEADER),
                spreadsheet(_INDUSTRY_HEADER, values=_updated, expressions=_numbers(_INDUSTRY)),
                "Old-format workbook (.xls), sheet Industry Averages; each year's replaces the one before",
                requests=_file("pc/datasets/pedata.xls"),
            ),
        ),
    ),
)
