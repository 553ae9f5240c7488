"""The claims ledger: what the sample world holds of the article is found again from its files, and what is not known is not judged."""

from __future__ import annotations

import csv
import re
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pytest

from ingest import sample
from ingest.feeds import FEEDS
from ingest.feeds.own import SERIES
from warehouse.dbt import run_dbt

PROJECT = Path(__file__).resolve().parent.parent / "dbt_project"
COMPARISONS = {
    "level", "change_between", "change_rate", "change_amount", "direction_up", "direction_down", "above", "below", "crosses_above", "rises_to", "between",
    "rank_lowest", "rank_highest", "highest_since", "lowest_since", "not_below_start", "regime_is", "scenario",
}  # fmt: skip
AGREES = {"level", "change_between", "change_rate", "change_amount", "rises_to", "highest_since"}


def seed(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / "staging" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# ---------------------------------------------------------------------------------------------------------------- the seeds


def half_a_unit(figure: str) -> str:
    """Half a unit of the last digit printed; zeros at the end of a whole number are none."""
    if not figure:
        return ""
    digits, _, exponent = figure.removeprefix("-").partition("e")
    decimals = len(digits.partition(".")[2])
    last = -decimals if "." in digits else len(digits) - len(digits.rstrip("0"))
    return format((Decimal(1).scaleb(last + int(exponent or 0)) / 2).normalize(), "f")


def test_claims_are_whole() -> None:
    claims = seed("claim")
    parts = {"I": 7, "P1": 10, "P2": 11, "P3": 12, "P4": 8, "P5": 7}
    assert [claim["claim_id"] for claim in claims] == [f"{part}-{number}" for part, count in parts.items() for number in range(1, count + 1)]
    for claim in claims:
        assert all(claim[column] for column in claim if not column.startswith(("value", "tolerance"))), claim["claim_id"]
    assert {claim["comparison"] for claim in claims} == COMPARISONS


def test_tolerance_is_half_a_unit_of_the_last_digit_printed() -> None:
    assert [half_a_unit(figure) for figure in ("0.72", "210", "299", "40000", "-24.0e9", "45e9")] == ["0.005", "5", "0.5", "5000", "50000000", "500000000"]
    for claim in seed("claim"):
        expected = (half_a_unit(claim["value_from"]), half_a_unit(claim["value_to"])) if claim["comparison"] in AGREES else ("", "")
        if claim["comparison"] == "not_below_start":
            expected = ("", "0.125")
        assert (claim["tolerance_from"], claim["tolerance"]) == expected, claim["claim_id"]


def test_every_comparison_is_defined_in_the_docs() -> None:
    page = (PROJECT.parent / "docs" / "claims.md").read_text(encoding="utf-8")
    table = page.partition("## Comparisons")[2].partition("\n## ")[0]
    assert {name for line in table.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])} == COMPARISONS


def test_metrics_name_feeds_that_exist() -> None:
    for measure in seed("claim_metric"):
        if measure["obstacle"]:
            assert not measure["feed"]
        elif measure["metric"] != "retreat_regime":
            assert set(re.sub(r" \(\w+\)", "", measure["feed"]).split(", ")) <= set(FEEDS), measure
            assert set(re.findall(r"\((\w+)\)", measure["feed"])) <= set(SERIES), measure


def test_no_figure_claimed_reaches_a_measurement() -> None:
    models = PROJECT / "models" / "intermediate" / "claims"
    for path in models.glob("int_claim_series*.sql"):
        assert "ref('claim" not in path.read_text(encoding="utf-8"), path.name
    text = (models / "int_claim_measurement.sql").read_text(encoding="utf-8")
    assert not re.search(r"value_from|value_to|tolerance|claim\.\*", text)


# ---------------------------------------------------------------------------------------------------------------- the sample world


Lines: TypeAlias = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def ledger(whole_sample: Path) -> Lines:
    """Lines by claim and variant."""
    return lines_of(whole_sample / "published" / "current.duckdb")


def lines_of(mart: Path) -> Lines:
    with duckdb.connect(str(mart), read_only=True) as connection:
        result = connection.execute("from signals.fct_claim_check")
        columns = [column[0] for column in result.description or []]
        rows = [dict(zip(columns, row, strict=True)) for row in result.fetchall()]
    return {(row["claim_id"], row["variant"]): row for row in rows}


def used(ledger: Lines, claim: str) -> dict[str, Any]:
    (line,) = (line for (claim_id, _), line in ledger.items() if claim_id == claim and line["is_used"])
    return line


def test_every_claim_has_its_lines(ledger: Lines) -> None:
    variants = [(claim["claim_id"], measure["variant"]) for claim in seed("claim") for measure in seed("claim_metric") if measure["metric"] == claim["metric"]]
    assert set(ledger) == set(variants)
    assert all(used(ledger, claim["claim_id"])["why"] for claim in seed("claim"))


# planted figures by claim: start and end as the world has them, from the world itself and not from the warehouse
FIGURES = sample.truth()["figures"]
PLANTED: dict[tuple[str, str], tuple[float | None, float]] = {
    ("I-2", "price index"): (None, FIGURES["nasdaq_annual_share"]),
    ("P1-1", "equity, 5 sessions"): (None, FIGURES["put_call_equity_peak"]),
    ("P1-4", "SPY+IVV+VOO"): (None, FIGURES["etf_core_flow_usd"]),
    ("P1-5", "at constant prices"): (None, -0.37),
    ("P1-8", "SPY+IVV+VOO"): (None, FIGURES["etf_core_flow_rank"]),
    ("P2-6", "effective"): (FIGURES["policy_rate_end_percent"], FIGURES["policy_rate_end_percent"]),
    ("P2-9", "countries"): (None, 1),
    ("P2-11", "month"): tuple(1e9 * value for value in FIGURES["foreign_equity_purchases_usd_bn"].values()),
    ("P3-2", "listed companies"): (0.198, 0.23),
    ("P3-3", "rupiah"): (None, FIGURES["jakarta_composite_year_share"]),
    ("P3-4", "LME"): (None, 0.42),
    ("P3-4", "COMEX"): (None, FIGURES["copper_open_interest_share"]),
    ("P3-6", "Coinbase"): (None, FIGURES["bitcoin_october_share"]),
    ("P3-7", "of the fund"): (0.38, 0.33),
    ("P3-9", "brought figures"): (None, 51e9),
    ("P4-1", "NYSE"): (45e9, 38e9),
    ("P4-4", "high to close"): (FIGURES["tesla_high_usd"], FIGURES["tesla_close_usd"]),
    ("P4-6", "MSCI ACWI"): (22, 18),
}


@pytest.mark.parametrize(("claim", "variant"), PLANTED, ids=[f"{claim} {variant}" for claim, variant in PLANTED])
def test_a_planted_figure_is_found_and_confirmed(ledger: Lines, claim: str, variant: str) -> None:
    line = ledger[claim, variant]
    start, end = PLANTED[claim, variant]
    # what is planted is not met to the last digit: shares are whole, a month's mean is not its last day
    assert line["measured_to"] == pytest.approx(end, rel=0.001)
    assert line["measured_from"] == (None if start is None else pytest.approx(start, rel=0.01))
    assert line["verdict"] == "confirmed", line["why"]
    assert line["rows_used"] >= 1


def test_the_rest_of_the_story_is_told(ledger: Lines) -> None:
    """What the world holds without a single figure to it: a low, a level, a direction."""
    assert ledger["I-1", "low to close"]["measured_from"] == pytest.approx(FIGURES["dow_low_2009"])
    for claim in ("I-1", "I-4", "I-5", "I-6", "P2-1", "P2-2", "P2-7", "P2-8", "P2-11", "P3-5", "P3-8", "P4-2", "P4-8"):
        assert used(ledger, claim)["verdict"] == "confirmed", claim
    assert ledger["P2-8", "mean of 12 months"]["measured_from"] == pytest.approx(FIGURES["gpr_mean_2021"], abs=0.01)
    assert ledger["I-5", "on the last day"]["measured_to"] == 1
    holdings = ledger["P2-4", "holdings"]
    assert (holdings["verdict"], holdings["measured_to"]) == ("confirmed", pytest.approx(1e9 * FIGURES["japan_holdings_usd_bn"]))
    assert ledger["P1-1", "equity, 5 sessions"]["observation_date"] in FIGURES["put_call_equity_peak_week"]
    assert f"{ledger['P1-1', 'equity, 5 sessions']['since_date']:%Y-%m}" == "2020-03"


def test_claims_about_destinations_and_values(ledger: Lines) -> None:
    """The world sends money into gold and copper and loosens no loop on purpose; its discount rates and market values are not the article's."""
    for claim, verdict in {"P3-10": "refuted", "P3-11": "confirmed", "P4-3": "confirmed", "P2-3": "refuted", "P4-5": "refuted", "P4-7": "refuted"}.items():
        assert used(ledger, claim)["verdict"] == verdict, used(ledger, claim)["why"]
    risk = used(ledger, "P2-3")
    assert risk["measured_from"] < risk["measured_to"] < 0.01
    for variant in ("discounted cash flow", "sum of its terms"):
        rates = ledger["P4-5", variant]
        assert 0 < rates["measured_to"] - rates["measured_from"] < 0.01
    # planted: 69tn USD at the end of 2021, multiples of 22 then and 18 in October 2023
    assert used(ledger, "P4-7")["measured_to"] == pytest.approx(69e12 * (1 - 18 / 22), rel=0.02)
    assert ledger["P4-7", "all listed companies"]["verdict"] == "not measurable"


def test_variants_of_the_put_call_ratio_stand_side_by_side(ledger: Lines) -> None:
    lines = {variant: line for (claim, variant), line in ledger.items() if claim == "P1-1"}
    assert set(lines) == {
        f"{product}, {sessions} session{'s' * (sessions > 1)}" for product in ("equity", "total", "index", "spx", "etp") for sessions in (1, 5, 21)
    }
    assert used(ledger, "P1-1")["variant"] == "equity, 5 sessions"
    for variant, line in lines.items():
        if not variant.startswith("equity"):
            assert line["verdict"] == "refuted"
            assert float(re.search(r"([\d.]+)% of \d+ values", line["why"])[1]) > 90  # type: ignore[index]


def test_what_is_not_known_yet_is_not_judged(ledger: Lines) -> None:
    """Published after the world's last day: pension plans, holdings of the fourth quarter, hedge-fund leverage, reserves, market values by country."""
    for claim in ("I-3", "I-7", "P1-2", "P2-5", "P3-1"):
        line = used(ledger, claim)
        assert line["verdict"] == "not measurable"
        assert line["why"].startswith(f"what {line['feed']} gives is known from ")
    stand_in = ledger["P3-5", "SPDR Gold Shares"]
    assert (stand_in["verdict"], stand_in["measured_to"] > 2600) == ("not measurable", True)


def test_scenarios_name_the_mart_that_shows_them(ledger: Lines) -> None:
    marts = {path.stem for path in (PROJECT / "models" / "marts" / "scenarios").glob("*.sql")}
    scenarios = {claim for claim, _ in ledger if claim.startswith("P5")}
    assert {used(ledger, claim)["verdict"] for claim in scenarios} == {"scenario"}
    for claim in scenarios:
        named = set(re.findall(r"fct_\w+", used(ledger, claim)["why"]))
        assert named and named <= marts, claim
    for claim in ("P1-6", "P1-10", "P2-10"):
        assert used(ledger, claim)["why"].startswith("no public source")


def test_arithmetic_inside_the_claims(ledger: Lines) -> None:
    growth, base = (210 * 0.11 - 299 * 0.08) / (210 - 299), 7 / (1 - 18 / 22)
    assert (round(100 * growth, 3), round(base, 1)) == (0.921, 38.5)
    assert 299 * (0.08 - growth) == pytest.approx(210 * (0.11 - growth))
    assert "growth of 0.921% a year" in used(ledger, "P4-5")["why"]
    assert "takes away 18.18%, so that a loss of 7.0tn USD is one on 38.5tn USD" in used(ledger, "P4-7")["why"]


def test_an_earlier_ledger_judges_by_what_was_known(whole_sample: Path, ledger: Lines, tmp_path: Path) -> None:
    """The evening of 31 August: the high of that month stands, the outflow of September and the rise of bitcoin are not known."""
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copy(whole_sample / "warehouse.duckdb", warehouse)
    as_of = datetime(2023, 8, 31, 23, 59, 59)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("update meta.build_in_progress set as_of = ?", [as_of])
    run_dbt(["run", "--select", "+fct_claim_check"], warehouse=warehouse, mart=tmp_path / "mart.duckdb")
    earlier = lines_of(tmp_path / "mart.duckdb")
    assert max(line["available_at"] for line in earlier.values() if line["available_at"]) <= as_of
    columns = ("verdict", "measured_to", "observation_date", "since_date")
    high, high_later = (lines["P1-1", "equity, 5 sessions"] for lines in (earlier, ledger))
    assert [high[column] for column in columns] == [pytest.approx(high_later[column]) if column == "measured_to" else high_later[column] for column in columns]
    # judged are the claims whose period is over
    judged = {claim for claim, _ in earlier if used(earlier, claim)["verdict"] in ("confirmed", "refuted")}
    assert judged == {"P1-1", "P1-5", "P1-9"}
