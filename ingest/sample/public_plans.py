"""Public Plans Data: one answer of the service with every plan and fiscal year published so far."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from ingest.feeds.public_plans import VARIABLES
from ingest.sample import dates
from ingest.sample.economy import PENSION_US_EQUITY, PENSION_US_EQUITY_CUT, PENSION_US_EQUITY_KEPT
from ingest.sample.file import SampleFile, View
from ingest.sample.process import autoregression, interpolated, path, stream
from ingest.sample.world import World

# fmt: off
_STATES = (
    "AL", "AZ", "CA", "CO", "CT", "FL", "GA", "IL", "IN", "KS", "KY", "LA", "MA", "MD", "MI",
    "MN", "MO", "NC", "NJ", "NV", "NY", "OH", "OR", "PA", "TN", "TX", "UT", "VA", "WA", "WI",
)
# fmt: on


def files(world: World, view: View) -> Iterator[SampleFile]:
    """The answer, by fiscal year and plan."""
    years = np.arange(2004, 2024)
    ends = np.array([f"{year}-06-30" for year in years], "datetime64[D]")
    shown = view.shows(ends, dates.published(ends, dates.lag_of("public_plan")))
    if not shown.any():
        return
    rows: list[dict[str, str]] = []
    plans = [_plan(world, number, state, ends) for number, state in enumerate(_STATES, 1)]
    for place in np.flatnonzero(shown).tolist():
        rows += [plan[place] for plan in plans]
    status = {"status": "OK", "date": str(view.current().date()), "q": "QVariables", "params": ",".join(VARIABLES.values()), "recordcount": len(rows)}
    body = json.dumps([status, *rows], separators=(",", ":")).encode()
    yield SampleFile("public_plan", "api_json", "public_plans_2004_2023.json", view.current(), body)


def _plan(world: World, number: int, state: str, ends: dates.Days) -> list[dict[str, str]]:
    """A plan's record of each fiscal year; every value is text, an empty one is missing."""
    random = stream(world.seed, f"plan {state}")
    domestic = interpolated(ends, world.drivers.story(PENSION_US_EQUITY, PENSION_US_EQUITY_CUT if number % 3 else PENSION_US_EQUITY_KEPT))
    # a plan keeps its own distance from the average, so that a cut is a cut
    domestic = domestic + random.uniform(-0.05, 0.05) + 0.0004 * autoregression(random.standard_normal(len(ends)), 0.5)
    foreign = interpolated(ends, path("2003-06-30 0.15, 2023-06-30 0.19")) + random.uniform(-0.03, 0.03)
    bonds = interpolated(ends, path("2003-06-30 0.29, 2021-06-30 0.22, 2023-06-30 0.25")) + random.uniform(-0.03, 0.03)
    assets = np.exp(random.uniform(16.3, 19.5)) * interpolated(ends, path("2003-06-30 0.6, 2023-06-30 1.3"))
    records = []
    for place, end in enumerate(ends.astype(str).tolist()):
        weights = {
            "equity_actual": domestic[place] + foreign[place],
            "domestic_equity_actual": domestic[place],
            "foreign_equity_actual": foreign[place],
            "equity_target": round(domestic[place] + foreign[place], 2),
            "fixed_income_actual": bonds[place],
            "private_equity_actual": 0.09,
            "real_estate_actual": 0.08,
        }
        record = {"plan_id": str(number), "fiscal_year": end[:4], "plan_name": f"{state} Example Teachers", "state": state}
        record |= {name: f"{weight:.5f}" for name, weight in weights.items()} | {"market_assets": f"{assets[place]:.1f}"}
        if number == 7 and end < "2006":
            record["equity_target"] = ""
        records.append({VARIABLES[name]: text for name, text in record.items()})
    return records
