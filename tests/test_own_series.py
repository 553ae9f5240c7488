"""Series of one's own: their layout, what is refused and why, and when a value became known."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from raw_store import RawStore

from ingest.feeds import FEEDS
from ingest.feeds.own import SERIES
from ingest.sample import END, render
from warehouse.docs import own_page


def test_a_line_may_say_when_it_was_published(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    lines = [
        "\ufeffSeries_ID,observation_date,value,published_at,remark",
        " Vietnam_Foreign_Ownership ,2026-06-30,23%,2026-07-20,from the yearbook",
        "vietnam_foreign_ownership,2026-07-31,0.231,2026-08-10T09:30:00+07:00,",
        "msci_acwi_median_pe,2026-06-30,18.4,,",
        "",
        'pif_purchases_usd,2026-06-30,"1,250,000,000",,',
    ]
    taken = store.take("own_series", "anything.csv", "\r\n".join(lines) + "\r\n")
    assert (taken["rows_read"], taken["rows_loaded"], taken["skipped"]) == (4, 4, {"header": 1, "blank": 1})
    found = store.rows("select series_id, observation_date::varchar, value, _available_at::varchar, _available_at_source from raw.own_series order by 1, 2")
    assert found == [
        ("msci_acwi_median_pe", "2026-06-30", 18.4, "2026-07-11 04:00:00", "lag"),
        ("pif_purchases_usd", "2026-06-30", 1.25e9, "2026-08-15 04:00:00", "lag"),
        ("vietnam_foreign_ownership", "2026-06-30", 0.23, "2026-07-20 23:59:59", "provider"),
        ("vietnam_foreign_ownership", "2026-07-31", 0.231, "2026-08-10 02:30:00", "provider"),
    ]


def test_an_unknown_series_is_refused_with_the_names_of_the_known(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    text = "series_id,observation_date,value\nvietnam_ownership,2026-06-30,0.23\nmsci_acwi_median_pe,2026-06-30,x\nmsci_acwi_median_pe,2026-07-31,18\n"
    taken = store.take("own_series", "mine.csv", text)
    assert (taken["rows_read"], taken["rows_loaded"], taken["rows_quarantined"]) == (3, 1, 2)
    unknown, number = sorted(store.reasons())
    assert unknown == f"series_id: vietnam_ownership is not a known series; known are {', '.join(SERIES)}"
    assert number == "value: x is not a number"
    ((line,),) = store.rows("select line from meta.quarantine where row_number = 1")
    assert json.loads(line) == {"series_id": "vietnam_ownership", "observation_date": "2026-06-30", "value": "0.23"}


def test_a_refused_line_is_counted_once_when_another_file_of_the_batch_is_broken(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    whole = store.land("own_series", "a.csv", "series_id,observation_date,value\nunknown,2026-06-30,1\nmsci_acwi_median_pe,2026-07-31,18\n")
    store.land("own_series", "b.csv", 'series_id,observation_date,value\nmsci_acwi_median_pe,2026-05-31,"18\nmsci_acwi_median_pe,2026-04-30,18\n')
    assert store.load().quarantined_files == 1
    assert whole
    taken = store.file(whole.file_id)
    assert (taken["rows_read"], taken["rows_loaded"], taken["rows_quarantined"]) == (2, 1, 1)


def test_a_correction_is_a_version_from_its_own_edition_on(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    for value, edition in (("22", "2026-02-01"), ("21.5", "2026-03-01")):
        text = f"series_id,observation_date,value\nmsci_acwi_median_pe,2025-12-31,{value}\n"
        store.take("own_series", "pe.csv", text, edition_at=datetime.fromisoformat(edition).replace(tzinfo=UTC))
    found = store.rows("select value, _available_at::varchar, _available_at_source from raw.own_series order by 2")
    assert found == [(22, "2026-01-11 05:00:00", "lag"), (21.5, "2026-03-01 00:00:00", "edition")]


def test_cafef_writes_the_day_first(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    rows = [
        {"Ngay": "03/09/2026", "KLGDRong": -1200, "GTDGRong": -250000000000, "GtMua": "1", "GtBan": "2"},
        {"Ngay": "28/08/2026", "KLGDRong": 10, "GTDGRong": 1.5e11},
    ]
    body = json.dumps({"Data": {"TotalCount": 2, "Data": rows}, "Success": True})
    taken = store.take("own_series", "gdkhoingoai_VNINDEX.json", body)
    assert (taken["format"], taken["rows_loaded"]) == ("cafef_json", 2)
    found = store.rows("select series_id, observation_date::varchar, value from raw.own_series order by 2")
    assert found == [("vietnam_foreign_net_flow", "2026-08-28", 1.5e11), ("vietnam_foreign_net_flow", "2026-09-03", -2.5e11)]


def test_the_page_lists_every_series_and_every_format_to_bring() -> None:
    page = own_page(FEEDS)
    assert all(f"| `{name}` |" in page for name in SERIES)
    assert "| [vanguard_nav](feeds.md#vanguard_nav) | `own_csv` |" in page


# --- sample ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's file, landed and loaded."""
    store = RawStore(tmp_path_factory.mktemp("sample"), [FEEDS["own_series"]])
    (file,) = render(END, first_year=2018, feeds=["own_series"])
    taken = store.take("own_series", file.name, file.content, edition_at=file.edition_at)
    assert taken["rows_quarantined"] == 0
    return store


def value(store: RawStore, series: str, day: str) -> float:
    ((found,),) = store.rows(f"select value from raw.own_series where series_id = '{series}' and observation_date = date '{day}'")
    return float(found)


def test_every_series_is_in_the_sample(sampled: RawStore) -> None:
    assert {name for (name,) in sampled.rows("select distinct series_id from raw.own_series")} == set(SERIES)


def test_the_articles_figures_are_found(sampled: RawStore) -> None:
    assert value(sampled, "vietnam_foreign_ownership", "2022-12-31") < 0.2
    assert value(sampled, "vietnam_foreign_ownership", "2023-10-31") == 0.23
    copper = value(sampled, "lme_copper_open_interest", "2023-10-27") / value(sampled, "lme_copper_open_interest", "2022-12-30") - 1
    assert copper == pytest.approx(0.42)
    assert (value(sampled, "msci_acwi_median_pe", "2021-12-31"), value(sampled, "msci_acwi_median_pe", "2023-10-31")) == (22, 18)
    assert value(sampled, "wgc_gold_etf_tonnes", "2022-12-31") < 2600 < value(sampled, "wgc_gold_etf_tonnes", "2023-11-30")
    ((spent,),) = sampled.rows("select sum(value) from raw.own_series where series_id = 'pif_purchases_usd'")
    assert spent == 51e9
