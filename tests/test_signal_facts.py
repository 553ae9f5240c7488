"""Facts on leverage, pension plans and short interest, from the sample world's files to the marts: planted figures come back, none before its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.feeds import FEEDS
from ingest.landing import Arrival, Landing
from ingest.load import create_tables, load_landed
from ingest.sample import END, render, truth
from warehouse.dbt import run_dbt

SAMPLED = ("ofr_hfm", "public_plan", "finra_short_interest", "ssga_nav", "ishares_nav", "vanguard_nav")
FACTS = ("fct_hedge_fund_leverage_quarterly", "fct_pension_allocation_yearly", "fct_short_interest")
EARLIER = "2023-10-31"


@pytest.fixture(scope="module")
def builds(shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A folder with the marts as of the world's end and as of a day before it."""

    def make(folder: Path) -> None:
        landing = Landing(folder / "landing")
        landing.land((Arrival(f.feed, f.format, f.name, f.content, f.edition_at) for f in render(END, first_year=2018, feeds=SAMPLED)), "sample")
        warehouse = folder / "warehouse.duckdb"
        with duckdb.connect(str(warehouse)) as connection:
            connection.execute("set TimeZone = 'UTC'; create schema raw; create schema meta")
            create_tables(connection, tuple(FEEDS.values()))
            load_landed(connection, [FEEDS[name] for name in SAMPLED], landing, "build")
        for name, as_of in (("earlier", f"{EARLIER} 23:59:59"), ("end", f"{END:%Y-%m-%d %H:%M:%S}")):
            with duckdb.connect(str(warehouse)) as connection:
                connection.execute(
                    "create or replace table meta.build_in_progress as "
                    f"select 'build' as build_id, 'sample' as source, timestamp '{as_of}' as as_of, timestamp '2026-01-01' as started_at, '0' as code_version"
                )
            selected = ["--select", *(f"+{fact}" for fact in FACTS), "--exclude-resource-type", "unit_test"]
            run_dbt(["build", *selected], warehouse=warehouse, mart=folder / f"{name}.duckdb", target=folder / "dbt")

    return shared("signal_facts", make)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_planted_leverage_comes_back(builds: Path) -> None:
    """The quarters published by the world's end, both as the ratio of sums and as the provider's mean; each with its change within the release."""
    planted = {date.fromisoformat(day): value for day, value in truth()["figures"]["hedge_fund_leverage"].items()}
    found = rows(
        builds / "end.duckdb",
        """
        select observation_date, gross_assets_to_net, leverage_mean_by_gross_assets, gross_assets_to_net_change_1q
        from signals.fct_hedge_fund_leverage_quarterly where strategy = 'all' and observation_date >= '2022-12-31' order by 1
        """,
    )
    assert [row[0] for row in found] == [date(2022, 12, 31), date(2023, 3, 31), date(2023, 6, 30)]
    for day, ratio, mean, _ in found:
        assert (ratio, mean) == pytest.approx((planted[day], planted[day]), abs=1e-4)
    assert [change for *_, change in found[1:]] == pytest.approx([-0.05, -0.15], abs=1e-4)


def test_strategies_add_up_and_the_fall_is_the_lowest_in_two_years(builds: Path) -> None:
    query = "select lowest_since, is_lowest_on_record from signals.fct_hedge_fund_leverage_quarterly where strategy = 'all' and observation_date = '2023-06-30'"
    ((since, is_lowest),) = rows(builds / "end.duckdb", query)
    assert date(2020, 3, 31) <= since <= date(2021, 9, 30)
    assert not is_lowest
    parts = rows(
        builds / "end.duckdb",
        """
        select sum(gross_assets_usd) filter (where strategy <> 'all') / max(gross_assets_usd) filter (where strategy = 'all'), count(*)
        from signals.fct_hedge_fund_leverage_quarterly group by observation_date
        """,
    )
    assert {count for _, count in parts} == {9}
    assert [share for share, _ in parts] == pytest.approx([1.0] * len(parts))


def test_an_earlier_build_knows_less(builds: Path) -> None:
    query = "select max(observation_date), max(available_at) from signals."
    for fact in FACTS:
        ((newest, known),) = rows(builds / "earlier.duckdb", query + fact)
        ((newest_at_end, _),) = rows(builds / "end.duckdb", query + fact)
        assert known.date() <= date.fromisoformat(EARLIER), fact
        assert newest < newest_at_end or fact == "fct_pension_allocation_yearly"
    assert rows(builds / "earlier.duckdb", query + FACTS[0])[0][0] == date(2023, 3, 31)
    assert rows(builds / "earlier.duckdb", query + FACTS[1])[0][0] == date(2021, 6, 30)
    assert rows(builds / "end.duckdb", query + FACTS[1])[0][0] == date(2022, 6, 30)


def test_two_pension_plans_in_three_cut_us_shares(builds: Path) -> None:
    planted = truth()["figures"]["pension_us_equity_weight_of_cutters"]
    (cut, kept) = rows(
        builds / "end.duckdb",
        """
        select avg(us_equity_weight_change), min(us_equity_weight_change), max(us_equity_weight_change), count(*)
        from signals.fct_pension_allocation_yearly where fiscal_year = 2022
        group by cast(plan_id as integer) % 3 = 0 order by 1
        """,
    )
    assert cut[3] == 2 * kept[3]
    assert cut[0] == pytest.approx(planted["2022-06-30"] - planted["2021-06-30"], abs=0.001)
    assert cut[2] < -0.03 < -0.01 < kept[1]


def test_short_interest_in_funds_against_their_shares(builds: Path) -> None:
    """The world sells 12.5% of SPY, 1.4% of IVV and 0.6% of VOO short, more in the retreat; other symbols have no count of shares but the sector funds."""
    shares = dict(rows(builds / "end.duckdb", "select symbol, median(short_share) from signals.fct_short_interest where short_share is not null group by 1"))
    assert shares["SPY"] == pytest.approx(0.125, rel=0.15)
    assert shares["IVV"] == pytest.approx(0.014, rel=0.15)
    assert shares["VOO"] == pytest.approx(0.006, rel=0.15)
    assert "AAPL" not in shares
    query = "select max(abs(days_to_cover - short_position_shares / average_daily_volume_shares)) from signals.fct_short_interest"
    assert rows(builds / "end.duckdb", query)[0][0] < 0.006
