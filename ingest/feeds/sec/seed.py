"""Whom and what to ask the SEC about: the dbt project's seeds, which are the one place where managers, companies and tags stand."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

SEEDS = Path(__file__).resolve().parents[3] / "dbt_project" / "seeds" / "staging"


@cache
def rows(name: str) -> tuple[dict[str, str], ...]:
    """Rows of a seed, every value as text."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


def managers() -> dict[str, str]:
    """Names of the managers of interest by CIK (ten digits)."""
    return {row["cik"]: row["name"] for row in rows("manager")}


def companies() -> dict[str, str]:
    """Names of the companies of interest by CIK (ten digits)."""
    return {row["cik"]: row["name"] for row in rows("company_of_interest")}


def tags() -> list[tuple[str, str]]:
    """Taxonomy and tag of the company facts that are loaded."""
    return sorted({(row["taxonomy"], row["tag"]) for row in rows("fact_tag")})
