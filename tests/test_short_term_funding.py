"""Short-term Funding Monitor: the form it shares with the Hedge Fund Monitor, what tells them apart, and what the sample world says in it.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from raw_store import RawStore

from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.feeds.ofr import FUNDING_SERIES, HEDGE_FUND_SERIES, SPONSORED_SERIES
from ingest.landing import Arrival
from ingest.sample import END, render
from ingest.source import claims_of

FUNDING = FEEDS["ofr_stfm"]


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path, [FUNDING])


def series(name: str, pairs: list[list[object]], unit: str = "USD", updated: str = "2023-03-14 20:21:00", magnitude: int = 0) -> dict[str, Any]:
    metadata = {
        "mnemonic": name,
        "description": {"vintage_approach": "Monthly Revisions - Complete Series", "notes": "", "name": name, "subtype": "Outstanding Volume"},
        "schedule": {"observation_frequency": "Monthly", "start_date": "2010-11-30", "last_update": updated},
        "unit": {"display_magnitude": 0, "magnitude": magnitude, "type": "Volume", "name": unit, "precision": 2},
    }
    return {name: {"timeseries": {"aggregation": pairs}, "metadata": metadata}}


@pytest.mark.parametrize("name", [*FUNDING_SERIES, "TYLD-TCMR-10Yr-A"])
def test_a_series_is_claimed_by_its_monitor_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(series(name, [["2023-01-31", 1.5]])))
    assert {claim.feed.name for claim in claims_of(path, path.name)} == {"ofr_stfm"}


@pytest.mark.parametrize("name", [*HEDGE_FUND_SERIES, *SPONSORED_SERIES])
def test_hedge_funds_stay_with_theirs(tmp_path: Path, name: str) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(series(name, [["2023-01-31", 1.5]]), indent=2))
    assert {claim.feed.name for claim in claims_of(path, path.name)} == {"ofr_hfm"}


def test_values_with_their_unit_and_the_day_of_the_update(store: RawStore) -> None:
    body = series("MMF-MMF_TOT-M", [["2023-01-31", 434141816591.42], ["2023-02-28", None]]) | series("NYPD-PD_AFtD_TOT-A", [["2023-03-08", 2.5]], magnitude=6)
    file = store.take("ofr_stfm", "multifull.json", json.dumps(body))
    assert (file["rows_loaded"], file["rows_quarantined"], str(file["edition_at"])) == (3, 0, "2023-03-15 04:00:00")
    rows = store.rows("select series_id, observation_date::varchar, value, unit, magnitude from raw.ofr_stfm order by 1, 2")
    assert rows == [
        ("MMF-MMF_TOT-M", "2023-01-31", 434141816591.42, "USD", 0), ("MMF-MMF_TOT-M", "2023-02-28", None, "USD", 0),
        ("NYPD-PD_AFtD_TOT-A", "2023-03-08", 2.5, "USD", 6),
    ]  # fmt: skip


def test_a_whole_data_set_is_read_too(store: RawStore, tmp_path: Path) -> None:
    """Its series stand under `timeseries`, below or above its names."""
    inner = series("REPO-TRI_TV_TOT-P", [["2026-10-01", 3.5e12]], updated="2026-10-02 15:00:00") | series("REPO-DVP_AR_OO-P", [["2026-10-01", 3.86]], "Percent")
    for body in ({"short_name": "repo", "long_name": "OFR U.S. Repo Markets", "timeseries": inner}, {"timeseries": inner, "short_name": "repo"}):
        path = tmp_path / "dataset.json"
        path.write_text(json.dumps(body))
        assert {claim.feed.name for claim in claims_of(path, path.name)} == {"ofr_stfm"}
    file = store.take("ofr_stfm", "dataset.json", json.dumps(body))
    assert (file["rows_loaded"], file["rows_quarantined"], str(file["edition_at"])) == (2, 0, "2026-10-03 04:00:00")
    assert store.rows("select series_id, value, unit from raw.ofr_stfm order by 1") == [
        ("REPO-DVP_AR_OO-P", 3.86, "Percent"),
        ("REPO-TRI_TV_TOT-P", 3.5e12, "USD"),
    ]


def test_each_series_is_known_by_its_own_lag(store: RawStore) -> None:
    names = ("FNYR-SOFR-A", "MMF-MMF_TOT-M", "NYPD-PD_AFtR_TOT-A", "REPO-DVP_TV_TOT-F", "REPO-DVP_TV_TOT-P")
    for name in names:
        store.take("ofr_stfm", f"{name}.json", json.dumps(series(name, [["2026-05-29", 1.0]], updated="2026-09-30 12:00:00")))
    rows = store.rows("select series_id, (_available_at at time zone 'UTC' at time zone 'America/New_York')::date::varchar from raw.ofr_stfm order by 1")
    # a Friday: the next business day is 1 June; 24:00 belongs to the day after
    assert rows == list(zip(names, ("2026-06-01", "2026-06-15", "2026-06-08", "2026-09-14", "2026-06-01"), strict=True))


def test_a_restated_final_value_is_a_new_version(store: RawStore) -> None:
    name = "REPO-GCF_AR_OO-F"
    store.take("ofr_stfm", f"{name}.json", json.dumps(series(name, [["2026-01-30", 3.7]], "Percent", "2026-06-01 12:00:00")))
    again = store.take("ofr_stfm", f"{name}.json", json.dumps(series(name, [["2026-01-30", 3.71]], "Percent", "2026-09-01 12:00:00")))
    assert (again["rows_loaded"], again["rows_unchanged"]) == (1, 0)
    assert store.rows("select value, _available_at_source from raw.ofr_stfm order by _available_at") == [(3.7, "lag"), (3.71, "edition")]


def test_every_series_is_asked_for_by_its_name() -> None:
    (declared,) = FUNDING.formats
    assert declared.requests
    asked = list(declared.requests(FetchWindow(date(2026, 1, 1), date(2026, 9, 30))))
    assert [request.params["mnemonic"] for request in asked] == list(FUNDING_SERIES)
    assert {request.url for request in asked} == {"https://data.financialresearch.gov/v1/series/full"}
    assert {"REPO-TRI_TV_TOT-P", "REPO-TRI_TV_TOT-F", "MMF-MMF_TOT-M", "FNYR-SOFR-A", "FNYR-EFFR-A"} <= set(FUNDING_SERIES)


# --- sample ---------------------------------------------------------------------------------------------------------------


def test_sample_files_load_whole_and_money_funds_grow_with_the_retreat(tmp_path: Path) -> None:
    feeds = [FUNDING, FEEDS["ofr_hfm"]]
    store = RawStore(tmp_path, feeds, fetched_at=END)
    names = [feed.name for feed in feeds]
    store.landing.land((Arrival(f.feed, f.format, f.name, f.content, f.edition_at) for f in render(END, first_year=2018, feeds=names)), "sample")
    store.load()
    found = store.rows("select feed, count(*), sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1 order by 1")
    assert found == [("ofr_hfm", len(HEDGE_FUND_SERIES) + len(SPONSORED_SERIES), 0, 0), ("ofr_stfm", len(FUNDING_SERIES), 0, 0)]
    assets = dict(store.rows("select observation_date::varchar, value from raw.ofr_stfm where series_id = 'MMF-MMF_TOT-M'"))
    assert assets["2023-06-30"] == pytest.approx(5.85e12)
    assert assets["2023-09-30"] == pytest.approx(6.02e12)
    assert "2023-12-31" not in assets
    borrowed = store.rows(
        """
        select avg(value) filter (where observation_date between '2023-01-01' and '2023-06-30') > avg(value) filter (where observation_date >= '2023-10-01')
        from raw.ofr_hfm where series_id = 'FICC-SPONSORED_REPO_VOL'
        """
    )
    assert borrowed == [(True,)]
