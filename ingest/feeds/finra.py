"""FINRA: customer margin balances. Format: https://www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, PublicationLag, Request
from ingest.reader import spreadsheet

_MONTH_END = "coalesce(last_day(try_strptime(trim({0}), ['%Y-%m', '%b-%y', '%Y-%m-%d', '%m/%Y', '%b-%Y', '%B %Y']))::varchar, {0})"


def _requests(window: FetchWindow) -> Iterable[Request]:
    yield Request("https://www.finra.org/sites/default/files/2021-03/margin-statistics.xlsx", "margin-statistics.xlsx")


FEEDS = (
    Feed(
        name="finra_margin",
        provider="finra",
        title="Margin statistics",
        description=(
            "Debit and free credit balances in customers' securities accounts at month end, by settlement date. "
            "Before 2010-02 free credit of cash and margin accounts is one figure, held in free_credit_cash."
        ),
        url="https://www.finra.org/rules-guidance/key-topics/margin-accounts/margin-statistics",
        licence="FINRA website terms: no harvesting, no redistribution",
        cadence=Cadence.MONTHLY,
        dated="month end",
        lag=PublicationLag(21, "24:00", source="published in the third week of the next month"),
        key=("observation_date",),
        columns=(
            Column("observation_date", "DATE", "Last day of the month", names=("year_month", "month_year")),
            Column("debit_balances", "DOUBLE", "Margin debt", "million USD", names=("debit_balances_in_customers_securities_margin_accounts",), minimum=0),
            Column(
                "free_credit_cash",
                "DOUBLE",
                "Free credit in cash accounts",
                "million USD",
                names=("free_credit_balances_in_customers_cash_accounts",),
                minimum=0,
            ),
            Column(
                "free_credit_margin",
                "DOUBLE",
                "Free credit in margin accounts; null before 2010-02",
                "million USD",
                names=("free_credit_balances_in_customers_securities_margin_accounts",),
                minimum=0,
                required=False,
            ),
        ),
        formats=(
            Format(
                "workbook",
                Access.LIVE,
                re.compile(r"(?im)^(Year-Month|Month/Year)\t.*Debit Balances"),
                spreadsheet(r"^(Year-Month|Month/Year)\t.*Debit Balances", expressions={"observation_date": _MONTH_END}),
                "Workbook, newest month first; columns the reader does not know are left alone",
                requests=_requests,
            ),
        ),
    ),
)
