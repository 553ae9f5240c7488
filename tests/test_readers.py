"""Reading: the forms in which providers publish, and bad input, each with outcome, message, rows kept and nothing lost.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
import xlwt
from raw_store import RawStore


def zipped(**members: bytes | str) -> bytes:
    """A zip of the members; `__` in a name stands for a dot."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def xlsx(rows: Sequence[Sequence[Any]], *, before: Sequence[Sequence[Any]] = ()) -> bytes:
    """A workbook; with `before`, a first sheet holds that."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        for sheet_rows in [rows] if not before else [before, rows]:
            sheet = book.add_worksheet()
            for number, row in enumerate(sheet_rows):
                sheet.write_row(number, 0, row)
    return buffer.getvalue()


def xls(rows: Sequence[Sequence[Any]]) -> bytes:
    """An old-format workbook."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("data")
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write(number, column, cell)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path / "landing")


# --- well-formed files, feed by feed ------------------------------------------------------------------------------------

FSI_COLUMNS = ["Date", "OFR FSI", "Credit", "Equity valuation", "Safe assets", "Funding", "Volatility"]
FSI_COLUMNS += ["United States", "Other advanced economies", "Emerging markets"]
FSI_HEADER = ",".join(FSI_COLUMNS)
FSI_ROWS = ("2026-01-05,1.5,1,2,3,4,5,6,7,8", "2026-01-06,-0.5,1,2,3,4,5,6,7,8")


def fsi(*rows: str, header: str = FSI_HEADER, end: str = "\n") -> str:
    return end.join([header, *(rows or FSI_ROWS)]) + end


CFTC_HEADER = (
    '"Market_and_Exchange_Names","As_of_Date_In_Form_YYMMDD","{date}","CFTC_Contract_Market_Code","CFTC_Market_Code","CFTC_Region_Code",'
    '"CFTC_Commodity_Code","Open_Interest_All","Dealer_Positions_Long_All","Dealer_Positions_Short_All","Dealer_Positions_Spread_All",'
    '"Asset_Mgr_Positions_Long_All","Asset_Mgr_Positions_Short_All","Lev_Money_Positions_Long_All","Lev_Money_Positions_Short_All",'
    '"Other_Rept_Positions_Long_All","Other_Rept_Positions_Short_All","Traders_Dealer_Long_All","Conc_Gross_LE_4_TDR_Long_All",'
    '"Contract_Units","FutOnly_or_Combined"'
)


def cftc(*dates: str, column: str = "Report_Date_as_YYYY-MM-DD", scope: str = "FutOnly", traders: str = ".", header: str = "") -> str:
    rows = [
        f'"UST 10Y NOTE - CHICAGO BOARD OF TRADE",260106,{day},043602 ,CBT ,00,043 ,   4544233,  416965,514194,1,2155592,854840,625134,1819579,3,4,'
        f'{traders},  12.5,"(CONTRACTS OF $100,000 FACE VALUE)",{scope}'
        for day in dates
    ]
    return "\r\n".join([header or CFTC_HEADER.format(date=column), *rows]) + "\r\n"


CFTC_FOUND = ("2026-01-06", "043602", "FutOnly", 4544233, 416965, None, 12.5)
CFTC_SQL = (
    "select observation_date::varchar, contract_code, report_scope, open_interest, dealer_long, traders_dealer_long, "
    "concentration_gross_4_long from raw.cftc_tff order by all"
)
PUT_CALL_SQL = (
    "select observation_date::varchar, product, measure, call_contracts, put_contracts, total_contracts, published_ratio "
    "from raw.cboe_put_call order by 1, 2, 3"
)
FRED_SQL = "select series_id, observation_date::varchar, value from raw.fred_series order by 1, 2"
TIC_SQL = "select country, observation_date::varchar, series, holdings from raw.tic_major_foreign_holders order by 2 desc, 3 desc, 1"
PRICE_SQL = "select symbol, observation_date::varchar, adjustment, close, volume from raw.price_daily order by 1, 2"
FUND_SQL = "select ticker, observation_date::varchar, net_asset_value, shares_outstanding, total_net_assets from raw.{} order by 1, 2"


def daily_options(**products: Any) -> str:
    ratios = [{"name": "TOTAL PUT/CALL RATIO", "value": "0.96"}, {"name": "NEW PUT/CALL RATIO", "value": "1.20"}]
    return json.dumps({"ratios": ratios, **products})


def chart(closes: Sequence[float | None], *, error: Any = None, session_end: int = 0, now: int = 0, splits: Sequence[tuple[int, int, int]] = ()) -> str:
    """An answer of the chart service; `splits` are (second, new shares, old shares)."""
    opened = [1767969000 + 86400 * number for number in range(len(closes))]  # 2026-01-09 9:30 in New York and the days after
    bars = {"open": closes, "high": closes, "low": closes, "close": closes, "volume": [100 if c is not None else None for c in closes]}
    regular = {"start": opened[-1] if opened else 0, "end": session_end}
    meta = {"symbol": "^GSPC", "exchangeTimezoneName": "America/New_York", "currentTradingPeriod": {"regular": regular}, "regularMarketTime": now}
    result: list[dict[str, Any]] | None = None if error else [{"meta": meta, "timestamp": opened, "indicators": {"quote": [bars]}}]
    if result and splits:
        result[0]["events"] = {"splits": {str(second): {"date": second, "numerator": new, "denominator": old} for second, new, old in splits}}
    return json.dumps({"chart": {"result": result, "error": error}})


TIC_HISTORY = (
    "                    MAJOR FOREIGN HOLDERS OF TREASURY SECURITIES\r\n"
    "                              (in billions of dollars)\r\n\r\n"
    "\tDec\tNov\r\nCountry\t2012\t2012\r\n\t------\t------\r\n"
    'Japan  \t 1111.2\t1117.7 \r\n"China, Mainland"\t1202.3\t1183.1\r\nBelgium  5/\t 145.5\t*\r\nGrand Total\t5573.8\t5557.6\r\n'
    "Of which:\r\n    For. Official\t4032.1\t4013.4\r\n    Treasury Bills\t370.4\tn.a.\r\n\r\n"
    "\t\tXII\tXI\r\n\tJul\tJun\tJun\r\nCountry\t2011\t2011\t2011\r\n\t------\t------\t------\r\n"
    "Japan\t914.8\t881.5\t911.0\r\n\r\n1/ Estimated foreign holdings.\r\n3/18/13\r\n"
)
TIC_CURRENT = (
    "Table 5: Major Foreign Holders of Treasury Securities\t\t\r\nBillions of dollars\t\t\r\n\t\t\r\nCountry\t2026-02\t2026-01\r\n"
    "Japan\t1239.3\t1225.3\r\nChina, Mainland\t693.3\t\r\nGrand Total\t9158.1\t9130.0\r\nOf Which: Foreign Official Treasury Bills\t354.4\t350.1\r\n"
    "Notes:\r\nThe data\t1\t2\r\n"
)
GLD_HEADER = (
    "Date, GLD Close, NAV per GLD in Gold, NAV/share at 10.30 a.m. NYT, Indicative Price of GLD at 4.15 p.m. NYT, Daily Share Volume, "
    "Total Net Asset Value Ounces in the Trust as at 4.15 p.m. NYT, Total Net Asset Value Tonnes in the Trust as at 4.15 p.m. NYT, "
    "Total Net Asset Value in the Trust"
)
GLD_ROWS = (
    "18-Nov-2004, 44.38, 100.000000, 44.2, 44.305, 5992000, 260000.00, 8.09, 114920000.00$",
    "25-Nov-2004, HOLIDAY, HOLIDAY, HOLIDAY, HOLIDAY, HOLIDAY, HOLIDAY, HOLIDAY, HOLIDAY",
    "26-Nov-2004, $45.05, 99.99, AWAITED, $44.81, NYSE Closed, 260000.00, 8.09, 114920000.00$",
)
GLD_SQL = (
    "select observation_date::varchar, close, net_asset_value_per_share, share_volume, tonnes_in_trust, total_net_asset_value from raw.gld_archive order by 1"
)
GLD_FOUND = [("2004-11-18", 44.38, 44.2, 5992000, 8.09, 114920000.0), ("2004-11-26", 45.05, None, None, 8.09, 114920000.0)]
SSGA = [
    ["Fund Name:", "State Street SPDR S&P 500 ETF Trust"],
    ["Ticker Symbol:", "SPY"],
    [],
    ["Date", "NAV", "Shares Outstanding", "Total Net Assets"],
    ["06-Jan-2026", 690.5, 1_000_000.0, 690_500_000.0],
    ["05-Jan-2026", "690.1", "1,000,000", "690,100,000.25"],
    [],
    ["Past performance is not a reliable indicator of future performance."],
    ["Information as of 2026, all rights reserved"],
]
SSGA_FOUND = [("SPY", "2026-01-05", 690.1, 1e6, 690100000.25), ("SPY", "2026-01-06", 690.5, 1e6, 690500000.0)]


def ishares(*, doctype: str = "", extra: str = "") -> str:
    def row(*cells: str) -> str:
        return "<ss:Row>" + "".join(f'<ss:Cell><ss:Data ss:Type="String">{cell}</ss:Data></ss:Cell>' for cell in cells) + "</ss:Row>"

    sheets = {
        "Holdings": row("iShares Core S&P 500 ETF & more &amp; more") + row("Ticker", "Name"),
        "Historical": row("As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding")
        + row("Jan 06, 2026", "695.21", "--", "1,100,000.00")
        + row("Jan 05, 2026", "694.10", "--", "1,100,000.00")
        + extra,
    }
    body = "".join(f'<ss:Worksheet ss:Name="{name}"><ss:Table>{rows}</ss:Table></ss:Worksheet>' for name, rows in sheets.items())
    workbook = f'<ss:Workbook xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet">{body}</ss:Workbook>'
    return f'\ufeff<?xml version="1.0" encoding="utf-8"?>{doctype}{workbook}'


FINRA_HEADER = [
    "Year-Month",
    "Debit Balances in Customers' Securities Margin Accounts",
    "A New Column",
    "Free Credit Balances in Customers' Cash Accounts",
    "Free Credit Balances in Customers' Securities Margin Accounts",
]


@dataclass(frozen=True)
class Form:
    """A well-formed file: its feed, name and content, and what a query over the raw table then finds."""

    feed: str
    name: str
    content: bytes | str
    sql: str
    found: list[tuple[Any, ...]]
    skipped: dict[str, int] | None = None


DAILY = daily_options(
    **{
        "SUM OF ALL PRODUCTS": [{"name": "VOLUME", "call": 100, "put": 96, "total": 196}, {"name": "OPEN INTEREST", "call": 7, "put": 8, "total": 15}],
        "CBOE VOLATILITY INDEX (VIX)": [{"name": "VOLUME", "call": 3, "put": 4}],
        "A Product Added Later": [{"name": "VOLUME", "call": 1, "put": 2, "total": 3}],
    }
)
FORMS = {
    "fred, header before 2025": Form(
        "fred_series", "DGS2.csv", "DATE,DGS2\n2024-06-03,4.82\n2024-06-04,.\n", FRED_SQL, [("DGS2", "2024-06-03", 4.82), ("DGS2", "2024-06-04", None)]
    ),
    "fred, header since 2025": Form(
        "fred_series",
        "x.csv",
        "observation_date,DGS2\n2026-05-08,4.1\n2026-05-09,\n",
        FRED_SQL,
        [("DGS2", "2026-05-08", 4.1), ("DGS2", "2026-05-09", None)],
        {"header": 1},
    ),
    "fred, several series": Form(
        "fred_series",
        "x.csv",
        'observation_date,DGS2,"DFF"\r\n2026-05-08,4.1,3.6\r\n\r\n2026-05-09,.,3.7\r\n',
        FRED_SQL,
        [("DFF", "2026-05-08", 3.6), ("DFF", "2026-05-09", 3.7), ("DGS2", "2026-05-08", 4.1), ("DGS2", "2026-05-09", None)],
        {"header": 1, "blank": 1},
    ),
    "fred, zip of frequencies": Form(
        "fred_series",
        "fredgraph.zip",
        zipped(
            README__txt="Daily and monthly", daily__csv="observation_date,DGS2\n2026-05-08,4.1\n", monthly__csv="observation_date,PCEPILFE\n2026-03-01,120\n"
        ),
        FRED_SQL,
        [("DGS2", "2026-05-08", 4.1), ("PCEPILFE", "2026-03-01", 120.0)],
        {"header": 2, "other member": 1},
    ),
    "cboe, archive": Form(
        "cboe_put_call",
        "totalpc.csv",
        "A disclaimer, about 2012.\r\n, PRODUCT: TOTAL,,EXCHANGE: Cboe,\r\n"
        "DATE,CALLS,PUTS,TOTAL,P/C Ratio\r\n11/1/2006,100,91,191,0.91\r\n10/04/2019, 200, 210, 410, 1.05\r\n",
        PUT_CALL_SQL,
        [("2006-11-01", "total", "volume", 100, 91, 191, 0.91), ("2019-10-04", "total", "volume", 200, 210, 410, 1.05)],
        {"title": 2, "header": 1},
    ),
    "cboe, archive of equity options": Form(
        "cboe_put_call",
        "equitypc.csv",
        "Disclaimer\n, PRODUCT: EQUITY,,EXCHANGE: Cboe,\nDATE,CALL,PUT,TOTAL,P/C Ratio\n11/1/2006,100,62,162,0.62\n",
        PUT_CALL_SQL,
        [("2006-11-01", "equity", "volume", 100, 62, 162, 0.62)],
    ),
    "cboe, older archive": Form(
        "cboe_put_call",
        "indexpcarchive.csv",
        "Trade_date,Call,Put,Total,P/C Ratio\n10/17/2003,10,20,30,2.00\n",
        PUT_CALL_SQL,
        [("2003-10-17", "index", "volume", 10, 20, 30, 2.0)],
    ),
    "cboe, older archive of equity options, Latin-1 with no-break space": Form(
        "cboe_put_call",
        "equitypcarchive.csv",
        (
            "Cboe\u00a0data caf\u00e9\r\nDate,Equity Call Volume,Equity Put Volume,Total Equity Volume,Equity P/C Ratio\r\n10/17/2003,\u00a010,20,30,2.00\r\n"
        ).encode("latin-1"),
        "select product, call_contracts, put_contracts from raw.cboe_put_call",
        [("equity", 10, 20)],
    ),
    "cboe, one day": Form(
        "cboe_put_call",
        "2026-06-08_daily_options.json",
        DAILY,
        PUT_CALL_SQL,
        [
            ("2026-06-08", "a product added later", "volume", 1, 2, 3, None),
            ("2026-06-08", "total", "open_interest", 7, 8, 15, None),
            ("2026-06-08", "total", "volume", 100, 96, 196, 0.96),
            ("2026-06-08", "vix", "volume", 3, 4, None, None),
        ],
    ),
    "cboe, zip of days": Form(
        "cboe_put_call",
        "june.zip",
        zipped(
            **{f"2026-06-{day}_daily_options__json": daily_options(**{"INDEX OPTIONS": [{"name": "VOLUME", "call": day, "put": 1}]}) for day in ("08", "09")}
        ),
        "select observation_date::varchar, call_contracts from raw.cboe_put_call order by 1",
        [("2026-06-08", 8), ("2026-06-09", 9)],
    ),
    "cboe, index with four levels": Form(
        "cboe_index_history",
        "VIX_History.csv",
        "DATE,OPEN,HIGH,LOW,CLOSE\r\n01/02/1990,17.240000,17.24,17.24,17.24\r\n",
        "select index_name, observation_date::varchar, open, close from raw.cboe_index_history",
        [("VIX", "1990-01-02", 17.24, 17.24)],
    ),
    "cboe, index with one level": Form(
        "cboe_index_history",
        "SKEW_History.csv",
        "DATE,SKEW\n01/02/1990,126.09\n",
        "select index_name, observation_date::varchar, open, close from raw.cboe_index_history",
        [("SKEW", "1990-01-02", None, 126.09)],
    ),
    "cftc, year": Form("cftc_tff", "FinFutYY.txt", cftc("2026-01-06"), CFTC_SQL, [CFTC_FOUND]),
    "cftc, zipped": Form("cftc_tff", "fut_fin_txt_2026.zip", zipped(FinFutYY__txt=cftc("2026-01-06")), CFTC_SQL, [CFTC_FOUND]),
    "cftc, re-saved by a spreadsheet": Form(
        "cftc_tff",
        "FinFutYY.csv",
        "\ufeff"
        + cftc("1/6/2026", column="Report_Date_as_MM_DD_YYYY", traders="", header=CFTC_HEADER.format(date="Report_Date_as_MM_DD_YYYY").replace('"', "")),
        CFTC_SQL,
        [CFTC_FOUND],
    ),
    "cftc, bundle of years": Form("cftc_tff", "F_TFF_2006_2016.txt", cftc("1/6/2026 12:00:00 AM", column="Report_Date_as_MM_DD_YYYY"), CFTC_SQL, [CFTC_FOUND]),
    "cftc, with options": Form("cftc_tff", "FinComYY.txt", cftc("2026-01-06", scope="Combined"), CFTC_SQL, [(*CFTC_FOUND[:2], "Combined", *CFTC_FOUND[3:])]),
    "tic, history with a month printed twice": Form(
        "tic_major_foreign_holders",
        "mfhhis01.txt",
        TIC_HISTORY,
        TIC_SQL,
        [
            ("Belgium", "2012-12-31", "main", 145.5),
            ("China, Mainland", "2012-12-31", "main", 1202.3),
            ("Foreign Official", "2012-12-31", "main", 4032.1),
            ("Foreign Official Treasury Bills", "2012-12-31", "main", 370.4),
            ("Grand Total", "2012-12-31", "main", 5573.8),
            ("Japan", "2012-12-31", "main", 1111.2),
            ("Belgium", "2012-11-30", "main", None),
            ("China, Mainland", "2012-11-30", "main", 1183.1),
            ("Foreign Official", "2012-11-30", "main", 4013.4),
            ("Foreign Official Treasury Bills", "2012-11-30", "main", None),
            ("Grand Total", "2012-11-30", "main", 5557.6),
            ("Japan", "2012-11-30", "main", 1117.7),
            ("Japan", "2011-07-31", "main", 914.8),
            ("Japan", "2011-06-30", "main", 881.5),
            ("Japan", "2011-06-30", "XI", 911.0),
        ],
    ),
    "tic, last months": Form(
        "tic_major_foreign_holders",
        "slt_table5.txt",
        TIC_CURRENT,
        TIC_SQL,
        [
            ("China, Mainland", "2026-02-28", "main", 693.3),
            ("Foreign Official Treasury Bills", "2026-02-28", "main", 354.4),
            ("Grand Total", "2026-02-28", "main", 9158.1),
            ("Japan", "2026-02-28", "main", 1239.3),
            ("Foreign Official Treasury Bills", "2026-01-31", "main", 350.1),
            ("Grand Total", "2026-01-31", "main", 9130.0),
            ("Japan", "2026-01-31", "main", 1225.3),
        ],
    ),
    "gld, archive": Form("gld_archive", "GLD_US_archive_EN.csv", "\n".join([GLD_HEADER, *GLD_ROWS]) + "\n", GLD_SQL, GLD_FOUND, {"header": 1, "holiday": 1}),
    "gld, archive below a preamble": Form(
        "gld_archive",
        "GLD.csv",
        "\n".join(["SPDR Gold Shares", '"All figures, as published"', "", " " + GLD_HEADER, *GLD_ROWS]) + "\n",
        GLD_SQL,
        GLD_FOUND,
        {"title": 3, "header": 1, "holiday": 1},
    ),
    "gld, workbook": Form(
        "gld_archive",
        "GLD_historical_archive.xlsx",
        xlsx(
            [
                [
                    "Date",
                    "Closing Price",
                    "NAV/share at 10:30am NYT",
                    "Daily Share Volume",
                    "Total Net Asset Value Ounces in the Trust",
                    "Tonnes of Gold",
                    "Total Net Asset Value in the Trust",
                ],
                ["18-Nov-2004", "$44.38", 44.2, 5992000, 260000, 8.09, 114920000],
                ["25-Nov-2004", *["HOLIDAY"] * 6],
                ["26-Nov-2004", 45.05, "AWAITED", "NYSE Closed", 260000, 8.09, "114,920,000.00"],
            ],
            before=[["Disclaimer"], ["The data of 2004 are not checked"]],
        ),
        GLD_SQL,
        GLD_FOUND,
    ),
    "yahoo": Form(
        "price_daily",
        "GSPC_chart.json",
        chart([6900.5, None, 6950.0]),
        PRICE_SQL,
        [("^GSPC", "2026-01-09", "split", 6900.5, 100.0), ("^GSPC", "2026-01-11", "split", 6950.0, 100.0)],
        {"blank": 1},
    ),
    "yahoo, session still open": Form(
        "price_daily",
        "GSPC_chart.json",
        chart([6900.5, 6950.0], now=100, session_end=200),
        PRICE_SQL,
        [("^GSPC", "2026-01-09", "split", 6900.5, 100.0)],
        {"open session": 1},
    ),
    # told in seconds of the day, not always those of the bar; 1 for 8 is a reverse split
    "yahoo, with splits": Form(
        "price_daily",
        "GSPC_chart.json",
        chart([400.0, 100.0, 100.0, 800.0], splits=[(1767969000 + 86400 + 60, 4, 1), (1767969000 + 3 * 86400, 1, 8)]),
        "select observation_date::varchar, close, split_ratio from raw.price_daily order by 1",
        [("2026-01-09", 400.0, None), ("2026-01-10", 100.0, 4.0), ("2026-01-11", 100.0, None), ("2026-01-12", 800.0, 0.125)],
    ),
    "stooq, fund": Form(
        "price_daily",
        "spy_us_d.csv",
        "Date,Open,High,Low,Close,Volume\r\n2015-01-02,1,3,1,2.5,1000\r\n",
        PRICE_SQL,
        [("SPY", "2015-01-02", "split_and_dividend", 2.5, 1000.0)],
    ),
    "stooq, index": Form(
        "price_daily", "^spx_d.csv", "Date,Open,High,Low,Close\n2015-01-02,1,3,1,2.5\n", PRICE_SQL, [("^GSPC", "2015-01-02", "split_and_dividend", 2.5, None)]
    ),
    "stooq, zip of symbols": Form(
        "price_daily",
        "stooq.zip",
        zipped(spy_us_d__csv="Date,Open,High,Low,Close\n2015-01-02,1,3,1,2.5\n", qqq_us_d__csv="Date,Open,High,Low,Close\n2015-01-05,1,3,1,2.6\n"),
        "select symbol, close from raw.price_daily order by 1",
        [("QQQ", 2.6), ("SPY", 2.5)],
    ),
    "ssga": Form("ssga_nav", "navhist-us-en-spy.xlsx", xlsx(SSGA), FUND_SQL.format("ssga_nav"), SSGA_FOUND, {"title": 3, "header": 1, "blank": 1, "footer": 2}),
    "ssga, zip of two funds": Form(
        "ssga_nav",
        "funds.zip",
        zipped(**{"navhist-us-en-spy__xlsx": xlsx(SSGA[3:]), "navhist-us-en-xlk__xlsx": xlsx([SSGA[3], ["05-Jan-2026", 140, 500, 70000]])}),
        FUND_SQL.format("ssga_nav"),
        [*SSGA_FOUND, ("XLK", "2026-01-05", 140.0, 500.0, 70000.0)],
    ),
    "ishares, & not escaped": Form(
        "ishares_nav",
        "IVV_fund.xls",
        ishares(),
        FUND_SQL.format("ishares_nav"),
        [("IVV", "2026-01-05", 694.1, 1.1e6, None), ("IVV", "2026-01-06", 695.21, 1.1e6, None)],
    ),
    "vanguard": Form(
        "vanguard_nav",
        "voo.csv",
        "\ufeffticker,date,nav,shares_outstanding\nVOO,2026-01-05,600.5,1000\n",
        FUND_SQL.format("vanguard_nav"),
        [("VOO", "2026-01-05", 600.5, 1000.0, None)],
    ),
    "finra, a column more": Form(
        "finra_margin",
        "margin-statistics.xlsx",
        xlsx([FINRA_HEADER, ["2026-02", "1,100", 5, 200, 300], ["2010-01", 300, "", 50, ""]]),
        "select observation_date::varchar, debit_balances, free_credit_cash, free_credit_margin from raw.finra_margin order by 1",
        [("2010-01-31", 300.0, 50.0, None), ("2026-02-28", 1100.0, 200.0, 300.0)],
    ),
    "gpr, months": Form(
        "gpr_monthly",
        "data_gpr_export.xls",
        xls([["month", "GPR", "GPRT", "GPRC_USA", "var_name", "var_label"], ["2026-01-01", 100.5, "", 1.5, "GPR", "label"]]),
        "select observation_date::varchar, index_name, value from raw.gpr_monthly order by 2",
        [("2026-01-31", "GPR", 100.5), ("2026-01-31", "GPRC_USA", 1.5)],
    ),
    "gpr, days": Form(
        "gpr_daily",
        "data_gpr_daily_recent.xls",
        xls([["DAY", "N10D", "GPRD", "GPRD_ACT", "GPRD_THREAT", "date", "event"], [20260105, 900, 120.5, 110, 130, "2026-01-05", ""]]),
        "select observation_date::varchar, articles, gprd from raw.gpr_daily",
        [("2026-01-05", 900, 120.5)],
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_form(store: RawStore, form: Form) -> None:
    file = store.take(form.feed, form.name, form.content)
    assert (file["status"], file["rows_quarantined"], store.reasons()) == ("loaded", 0, []), file["message"]
    assert store.rows(form.sql) == form.found
    if form.skipped is not None:
        assert file["skipped"] == form.skipped


# --- bad input ----------------------------------------------------------------------------------------------------------


def xlsx_with(*rows: Sequence[Any]) -> bytes:
    return xlsx([FINRA_HEADER, *rows])


def damaged(data: bytes, at: float = 0.5) -> bytes:
    """The bytes with a stretch of noise, at a share of their length."""
    middle = int(len(data) * at)
    return data[:middle] + bytes(random.Random(1).randbytes(32)) + data[middle + 32 :]


def stored(name: str, content: bytes) -> bytes:
    """A zip with one member that is not compressed, and whose path is as given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


LONG = fsi(*(f"{year}-01-{day:02},{day}.5,1,2,3,4,5,6,7,8" for year in range(2000, 2026) for day in range(1, 29)))
ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@dataclass(frozen=True)
class Bad:
    """A bad file: what is said of the whole file (`message`) or of its rows (`reasons`), and how many rows are kept."""

    feed: str
    name: str
    content: bytes | str
    kept: int = 0
    message: str | None = None
    reasons: tuple[str, ...] = ()


ROW = "2026-01-05,1.5,1,2,3,4,5,6,7,8"
BAD = {
    # whole files
    "web page": Bad("ofr_fsi", "fsi.csv", "<!DOCTYPE html>\n<html><body>Service Unavailable</body></html>", message="web page, not data"),
    "web page where a workbook was": Bad("finra_margin", "margin-statistics.xlsx", "\n<html><head></head></html>", message="web page, not data"),
    "web page where JSON was": Bad("price_daily", "SPY_chart.json", "<html>429</html>", message="web page, not data"),
    "empty": Bad("ofr_fsi", "fsi.csv", b"", message="the file is empty; fetch it again"),
    "header only": Bad("ofr_fsi", "fsi.csv", FSI_HEADER + "\n", message="no records; fetch it again"),
    "header only, workbook": Bad("finra_margin", "m.xlsx", xlsx_with(), message="no records; fetch it again"),
    "truncated gzip": Bad("ofr_fsi", "fsi.csv.gz", gzip.compress(LONG.encode())[:-20], message="damaged gzip"),
    "damaged gzip": Bad("ofr_fsi", "fsi.csv.gz", damaged(gzip.compress(LONG.encode())), message="damaged gzip"),
    "truncated zip": Bad("ofr_fsi", "fsi.zip", zipped(fsi__csv=LONG)[:-40], message="damaged zip"),
    "damaged zip": Bad("ofr_fsi", "fsi.zip", damaged(zipped(fsi__csv=LONG)), message="damaged zip"),
    "empty zip": Bad("ofr_fsi", "fsi.zip", zipped(), message="not in a format of feed ofr_fsi"),
    "zip bomb": Bad("ofr_fsi", "fsi.zip", zipped(fsi__csv=b"0" * (11 * 1024**2)), message="refused as a zip bomb"),
    "gzip bomb": Bad("ofr_fsi", "fsi.csv.gz", gzip.compress(b"0" * (24 * 1024**2)), message="refused as a gzip bomb"),
    "path out of the zip": Bad("ofr_fsi", "fsi.zip", stored("../../fsi.csv", fsi().encode()), message=r"unsafe path '../../fsi.csv'"),
    "absolute path in a zip": Bad("ofr_fsi", "fsi.zip", stored("/etc/fsi.csv", fsi().encode()), message="unsafe path '/etc/fsi.csv'"),
    "backslashes in a zip": Bad("ofr_fsi", "fsi.zip", stored("..\\..\\fsi.csv", fsi().encode()), message="unsafe path"),
    "other delimiter": Bad("ofr_fsi", "fsi.csv", fsi().replace(",", ";"), message="not in a format of feed ofr_fsi (csv); the provider may have changed it"),
    "missing column": Bad(
        "ofr_fsi", "fsi.csv", fsi(header=FSI_HEADER.replace(",Funding", "")), message="column funding is missing; the file has date, ofr_fsi"
    ),
    "renamed column": Bad("ofr_fsi", "fsi.csv", fsi(header=FSI_HEADER.replace("Credit", "Credit spreads")), message="column credit is missing"),
    "renamed column of a workbook": Bad(
        "ssga_nav",
        "navhist-us-en-spy.xlsx",
        xlsx([["Date", "NAV", "Shares Outstanding in all", "Total"], *SSGA[4:6]]),
        message="column shares_outstanding is missing",
    ),
    "damaged xlsx": Bad("finra_margin", "m.xlsx", xlsx_with(["2026-02", 1, 2, 3, 4])[:-100], message="damaged zip"),
    "xlsx with a damaged sheet": Bad(
        "finra_margin", "m.xlsx", zipped(**{"[Content_Types]__xml": "<Types/>", "xl/workbook__xml": "<workbook"}), message="not a readable spreadsheet"
    ),
    "damaged xls": Bad("gpr_daily", "d.xls", xls([["DAY", "GPRD"], [20260105, 1]])[:1500], message="not a readable spreadsheet"),
    "fund without a name": Bad("ssga_nav", "history.xlsx", xlsx(SSGA[3:]), message="does not say which fund it is"),
    "entity expansion": Bad("ishares_nav", "IVV_fund.xls", ishares(doctype=ENTITIES), message="EntitiesForbidden"),
    "XML cut off": Bad("ishares_nav", "IVV_fund.xls", ishares()[:-30], message="not readable as a SpreadsheetML workbook"),
    "JSON cut off": Bad("cboe_put_call", "2026-06-08_daily_options.json", DAILY[:-30], message="cannot be read as daily_json"),
    "JSON of another shape": Bad("cboe_put_call", "2026-06-08_daily_options.json", '{"ratios": [], "TOTAL": "closed"}', message="no records; fetch it again"),
    "Socrata answer cut off": Bad("cftc_tff", "tff.json", '[{"dealer_positions_long_all": "1", ', message="not complete JSON"),
    "error of the chart": Bad(
        "price_daily",
        "X_chart.json",
        chart([], error={"code": "Not Found", "description": "No data found, symbol may be delisted"}),
        message="symbol may be delisted",
    ),
    "UTF-16, big-endian": Bad("ofr_fsi", "fsi.csv", b"\xfe\xff" + fsi().encode("utf-16-be"), message="save it as UTF-8"),
    # text in other dress, all of it kept
    "byte-order mark": Bad("ofr_fsi", "fsi.csv", "\ufeff" + fsi(), kept=2),
    "CRLF": Bad("ofr_fsi", "fsi.csv", fsi(end="\r\n"), kept=2),
    "UTF-16": Bad("ofr_fsi", "fsi.csv", fsi().encode("utf-16"), kept=2),
    "Latin-1 with no-break spaces": Bad("ofr_fsi", "fsi.csv", fsi(ROW.replace("1.5", "\u00a01.5\u00a0")).encode("latin-1"), kept=1),
    "no line end at the end": Bad("ofr_fsi", "fsi.csv", fsi().rstrip("\n"), kept=2),
    "gzip": Bad("ofr_fsi", "fsi.csv.gz", gzip.compress(fsi().encode()), kept=2),
    "columns in another order": Bad(
        "ofr_fsi",
        "fsi.csv",
        "Date,OFR FSI,Emerging markets,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies\n"
        "2026-01-05,1.5,8,1,2,3,4,5,6,7\n",
        kept=1,
    ),
    "a column more": Bad("ofr_fsi", "fsi.csv", fsi(ROW + ",x", header=FSI_HEADER + ",New"), kept=1),
    "numbers as strings": Bad("ofr_fsi", "fsi.csv", fsi(ROW.replace("1.5", '"1.5"')), kept=1),
    "thousands separators": Bad("ofr_fsi", "fsi.csv", fsi(ROW.replace("1.5", '"1,001.5"')), kept=1),
    "another date form": Bad("ofr_fsi", "fsi.csv", fsi(ROW.replace("2026-01-05", "1/5/2026")), kept=1),
    "quoted line break": Bad(
        "vanguard_nav", "v.csv", 'ticker,date,nav,shares_outstanding,note\nVOO,2026-01-05,600,10,"two\nlines"\nVOO,2026-01-06,601,10,\n', kept=2
    ),
    "words for missing": Bad("ofr_fsi", "fsi.csv", fsi("2026-01-05,.,NA,N/A,-,,#N/A,n/a,null,--"), kept=1),
    # bad rows
    "not a number": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-01-07,high,1,2,3,4,5,6,7,8"), 2, reasons=("ofr_fsi: high is not a number",)),
    "not a date": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-02-30,1,1,2,3,4,5,6,7,8"), 2, reasons=("observation_date: 2026-02-30 is not a date",)),
    "no date": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, ",1,1,2,3,4,5,6,7,8"), 2, reasons=("observation_date is missing",)),
    "no date, one series": Bad("fred_series", "x.csv", "observation_date,DGS2\n2026-05-08,4.1\n,4.2\n", 1, reasons=("observation_date is missing",)),
    "infinite": Bad(
        "ofr_fsi",
        "fsi.csv",
        fsi(*FSI_ROWS, "2026-01-07,inf,NaN,2,3,4,5,6,7,8"),
        2,
        reasons=("ofr_fsi: inf is not a finite number; credit: NaN is not a finite number",),
    ),
    "beyond a number": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-01-07,1e999,1,2,3,4,5,6,7,8"), 2, reasons=("ofr_fsi: 1e999",)),
    "future": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, ROW.replace("2026-01", "2027-01")), 2, reasons=("2027-01-05 lies after 2026-10-02",)),
    "too few fields": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-01-07,1,1"), 2, reasons=("Expected Number of Columns: 10 Found: 3",)),
    "too many fields": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, ROW + ",9,10,11"), 2, reasons=("Expected Number of Columns: 10 Found: 1",)),
    "quote left open": Bad(
        "ofr_fsi",
        "fsi.csv",
        fsi('2026-01-07,"1,1,2,3,4,5,6,7,8', *FSI_ROWS),
        message="line 2 opens a quote that is not closed",
        reasons=("quote",),
    ),
    "quote left open twice": Bad(
        "ofr_fsi",
        "fsi.csv",
        fsi('2026-01-07,"1,1,2,3,4,5,6,7,8', *FSI_ROWS, '2026-01-08,"1,1,2,3,4,5,6,7,8', "2026-01-09,1,1,2,3,4,5,6,7,8"),
        message="line 2 opens a quote that is not closed",
        reasons=("quote",),
    ),
    "quote left open at the end": Bad("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, '2026-01-07,"1,1,2,3,4,5,6,7,8'), 2, reasons=("quote",)),
    "the same row twice": Bad("ofr_fsi", "fsi.csv", fsi(ROW, ROW, ROW.replace("1.5", "1.50")), 1),
    "a key with two values": Bad(
        "ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-01-06,9,1,2,3,4,5,6,7,8"), 1, reasons=("the key stands more than once with different values",) * 2
    ),
    "a key with two values, one missing": Bad(
        "ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-01-06,,1,2,3,4,5,6,7,8"), 1, reasons=("the key stands more than once",) * 2
    ),
    "negative volume": Bad(
        "cboe_put_call",
        "totalpc.csv",
        "DATE,CALLS,PUTS,TOTAL,P/C Ratio\n11/1/2006,100,91,191,0.91\n11/2/2006,-100,91,-9,0.91\n",
        1,
        reasons=("call_contracts: -100 is below 0; total_contracts: -9 is below 0",),
    ),
    "half a contract": Bad(
        "cboe_put_call",
        "totalpc.csv",
        "DATE,CALLS,PUTS,TOTAL,P/C Ratio\n11/1/2006,100,91,191,0.91\n11/2/2006,100.5,91,191,0.91\n",
        1,
        reasons=("100.5 is not a whole number",),
    ),
    "negative volume in a chart": Bad("price_daily", "G_chart.json", chart([1.0, -2.0]), 1, reasons=("open: -2.0 is below 0",)),
    "all rows bad": Bad("ofr_fsi", "fsi.csv", fsi("x,1,1,2,3,4,5,6,7,8"), message="all 1 rows are quarantined", reasons=("x is not a date",)),
}


GOOD_BEFORE = {
    "ofr_fsi": ("before.csv", fsi("2025-12-01,1,1,2,3,4,5,6,7,8")),
    "finra_margin": ("before.xlsx", xlsx_with(["2025-12", 1, 2, 3, 4])),
    "price_daily": ("SPY_chart.json", chart([1.0]).replace("^GSPC", "SPY")),
    "ssga_nav": ("navhist-us-en-xlk.xlsx", xlsx([SSGA[3], ["05-Jan-2025", 140, 500, 70000]])),
    "ishares_nav": ("ITOT_fund.xls", ishares()),
    "cboe_put_call": ("equitypc.csv", "DATE,CALL,PUT,TOTAL,P/C Ratio\n11/1/2006,100,62,162,0.62\n"),
    "cftc_tff": ("before.txt", cftc("2025-12-02")),
    "gpr_daily": ("before.xls", xls([["DAY", "GPRD"], [20251201, 1]])),
    "vanguard_nav": ("before.csv", "ticker,date,nav,shares_outstanding\nVOO,2025-12-01,600.5,1000\n"),
    "fred_series": ("DGS10.csv", "DATE,DGS10\n2024-06-03,4.82\n"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_bad_input(store: RawStore, bad: Bad) -> None:
    """A bad file says what is wrong; good rows of it, good files beside it and what was loaded before it stay."""
    name, content = GOOD_BEFORE[bad.feed]
    before = store.take(bad.feed, name, content)
    assert (before["status"], before["rows_quarantined"]) == ("loaded", 0)
    earlier = store.rows(f"select * from raw.{bad.feed} order by all")
    # the bad file is read together with a good one of the same kind
    landed = store.land(bad.feed, bad.name, bad.content)
    beside = store.land(bad.feed, name, content, edition_at=datetime(2026, 9, 30, tzinfo=UTC))
    assert landed and beside
    store.load(bad.feed)
    file = store.file(landed.file_id)
    assert (file["status"], file["rows_loaded"]) == ("quarantined" if bad.message else "loaded", bad.kept), file["message"]
    if bad.message:
        assert bad.message in file["message"]
        assert len(file["message"].splitlines()) == 1
    reasons = store.reasons()
    assert len(reasons) == len(bad.reasons), reasons
    for reason, said in zip(reasons, bad.reasons, strict=True):
        assert said in reason
    assert store.file(beside.file_id)["status"] == "loaded"
    assert set(earlier) <= set(store.rows(f"select * from raw.{bad.feed}"))


def test_values_survive_their_dress(store: RawStore) -> None:
    """The value read is the same whatever the dress of the text."""
    dressed = ["byte-order mark", "CRLF", "UTF-16", "Latin-1 with no-break spaces", "columns in another order"]
    dressed += ["gzip", "a column more", "numbers as strings", "another date form"]
    for number, name in enumerate(dressed):
        file = store.take("ofr_fsi", f"{number}_{BAD[name].name}", BAD[name].content, edition_at=datetime(2026, 9, number + 1, tzinfo=UTC))
        assert (file["rows_loaded"] > 0) == (number == 0), name  # every file after the first says nothing new
    found = store.rows("select ofr_fsi, credit, funding, emerging_markets from raw.ofr_fsi where observation_date = '2026-01-05'")
    assert found == [(1.5, 1.0, 4.0, 8.0)]
    store.take("ofr_fsi", "t.csv", BAD["thousands separators"].content, edition_at=datetime(2026, 9, 29, tzinfo=UTC))
    assert store.rows("select max(ofr_fsi) from raw.ofr_fsi") == [(1001.5,)]
    store.take("ofr_fsi", "m.csv", BAD["words for missing"].content, edition_at=datetime(2026, 9, 30, tzinfo=UTC))
    values = "ofr_fsi, credit, equity_valuation, safe_assets, funding, volatility, united_states, other_advanced_economies, emerging_markets"
    assert store.rows(f"select {values} from raw.ofr_fsi order by _available_at desc limit 1") == [(None,) * 9]


def test_the_quarantined_line_and_its_number_are_kept(store: RawStore) -> None:
    store.take("ofr_fsi", "fsi.csv", fsi(*FSI_ROWS, "2026-01-07,high,1,2,3,4,5,6,7,8", "2026-01-08,1,1"))
    found = store.rows("select row_number, line from meta.quarantine order by row_number")
    assert [number for number, _ in found] == [3, 5]  # of the record; of the line in the file, where it could not be split
    assert json.loads(found[0][1])["ofr_fsi"] == "high"
    assert found[1][1] == "2026-01-08,1,1"


def test_the_same_file_twice_says_nothing_new(store: RawStore) -> None:
    store.take("ofr_fsi", "fsi.csv", fsi())
    assert store.land("ofr_fsi", "fsi.csv", fsi()) is None
    again = store.take("ofr_fsi", "copy.csv", fsi())
    assert (again["rows_read"], again["rows_loaded"], again["rows_unchanged"]) == (2, 0, 2)


def test_a_shrunken_file_is_reported(store: RawStore) -> None:
    many = [f"2026-01-{day:02},1,1,2,3,4,5,6,7,8" for day in range(1, 29)]
    for day, rows in ((1, many), (2, many[:20]), (3, many[:20])):
        file = store.take("ofr_fsi", f"fsi_asof_202609{day:02}.csv", fsi(*rows), edition_at=datetime(2026, 9, day, tzinfo=UTC))
        assert (file["message"] or "").startswith("shrunk from 28 to 20 rows") == (day == 2)
    assert store.rows("select count(*) from raw.ofr_fsi") == [(28,)]


def test_json_with_omitted_keys(store: RawStore) -> None:
    """Socrata leaves out what is null, in one row or in all of them."""
    sides = {f"{g}_positions_{s}": "1" for g in ("lev_money", "asset_mgr", "other_rept") for s in ("long", "short")}
    dealer = {"dealer_positions_long_all": "1", "dealer_positions_short_all": "2"}
    rows = [
        {
            "report_date_as_yyyy_mm_dd": "2026-01-06T00:00:00.000",
            "cftc_contract_market_code": "013874",
            "open_interest_all": "5",
            "traders_tot_all": "9",
            **sides,
            **dealer,
        },
        {"report_date_as_yyyy_mm_dd": "2026-01-13T00:00:00.000", "cftc_contract_market_code": "013874", "open_interest_all": "6", **sides, **dealer},
        {"report_date_as_yyyy_mm_dd": "2026-01-20T00:00:00.000", "cftc_contract_market_code": "013874", "open_interest_all": "-6", **sides},
    ]
    file = store.take("cftc_tff", "tff.json", json.dumps(rows))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (2, 1)
    assert store.rows("select contract_code, open_interest, traders_total, market_code from raw.cftc_tff order by 2") == [
        ("013874", 5, 9, None),
        ("013874", 6, None, None),
    ]


@pytest.mark.parametrize(("rows", "remarked"), [(999, False), (1000, True), (1001, False)])
def test_an_answer_as_long_as_the_silent_limit_of_socrata_is_remarked(store: RawStore, rows: int, remarked: bool) -> None:
    sides = {f"{g}_positions_{s}": "1" for g in ("lev_money", "asset_mgr", "other_rept") for s in ("long", "short")}
    row = {"report_date_as_yyyy_mm_dd": "2026-01-06", "open_interest_all": "5", "dealer_positions_long_all": "1", "dealer_positions_short_all": "2", **sides}
    file = store.take("cftc_tff", "tff.json", json.dumps([{**row, "cftc_contract_market_code": f"{number:06}"} for number in range(rows)]))
    assert (file["status"], file["rows_loaded"]) == ("loaded", rows)
    assert ("others may be missing; ask with $limit" in (file["message"] or "")) == remarked


@pytest.mark.parametrize(
    ("days", "reasons"),
    [
        # no day beyond the twelfth of a month tells which comes first
        (
            ("13/01/2026", "02/01/2026"),
            ("observation_date: 02/01/2026 may be written day first, as 13/01/2026 in the same file is", "13/01/2026 is not a date"),
        ),
        # 01/14 is month first, so 13/01 alone is wrong
        (("13/01/2026", "01/02/2026", "01/14/2026"), ("observation_date: 13/01/2026 is not a date",)),
        (("01/02/2026", "01/14/2026"), ()),
    ],
)
def test_day_and_month_are_never_swapped_silently(store: RawStore, days: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    file = store.take("ofr_fsi", "fsi.csv", fsi(*(f"{day},1,1,2,3,4,5,6,7,8" for day in days)))
    assert file["rows_loaded"] == len(days) - len(reasons)
    assert len(store.reasons()) == len(reasons)
    for said, reason in zip(reasons, sorted(store.reasons()), strict=True):
        assert said in reason


def test_files_of_one_content_each_keep_their_own_counts(store: RawStore) -> None:
    """They share the landed bytes: neither rows nor rejected lines of the one are those of the other."""
    for feed, name, content, rows, refused in (
        ("ofr_fsi", "{}_fsi.csv", fsi(*FSI_ROWS, "2026-01-08,1,1"), 3, 1),
        ("cboe_put_call", "2026-06-0{}_daily_options.json", DAILY, 4, 0),
    ):
        landed = [store.land(feed, name.format(day), content, edition_at=datetime(2026, 9, day, tzinfo=UTC)) for day in (1, 2, 3)]
        store.load(feed)
        for edition in landed:
            assert edition
            file = store.file(edition.file_id)
            assert (file["rows_read"], file["rows_quarantined"]) == (rows, refused)
            assert store.rows(f"select count(*) from meta.quarantine where file_id = {edition.file_id}") == [(refused,)]


def test_a_zip_bomb_that_calls_itself_a_workbook(store: RawStore) -> None:
    bomb = zipped(**{"[Content_Types]__xml": "<Types/>", "xl/workbook__xml": b"0" * (11 * 1024**2)})
    assert "refused as a zip bomb" in store.take("finra_margin", "m.xlsx", bomb)["message"]


def test_one_bad_file_among_many_is_found(store: RawStore) -> None:
    ids = {}
    for day in range(1, 31):
        content = DAILY if day != 17 else DAILY[:-30]
        landed = store.land("cboe_put_call", f"2026-06-{day:02}_daily_options.json", content)
        assert landed
        ids[day] = landed.file_id
    summary = store.load("cboe_put_call")
    assert (summary.files, summary.quarantined_files, summary.rows_loaded) == (30, 1, 29 * 4)
    assert store.file(ids[17])["status"] == "quarantined"


def test_skipped_lines_are_counted_once_when_a_file_beside_is_bad(store: RawStore) -> None:
    good = store.land("gld_archive", "a.csv", "\n".join([GLD_HEADER, *GLD_ROWS]) + "\n")
    store.land("gld_archive", "b.csv", GLD_HEADER.replace("Daily Share Volume", "Volume") + "\n" + GLD_ROWS[0] + "\n")
    store.load("gld_archive")
    assert good
    assert store.file(good.file_id)["skipped"] == {"header": 1, "holiday": 1}


def test_missing_bytes_of_a_landed_file_are_named(store: RawStore) -> None:
    landed = store.land("ofr_fsi", "fsi.csv", fsi())
    assert landed
    store.landing.path(landed).unlink()
    store.load("ofr_fsi")
    assert "fetch it again" in store.file(landed.file_id)["message"]


@pytest.mark.parametrize("make", [xls, xlsx], ids=["xls", "xlsx"])
def test_no_damage_to_a_workbook_stops_a_load(store: RawStore, make: Callable[[Sequence[Sequence[Any]]], bytes]) -> None:
    noise = random.Random(7)
    whole = make([["DAY", "GPRD"], *([20260101 + day, 1.5] for day in range(20))])
    for number in range(25):
        data = bytearray(whole)
        for _ in range(noise.randint(1, 40)):
            data[noise.randrange(8, len(data))] = noise.randrange(256)
        store.land("gpr_daily", f"{number}.xls", bytes(data[: noise.randint(len(data) // 2, len(data))]))
    summary = store.load("gpr_daily")
    assert summary.rows_read == summary.rows_loaded + summary.rows_quarantined + summary.rows_unchanged


def test_one_member_that_is_bad_quarantines_its_archive_alone(store: RawStore) -> None:
    bad = store.land("ofr_fsi", "bad.zip", zipped(a__csv=fsi(), b__csv=fsi(header=FSI_HEADER.replace("Credit", "Debit"))))
    good = store.land("ofr_fsi", "good.zip", zipped(a__csv=fsi(FSI_ROWS[0]), b__csv=fsi(FSI_ROWS[1])))
    assert bad and good
    store.load("ofr_fsi")
    assert store.file(bad.file_id)["status"] == "quarantined"
    assert "column credit is missing" in store.file(bad.file_id)["message"]
    file = store.file(good.file_id)
    assert (file["status"], file["rows_loaded"]) == ("loaded", 2)
    assert store.rows("select count(*), count(distinct _row_number), count(distinct _file_id) from raw.ofr_fsi") == [(2, 2, 1)]


def test_disaggregated_report_with_doubled_underscore(store: RawStore) -> None:
    groups = [f"{name}_{side}" for name in ("prod_merc_positions", "swap_positions", "m_money_positions", "other_rept_positions") for side in ("long", "short")]
    row = dict.fromkeys(groups, "1") | {"prod_merc_positions_long": "7"}
    row["swap__positions_short_all"] = row.pop("swap_positions_short").replace("1", "8")
    row |= {"report_date_as_yyyy_mm_dd": "2026-01-06", "cftc_contract_market_code": "088691", "open_interest_all": "5"}
    file = store.take("cftc_disaggregated", "d.json", json.dumps([row]))
    assert file["status"] == "loaded", file["message"]
    assert store.rows("select contract_code, report_scope, producer_long, swap_dealer_short from raw.cftc_disaggregated") == [("088691", "FutOnly", 7, 8)]


def test_form_is_told_by_content_not_by_name(store: RawStore) -> None:
    """A format that a feed has is recognised when the file landed under another."""
    form = replace(FORMS["cftc, year"], name="renamed.dat")
    file = store.take("cftc_tff", form.name, form.content, format="socrata_json")
    assert (file["status"], file["rows_loaded"]) == ("loaded", 1)


def test_two_kinds_of_line_ends_in_one_file(tmp_path: Path) -> None:
    """A row pasted into a provider's file has the line end of the editor; a line that cannot be split is named in the file itself."""
    store = RawStore(tmp_path)
    header = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"
    rows = [f"2024-01-{day:02d},1,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8" for day in (2, 3, 4)]
    content = f"{header}\n{rows[0]}\r\n{rows[1]}\n2024-01-05,1\r\n{rows[2]}\n"
    file = store.take("ofr_fsi", "fsi.csv", content)
    assert (file["rows_read"], file["rows_loaded"], file["rows_quarantined"]) == (4, 3, 1)
    assert "Expected Number of Columns: 10" in store.reasons()[0]
