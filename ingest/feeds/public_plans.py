"""Public Plans Data: asset allocation of US state and local pension plans.

Format: https://publicplansdata.org/api/ (JSON or CSV) and its full data set https://publicplansdata.org/public-plans-database/download-full-data-set/
(CSV). The JSON answer is an array whose first element tells how the request went; every value is text. Variable names, and that weights are
fractions and assets thousands of dollars, are as public code reads this service. An unknown variable makes the whole answer an error, so
only those are asked for that are known to be there (no target of domestic or foreign shares is).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, Provider, PublicationLag, Records, Request, UnreadableFile
from ingest.reader import delimited, json_documents

if TYPE_CHECKING:
    import duckdb

PROVIDER = Provider(requests_a_second=0.5, limit_source="none is published")

# The service's variables by the feed's columns.
VARIABLES = {
    "plan_id": "ppd_id",
    "fiscal_year": "fy",
    "plan_name": "PlanName",
    "state": "StateAbbrev",
    "equity_actual": "EQTotal_Actl",
    "domestic_equity_actual": "EQDomesticTotal_Actl",
    "foreign_equity_actual": "EQIntlTotal_Actl",
    "equity_target": "EQTotal_Trgt",
    "fixed_income_actual": "FITotal_Actl",
    "private_equity_actual": "PETotal_Actl",
    "real_estate_actual": "RETotal_Actl",
    "market_assets": "MktAssets_net",
}

# Most plans' fiscal years end on 30 June, and the service does not say whose do not.
_YEAR_END = "nullif(regexp_extract({0}, '(19|20)[0-9][0-9]'), '') || '-06-30'"


def _read_json(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> list[Records]:
    """One record a plan and fiscal year."""
    connection.execute(
        f"""
        create or replace temp table plan_answer as
        select _file_id, unnest(json_extract(document, '$[*]')) as entry, unnest(range(json_array_length(document)::bigint)) as place
        from {json_documents(files)} as documents
        """
    )
    failed = connection.execute(
        """
        select string_agg(coalesce((entry ->> 'Error'), (entry ->> 'error'), (entry ->> 'status')), ': ') from plan_answer
        where _file_id in (select _file_id from plan_answer where place = 0 and upper(entry ->> 'status') <> 'OK')
        """
    ).fetchone()
    if failed and failed[0]:
        raise UnreadableFile(f"the provider answered with an error instead of plans: {failed[0]}")
    is_plan = "json_exists(entry, '$.ppd_id')"
    counts = connection.execute(f"select _file_id, count(*) from plan_answer where not {is_plan} group by 1").fetchall()
    body = ", ".join(f"entry ->> '{variable}' as {column}" for column, variable in VARIABLES.items())
    observed = _YEAR_END.format("(entry ->> 'fy')")
    sql = f"select _file_id, place as _row_number, {body}, {observed} as observation_date from plan_answer where {is_plan}"
    return [Records(sql=sql, columns=(*VARIABLES, "observation_date"), skipped={file_id: {"status": count} for file_id, count in counts})]


def _requests(window: FetchWindow) -> Iterable[Request]:
    years = {"filterfystart": str(window.start.year), "filterfyend": str(window.end.year)}
    parameters = {"q": "QVariables", "variables": ",".join(VARIABLES.values()), **years, "format": "json"}
    yield Request("https://publicplansdata.org/api/", f"public_plans_{window.start.year}_{window.end.year}.json", parameters)


def _weight(name: str, what: str) -> Column:
    return Column(name, "DOUBLE", f"{what}, as a share of the plan's assets", "fraction", names=(VARIABLES[name],), required=False)


FEEDS = (
    Feed(
        name="public_plan",
        provider="public_plans",
        title="Asset allocation of US public pension plans",
        description=(
            "Weights of shares (domestic, foreign), bonds, private equity and real estate, and market value, of about 230 state and local pension "
            "plans by fiscal year. Figures are filled in and corrected for years."
        ),
        url="https://publicplansdata.org/public-plans-database/api/",
        licence="Free with attribution to the Center for Retirement Research at Boston College, MissionSquare Research Institute, NASRA and GFOA",
        cadence=Cadence.YEARLY,
        lag=PublicationLag(540, "24:00", source="updated quarterly from financial reports; a fiscal year is largely there one and a half years after its end"),
        key=("plan_id", "observation_date"),
        columns=(
            Column("plan_id", "TEXT", "Plan, by the number the provider gives it", names=("ppd_id",)),
            Column("observation_date", "DATE", "30 June of the fiscal year: the end of most plans' fiscal years", names=("fy",)),
            Column("fiscal_year", "BIGINT", "Fiscal year", "year", names=("fy",)),
            Column("plan_name", "TEXT", "Name of the plan", names=("PlanName",)),
            Column("state", "TEXT", "State, two letters", names=("StateAbbrev",), required=False),
            _weight("equity_actual", "Public shares held"),
            _weight("domestic_equity_actual", "US shares held"),
            _weight("foreign_equity_actual", "Foreign shares held"),
            _weight("equity_target", "Public shares aimed at"),
            _weight("fixed_income_actual", "Bonds held"),
            _weight("private_equity_actual", "Private equity held"),
            _weight("real_estate_actual", "Real estate held"),
            Column("market_assets", "DOUBLE", "Net assets at market value", "thousand USD", names=("MktAssets_net",), required=False),
        ),
        formats=(
            Format(
                "api_json",
                Access.LIVE,
                re.compile(r'^\s*\[\s*\{[^{}]*"(recordcount|status)"\s*:.*("ppd_id"|"Error")\s*:', re.DOTALL),
                _read_json,
                "Answer of QVariables: a status, then one object a plan and year",
                requests=_requests,
            ),
            Format(
                "csv",
                Access.BRING_YOUR_OWN,
                re.compile(r"(?im)^(?!\s*[\[{])(?=[^\n]*\bppd_id\b)(?=[^\n]*\bfy\b)[^\n]*,"),
                delimited(
                    r"^(?=.*\bppd_id\b)(?=.*\bfy\b)",
                    expressions={"observation_date": _YEAR_END, "fiscal_year": "nullif(regexp_extract({0}, '(19|20)[0-9][0-9]'), '')"},
                ),
                "The service's CSV answer with its header, or the full data set (ppd-data-latest.csv)",
            ),
        ),
    ),
)
