"""Facts that companies report in XBRL, from the SEC's company-facts service.

Format: https://www.sec.gov/search-filings/edgar-application-programming-interfaces (`companyfacts`). A file a company:
`{"cik", "entityName", "facts": {taxonomy: {tag: {"units": {unit: [{"start", "end", "val", "accn", "fy", "fp", "form", "filed", "frame"}]}}}}}`.

* The same fact stands in every filing that repeats it: as comparative figure, in an amendment, restated. Each is a row of its own, told
  apart by its accession number and known at the end of the day it was filed in New York. The time of acceptance in the list of filings is
  Eastern in some files and UTC in others, so it is not used.
* `fy` and `fp` describe the filing, not the fact's period.
* `frame` is left out: it marks which filing of a period the SEC's frames service takes, and moves to another with each new filing,
  which would look like a revision of every older fact.
* Only the tags of the seed `fact_tag` are loaded; the rest is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import TYPE_CHECKING

from ingest.feed import Access, Cadence, Column, Feed, FetchWindow, Format, LandedFile, PublicationLag, Records, Request
from ingest.feeds.sec import seed
from ingest.reader import json_documents
from warehouse.sql import literal

if TYPE_CHECKING:
    import duckdb

_HEADER = re.compile(r'^\W*\{(?=.{0,400}"entityName"\s*:)(?=.{0,800}"facts"\s*:\s*\{)', re.DOTALL)

# Documents read together: a company's is 1 to 10 MB.
_TOGETHER = 8

_FACTS = "[{" + ", ".join(f'"{name}": "VARCHAR"' for name in ("start", "end", "val", "accn", "fy", "fp", "form", "filed")) + "}]"


def _requests(window: FetchWindow) -> Iterable[Request]:
    # a company's file holds all it ever reported
    for cik in seed.companies():
        yield Request(f"https://data.sec.gov/api/xbrl/companyfacts/CIK{cik}.json", f"companyfacts_CIK{cik}.json")


def _read_facts(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Sequence[LandedFile]) -> Iterator[Records]:
    """One record a fact and filing; facts of other tags, and a fact that one filing holds twice with the same value, are counted."""
    for file_id, pieces in groupby(sorted(files, key=lambda file: file.file_id), key=lambda file: file.file_id):
        while together := tuple(islice(pieces, _TOGETHER)):
            yield _records(connection, file_id, together)


def _records(connection: duckdb.DuckDBPyConnection, file_id: int, files: Sequence[LandedFile]) -> Records:
    wanted = ", ".join(f"('{taxonomy}', '{tag}')" for taxonomy, tag in seed.tags())
    connection.execute(
        f"""
        create or replace temp table company_fact_list as
        with taxonomies as (
            select lpad(document ->> 'cik', 10, '0') as cik, unnest(map_entries(from_json(document -> 'facts', '"MAP(VARCHAR, JSON)"'))) as entry
            from {json_documents(files)} as documents
        ),
        tags as (
            select cik, entry.key as taxonomy, unnest(map_entries(from_json(entry.value, '"MAP(VARCHAR, JSON)"'))) as entry
            from taxonomies
        ),
        units as (
            select cik, taxonomy, entry.key as tag, unnest(map_entries(from_json(entry.value -> 'units', '"MAP(VARCHAR, JSON)"'))) as entry
            from tags
        )
        select units.cik, units.taxonomy, units.tag, units.entry.key as unit, wanted.tag is not null as is_wanted,
               json_array_length(units.entry.value) as facts, case when wanted.tag is not null then units.entry.value end as list
        from units
        left join (values {wanted}) as wanted(taxonomy, tag) on wanted.taxonomy = units.taxonomy and wanted.tag = units.tag
        """
    )
    connection.execute(
        f"""
        create or replace temp table company_fact as
        with listed as (
            select cik, taxonomy, tag, unit, from_json(list, {literal(_FACTS)}) as list from company_fact_list where is_wanted
        ),
        facts as (
            select cik, taxonomy, tag, unit, unnest(list) as fact, generate_subscripts(list, 1) as place from listed
        ),
        named as (
            select cik, taxonomy, tag, unit, place, fact."start" as period_start, fact."end" as observation_date, fact.val as value,
                   fact.accn as accession_number, fact.fy as fiscal_year, fact.fp as fiscal_period, fact.form as form, fact.filed as filed
            from facts
        )
        select *,
               row_number() over (order by cik, taxonomy, tag, unit, place) as _row_number,
               row_number() over (
                   partition by cik, taxonomy, tag, unit, period_start, observation_date, accession_number, try_cast(value as double) order by place
               ) as copy
        from named
        """
    )
    counted = connection.execute(
        "select coalesce(sum(facts) filter (where not is_wanted), 0), (select count(*) from company_fact where copy > 1) from company_fact_list"
    ).fetchone()
    assert counted is not None
    kinds = {"other tag": int(counted[0]), "repeated in the filing": int(counted[1])}
    columns = (
        "cik",
        "taxonomy",
        "tag",
        "unit",
        "period_start",
        "observation_date",
        "duration_days",
        "value",
        "accession_number",
        "fiscal_year",
        "fiscal_period",
        "form",
        "filed",
        "published_at",
    )
    sql = f"""
        select {file_id} as _file_id, _row_number, * exclude (_row_number, copy, place),
               case when period_start is null then 0 else try_cast(observation_date as date) - try_cast(period_start as date) + 1 end::varchar as duration_days,
               timezone('UTC', timezone('America/New_York', (try_cast(filed as date) + 1)::timestamp))::varchar as published_at
        from company_fact
        where copy = 1
    """
    return Records(sql=sql, columns=columns, files=(file_id,), skipped={file_id: {kind: count for kind, count in kinds.items() if count}})


FEEDS = (
    Feed(
        name="sec_companyfacts",
        provider="sec",
        title="Company facts",
        description=(
            "Figures that companies report in XBRL since 2009, one row a fact and filing: cash flow, debt, interest, income, shares. "
            "A figure that a later filing repeats, amends or restates is a version of its own. Values are as filed, not adjusted for later splits."
        ),
        url="https://www.sec.gov/search-filings/edgar-application-programming-interfaces",
        licence="US government, public domain; the SEC asks every client to name its user",
        cadence=Cadence.QUARTERLY,
        lag=PublicationLag(60, "24:00", source="annual reports of large companies are due 60 days after the period, quarterly ones 40 (Forms 10-K and 10-Q)"),
        key=("cik", "taxonomy", "tag", "unit", "duration_days", "observation_date", "accession_number"),
        published_column="published_at",
        # a figure is repeated for years: each filing is known at its own time
        bulk_after_days=36_500,
        columns=(
            Column("cik", "TEXT", "SEC id of the company, ten digits"),
            Column("taxonomy", "TEXT", "Taxonomy of the tag: us-gaap, dei for the cover page"),
            Column("tag", "TEXT", "Element of the taxonomy"),
            Column("unit", "TEXT", "Unit as reported: USD, shares, USD/shares"),
            Column("period_start", "DATE", "First day of the period; null for a fact of one day", required=False),
            Column("observation_date", "DATE", "Last day of the period, or the day of a balance"),
            Column("duration_days", "BIGINT", "Days of the period, first and last included; 0 for a fact of one day", "days", minimum=0),
            Column("value", "DOUBLE", "Value as filed", "as in `unit`"),
            Column("accession_number", "TEXT", "Filing the fact stands in"),
            Column("fiscal_year", "BIGINT", "Fiscal year of the filing, not of the fact", "year", required=False),
            Column("fiscal_period", "TEXT", "Fiscal period of the filing, not of the fact: Q1, Q2, Q3, FY", required=False),
            Column("form", "TEXT", "Form of the filing: 10-K, 10-Q, 10-K/A"),
            Column("filed", "DATE", "Day of filing in New York"),
            Column("published_at", "TIMESTAMP", "End of that day, UTC"),
        ),
        formats=(
            Format(
                "bulk_zip",
                Access.BRING_YOUR_OWN,
                _HEADER,
                _read_facts,
                "companyfacts.zip, or a part of it: a member CIK<number>.json for each company; every member is loaded",
                file_name=re.compile(r"(?i)^CIK\d{10}\.json$"),
            ),
            Format(
                "company_json",
                Access.LIVE,
                _HEADER,
                _read_facts,
                "All facts of one company",
                requests=_requests,
            ),
        ),
    ),
)
