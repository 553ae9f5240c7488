"""What must add up, by the provider's own definitions: the checks of the raw gate that are written by hand.

A feed that has none needs no entry in `RECONCILIATIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from expectations.check import BuildUnderCheck, Check, identifier, identifiers, literal, query

if TYPE_CHECKING:
    from ingest.feed import Feed

# A break in the newest days stops the publish until the provider corrects it; one further back is history, and stops it only
# when more than this share of all rows is broken.
NEWEST_DAYS = 31
TOLERATED_BREAKS = 0.01

# The Treasury prints some 20 holders and 'All Other'; an excerpt with fewer cannot add up.
LEAST_HOLDERS = 15

# Share of 13F filings whose summary page states another total than their lines have, before the lines are taken to be misread.
TOLERATED_FALSE_TOTALS = 0.10

# Troy ounces in a tonne (1,000,000 g / 31.1034768 g).
OUNCES_PER_TONNE = 32150.7466


def no_reconciliation(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    """Nothing adds up by definition."""
    return []


def _reconciled(build: BuildUnderCheck, feed: Feed, name: str, description: str, found: str, shown: str) -> list[Check]:
    """Two checks on the rows of `broken`, out of all in `judged`, both relations of the SQL text `found`.

    Providers' own files hold isolated breaks that will never be corrected, so these are a warning; the build stops when the
    newest days are broken, or so many rows that a column must have been misread.
    """
    date = identifier(feed.observation_column)
    # files that are replayed have no newest day that could still be corrected
    newest = "false" if build.is_replay else f"{date} > (select max({date}) from judged) - {NEWEST_DAYS}"
    stops = query(
        f"""
        select {shown}
        from broken
        where
            {newest}
            or (select count(*) from broken) > greatest({TOLERATED_BREAKS} * (select count(*) from judged), 2)
        order by {date} desc
        """
    )
    warns = f"select {shown}\nfrom broken\norder by {date} desc"
    when = "" if build.is_replay else f" in the newest {NEWEST_DAYS} days, and"
    limit = f"{description[:-1]}:{when} in all but {TOLERATED_BREAKS:.0%} of all rows."
    return [
        Check(name, limit, "critical", f"{found}\n{stops}"),
        Check(f"{name}_throughout", description, "warning", f"{found}\n{warns}"),
    ]


def _in_force(build: BuildUnderCheck, key: Iterable[str], only: str = "true") -> str:
    """SQL of the newest known version of each key among the raw rows that fulfil a condition."""
    newest = f"row_number() over (partition by {identifiers(key)} order by _available_at desc, _file_id desc) = 1"
    return f"select * from {{batch}} where {build.known} and {only} qualify {newest}"


def _rows_reconciled(build: BuildUnderCheck, feed: Feed, name: str, description: str, breaks: str, shown: str) -> list[Check]:
    """A condition on single rows, judged on versions in force: a value the provider has since corrected no longer counts."""
    same_row = " and ".join(f"newer.{identifier(c)} is not distinct from suspect.{identifier(c)}" for c in feed.identity)
    found = query(
        f"""
        with judged as (
            select *
            from {{batch}}
            where {build.known}
        ),
        suspect as (
            select *
            from judged
            where {breaks}
        ),
        broken as (
            select *
            from suspect
            where
                not exists (
                    select 1
                    from judged as newer
                    where {same_row} and newer._available_at > suspect._available_at
                )
        )
        """
    )
    return _reconciled(build, feed, name, description, found, f"{identifiers(feed.identity)}, {shown}, _file_id")


def _put_call(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return [
        *_rows_reconciled(
            build,
            feed,
            "puts_and_calls_add_up",
            "Put and call contracts add up to the total.",
            "call_contracts + put_contracts <> total_contracts",
            "call_contracts, put_contracts, total_contracts",
        ),
        *_rows_reconciled(
            build,
            feed,
            "ratio_is_puts_by_calls",
            "The published ratio is puts by calls, to its two decimals.",
            "call_contracts > 0 and abs(put_contracts / call_contracts - published_ratio) > 0.0101",
            "call_contracts, put_contracts, published_ratio",
        ),
    ]


def _close_in_range(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    # opens outside the day's range do occur in Cboe's own VIX file (47 days), so the open is left out
    return _rows_reconciled(
        build,
        feed,
        "close_in_range",
        "The close lies between the day's low and high, to a ten-thousandth for rounding in adjusted prices.",
        "low > high * 1.0001 or close > high * 1.0001 or close < low * 0.9999",
        "low, high, close",
    )


def _commitments(categories: Mapping[str, bool]) -> Callable[[BuildUnderCheck, Feed], list[Check]]:
    """Checks of a Commitments of Traders report with these trader categories, and whether they report spreads."""

    def checks(build: BuildUnderCheck, feed: Feed) -> list[Check]:
        # consolidated contracts (code ending in '+') add mini contracts at a fraction, which CFTC rounds part by part
        tolerance = "case when contract_code like '%+' then 3 else 0 end"
        spreads = [f"{category}_spread" for category, has_spread in categories.items() if has_spread]
        result = []
        for side in ("long", "short"):
            parts = " + ".join([*(f"{category}_{side}" for category in categories), *spreads, f"nonreportable_{side}"])
            result += _rows_reconciled(
                build,
                feed,
                f"{side}_positions_add_up",
                f"{side.capitalize()} and spread positions add up to open interest (within 3 for consolidated contracts).",
                f"abs({parts} - open_interest) > {tolerance}",
                f"open_interest, {parts} as added_up",
            )
        return result

    return checks


def _financial_stress(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    # the contributions by region differ from the index by up to 0.11 in OFR's own file, so only categories are added up
    parts = "credit + equity_valuation + safe_assets + funding + volatility"
    return _rows_reconciled(
        build,
        feed,
        "categories_add_up",
        "The five categories' contributions add up to the index, to the rounding of six figures with three decimals.",
        f"abs({parts} - ofr_fsi) > 0.0035",
        f"ofr_fsi, {parts} as added_up",
    )


def _gold(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return [
        *_rows_reconciled(
            build,
            feed,
            "ounces_are_tonnes",
            f"Ounces in the trust are its tonnes times {OUNCES_PER_TONNE}, to the rounding of tonnes to two decimals.",
            f"abs(ounces_in_trust - tonnes_in_trust * {OUNCES_PER_TONNE}) > greatest(0.001 * ounces_in_trust, 0.011 * {OUNCES_PER_TONNE})",
            "ounces_in_trust, tonnes_in_trust",
        ),
        *_rows_reconciled(
            build,
            feed,
            "share_is_a_tenth_of_an_ounce",
            "A share is worth between 1/12 and 1/9 of an ounce of the trust's gold (1/10 at the start, less fees since).",
            "net_asset_value_per_share / nullif(total_net_asset_value / nullif(ounces_in_trust, 0), 0) not between 1.0 / 12 and 1.0 / 9",
            "net_asset_value_per_share, total_net_asset_value, ounces_in_trust",
        ),
    ]


def _fund_assets(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return _rows_reconciled(
        build,
        feed,
        "assets_are_shares_at_value",
        "Total net assets are shares outstanding at net asset value, within 0.5%.",
        "abs(net_asset_value * shares_outstanding / nullif(total_net_assets, 0) - 1) > 0.005",
        "net_asset_value, shares_outstanding, total_net_assets",
    )


def _foreign_holders(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    months = query(
        f"""
        with latest as (
            {_in_force(build, feed.identity)}
        ),
        months as (
            select
                observation_date, series, count(distinct files.format) as tables,
                max(holdings) filter (where country = 'Grand Total') as grand_total,
                sum(holdings) filter (where country <> 'Grand Total' and country not like 'Foreign Official%') as added_up,
                count(holdings) filter (where country <> 'Grand Total' and country not like 'Foreign Official%') as holders,
                max(holdings) filter (where country = 'Foreign Official') as official,
                max(holdings) filter (where country = 'Foreign Official Treasury Bills') as bills,
                max(holdings) filter (where country = 'Foreign Official T-Bonds & Notes') as bonds
            from latest
            left join meta.file as files on files.file_id = latest._file_id
            group by all
        )
        """
    )
    # the history and the current table list different countries, so that 'All Other' differs where they meet
    countries = query(
        f"""
        , judged as (
            select * from months where tables <= 1 and holders >= {LEAST_HOLDERS}
        ),
        broken as (
            select *
            from judged
            where grand_total is null or abs(added_up - grand_total) > greatest(0.1 * holders, 0.01 * grand_total)
        )
        """
    )
    official = query(
        """
        , judged as (
            select * from months where official + bills + bonds is not null
        ),
        broken as (
            select * from judged where abs(bills + bonds - official) > 0.2001
        )
        """
    )
    return [
        *_reconciled(
            build,
            feed,
            "countries_add_up",
            "Countries and 'All Other' add up to 'Grand Total', within 0.1 billion USD a country for rounding, and 1%.",
            f"{months}\n{countries}",
            "observation_date, series, grand_total, round(added_up, 1) as added_up, holders",
        ),
        *_reconciled(
            build,
            feed,
            "official_holdings_add_up",
            "Treasury bills and bonds of foreign official holders add up to 'Foreign Official', within 0.2 billion USD.",
            f"{months}\n{official}",
            "observation_date, series, official, bills, bonds",
        ),
    ]


def _cross_border(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    """US long-term securities are Treasury, agency and corporate bonds and equity. Each amount is rounded to a million."""
    area = [name for name in feed.identity if name != "instrument"]
    instruments = query(
        f"""
        with latest as (
            {_in_force(build, feed.identity, "direction = 'for' and term = 'lt'")}
        ),
        judged as (
            select
                {identifiers(area)}, max(amount) filter (where instrument = 'total') as total,
                sum(amount) filter (where instrument in ('treas', 'agcy', 'corp', 'eqty')) as added_up
            from latest
            group by all
            having total is not null and count(amount) filter (where instrument in ('treas', 'agcy', 'corp', 'eqty')) = 4
        ),
        broken as (
            select * from judged where abs(added_up - total) > 4.001
        )
        """
    )
    return _reconciled(
        build,
        feed,
        "instruments_add_up",
        "Treasury, agency and corporate bonds and equity add up to all long-term securities, within 4 million USD for rounding.",
        instruments,
        f"{identifiers(area)}, total, added_up",
    )


def _venue_volume(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    """The tapes add up to the total, in shares, dollars and trades; rounding may part them by a dollar or a share a tape."""
    parted = " or ".join(
        f"abs(tape_a_{name} + tape_b_{name} + tape_c_{name} - total_{name}) > 4 + 1e-9 * total_{name}" for name in ("shares", "notional", "trade_count")
    )
    return _rows_reconciled(build, feed, "tapes_add_up", "Tapes A, B and C add up to the total.", parted, "total_shares, total_notional, total_trade_count")


def _holdings(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    """The information table has as many lines, and the value, that the manager states on the summary page."""
    found = query(
        f"""
        with tables as (
            select accession_number, count(*) as lines, sum(value) as value_of_lines
            from {{batch}}
            where _file_id in (select file_id from meta.file where feed = {literal(feed.name)} and build_id = {literal(build.build_id)})
            group by accession_number
        ),
        judged as (
            select filing.accession_number, filing.period_of_report, filing.table_entry_total, tables.lines, filing.table_value_total, tables.value_of_lines
            from raw.sec_13f_filing as filing
            inner join tables on tables.accession_number = filing.accession_number
            where filing.table_entry_total > 0
        ),
        broken as (
            -- managers round each line, and some the total once more
            select *
            from judged
            where lines <> table_entry_total or abs(value_of_lines - table_value_total) > lines + 0.001 * table_value_total
        )
        """
    )
    shown = "accession_number, period_of_report, table_entry_total, lines, table_value_total, value_of_lines"
    stops = f"{found}\nselect {shown}\nfrom broken\nwhere (select count(*) from broken) > greatest({TOLERATED_FALSE_TOTALS} * (select count(*) from judged), 2)"
    return [
        Check(
            "lines_add_up",
            f"In all but {TOLERATED_FALSE_TOTALS:.0%} of the filings, lines and their value add up to what the summary page states.",
            "critical",
            stops,
        ),
        Check("lines_add_up_throughout", "Lines and their value add up to what the summary page states.", "warning", f"{found}\nselect {shown}\nfrom broken"),
    ]


def _trailers(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    # a file whose trailers say something else than it holds is quarantined by its reader
    whole = query(
        """
        with files as (
            select distinct _file_id from {batch}
        )
        select file.file_id, file.name, file.rows_read, file.last_observation
        from meta.file as file
        inner join files on files._file_id = file.file_id
        where file.skipped['trailer'] is null
        """
    )
    said = "Each file ends with the trailers that say how many records it has; one without them may be cut off."
    return [Check("files_have_trailers", said, "warning", whole)]


def _parts_add_up(build: BuildUnderCheck, feed: Feed, name: str, description: str, columns: str, parts: Mapping[str, str], breaks: str) -> list[Check]:
    """Checks that sums the provider prints are those of their parts, which stand in rows of their own; `parts` gives SQL by name."""
    values = ", ".join(f"{expression} as {part}" for part, expression in parts.items())
    found = query(
        f"""
        with latest as (
            {_in_force(build, feed.identity)}
        ),
        judged as (
            select {columns}, {values}
            from latest
            group by {columns}
        ),
        broken as (
            select * from judged where {breaks}
        )
        """
    )
    return _reconciled(build, feed, name, description, found, f"{columns}, {', '.join(parts)}")


def _fund_flows(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    named = ("total", "equity", "domestic_equity", "world_equity", "hybrid", "bond", "taxable_bond", "municipal_bond", "commodity")
    return _parts_add_up(
        build,
        feed,
        "classes_add_up",
        "Equity, hybrid, bond and commodity funds add up to the total, and the parts of equity and bond to these, to the rounding of millions.",
        "frequency, vehicle, observation_date",
        {part: f"max(net_flow) filter (where category = '{part}')" for part in named},
        "abs(equity + hybrid + bond + coalesce(commodity, 0) - total) > 3 or abs(domestic_equity + world_equity - equity) > 2"
        " or abs(taxable_bond + municipal_bond - bond) > 2",
    )


def _money_funds(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    kinds = ("total", "government", "prime", "tax_exempt")
    return [
        *_parts_add_up(
            build,
            feed,
            "kinds_add_up",
            "Government, prime and tax-exempt funds add up to the total of each investor, to the rounding of millions.",
            "investor, observation_date",
            {kind: f"max(net_assets) filter (where category = '{kind}')" for kind in kinds},
            "abs(government + prime + tax_exempt - total) > 3",
        ),
        *_parts_add_up(
            build,
            feed,
            "investors_add_up",
            "Institutional and retail funds add up to all, to the rounding of millions.",
            "category, observation_date",
            {investor: f"max(net_assets) filter (where investor = '{investor}')" for investor in ("institutional", "retail")}
            | {"every_investor": "max(net_assets) filter (where investor = 'all')"},
            "abs(institutional + retail - every_investor) > 2",
        ),
    ]


# What a company's name may end with, and a state or country between slashes: neither tells two filers apart.
_NAME_ENDINGS = "INC|INCORPORATED|CORP|CORPORATION|CO|COMPANY|LLC|LP|LLP|LLLP|LTD|LIMITED|PLC|AG|SA|NV|SE|AND|ET AL"


def _plain_name(name: str) -> str:
    """SQL of a name without case, accents, punctuation and legal form: 'D. E. Shaw & Co., Inc.' is 'D E SHAW'."""
    bare = f"regexp_replace(upper(strip_accents({name})), '/ ?[A-Z][A-Z][A-Z]? ?/?$', '')"
    # initials: 'L.P.' is 'LP', but 'D. E.' two words
    words = f"regexp_replace(regexp_replace(replace({bare}, '&', ' AND '), '[.'']', '', 'g'), '[^A-Z0-9]+', ' ', 'g')"
    return f"regexp_replace(trim({words}), '( ({_NAME_ENDINGS}))+$', '')"


def _filers_named(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    """A list of CIKs copied from somewhere is easily wrong, and a wrong one loads without complaint: the SEC's own name tells."""
    from ingest.feeds.sec import seed

    expected = {(cik, name) for names in (seed.managers(), seed.companies()) for cik, name in names.items()}
    rows = ", ".join(f"({literal(cik)}, {literal(name)})" for cik, name in sorted(expected))
    wrong = query(
        f"""
        with expected(cik, expected_name) as (
            values {rows}
        ),
        newest as (
            {_in_force(build, ["cik"])}
        ),
        names as (
            select cik, entity_name as known_name from newest
            union all
            select cik, unnest(string_split(former_names, '|')) from newest
        )
        select newest.cik, expected.expected_name, newest.entity_name as found_name, newest.former_names, newest._file_id
        from newest
        inner join expected on expected.cik = newest.cik
        where not exists (
            select 1
            from names
            where names.cik = newest.cik and {_plain_name("names.known_name")} = {_plain_name("expected.expected_name")}
        )
        order by newest.cik
        """
    )
    return [
        Check(
            "filers_named_as_expected",
            "Each CIK of the seeds manager and company_of_interest has the name that stands there, now or formerly (case, punctuation and legal form aside).",
            "critical",
            wrong,
        )
    ]


def _short_interest(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return _rows_reconciled(
        build,
        feed,
        "change_is_current_less_previous",
        "The change is the current less the previous position.",
        "abs(current_short_position - previous_short_position - change_from_previous) > 0.5",
        "current_short_position, previous_short_position, change_from_previous",
    )


def _short_volume(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return [
        *_rows_reconciled(
            build,
            feed,
            "short_volume_is_part_of_volume",
            "Exempt short sales are among the short sales, and these among all volume.",
            "short_volume > total_volume + 0.001 or short_exempt_volume > short_volume + 0.001",
            "short_exempt_volume, short_volume, total_volume",
        ),
        *_trailers(build, feed),
    ]


def _settlements(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return [
        Check(
            "weeklies_are_not_filled_in",
            "The weekly VX futures of a day do not all have one price: then it was filled in from the month next to them, not settled in trade.",
            "warning",
            query(
                f"""
                with weeklies as (
                    select observation_date, settlement_price
                    from {{batch}}
                    where {build.known} and regexp_matches(symbol, '^VX\\d\\d/')
                )
                select observation_date, count(*) as weeklies, min(settlement_price) as settlement_price
                from weeklies
                group by observation_date
                having count(*) >= 3 and min(settlement_price) = max(settlement_price)
                order by observation_date desc
                """
            ),
        ),
        *_rows_reconciled(
            build,
            feed,
            "expires_after_it_is_settled",
            "A contract is settled up to the day on which it expires.",
            "expiration_date < observation_date",
            "expiration_date",
        ),
    ]


def _one_price_level(build: BuildUnderCheck, feed: Feed) -> list[Check]:
    return _rows_reconciled(
        build,
        feed,
        "real_columns_share_a_price_level",
        "Price and dividends of a month are put into the same month's consumer prices, within 0.1%.",
        "abs((real_price / nullif(price, 0)) / nullif(real_dividend / nullif(dividend, 0), 0) - 1) > 0.001",
        "price, real_price, dividend, real_dividend",
    )


RECONCILIATIONS: Mapping[str, Callable[[BuildUnderCheck, Feed], list[Check]]] = {
    "cboe_put_call": _put_call,
    "cboe_index_history": _close_in_range,
    "cboe_market_history": _venue_volume,
    "price_daily": _close_in_range,
    "cftc_tff": _commitments({"dealer": True, "asset_manager": True, "leveraged_funds": True, "other_reportable": True}),
    "cftc_disaggregated": _commitments({"producer": False, "swap_dealer": True, "managed_money": True, "other_reportable": True}),
    "cftc_legacy": _commitments({"noncommercial": True, "commercial": False}),
    "ofr_fsi": _financial_stress,
    "gld_archive": _gold,
    "ssga_nav": _fund_assets,
    "ishares_nav": _fund_assets,
    "vanguard_nav": _fund_assets,
    "ici_fund_flow": _fund_flows,
    "ici_money_fund": _money_funds,
    "tic_major_foreign_holders": _foreign_holders,
    "sec_13f_holding": _holdings,
    "tic_cslt": _cross_border,
    "tic_slt": _cross_border,
    "sec_fails_to_deliver": _trailers,
    "sec_submission": _filers_named,
    "cboe_vx_settlement": _settlements,
    "finra_short_interest": _short_interest,
    "finra_short_volume": _short_volume,
    "shiller_market": _one_price_level,
}
