"""Bitcoin from Coin Metrics: days named after their start, pages that name the next, metrics that are no longer free.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from provider import Answer, Asked, Provider
from raw_store import RawStore

import ingest.feed
import ingest.source
from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.landing import Landing
from ingest.sample import END, render
from ingest.source import LiveSource
from warehouse.settings import Settings


def row(day: str, **metrics: str) -> dict[str, str]:
    return {"asset": "btc", "time": f"{day}T00:00:00.000000000Z", **metrics}


def test_a_day_is_known_after_it_has_ended(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    lines = [row("2026-09-15", PriceUSD="65000.123456789012345", CapMrktCurUSD="1.3e12", SplyCur="19900000.5"), row("2026-09-16", PriceUSD="65100")]
    store.take("coin_metrics", "asset_metrics_btc_1.json", json.dumps({"data": lines, "next_page_token": "x", "next_page_url": "https://x"}))
    found = store.rows("select observation_date::varchar, price_usd, market_value_usd, supply, _available_at::varchar from raw.coin_metrics order by 1")
    assert found == [
        ("2026-09-15", pytest.approx(65000.12345679), 1.3e12, 19900000.5, "2026-09-17 00:00:00"),
        ("2026-09-16", 65100, None, None, "2026-09-18 00:00:00"),
    ]


def test_the_mirror_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    text = "time,AdrActCnt,CapMrktCurUSD,PriceUSD,SplyCur,TxCnt\n2009-01-03,0,,,0,0\n2026-09-15,9,1300000,65,20000,4\n"
    taken = store.take("coin_metrics", "btc.csv", text)
    assert (taken["format"], taken["rows_loaded"]) == ("mirror_csv", 2)
    found = store.rows("select asset, observation_date::varchar, price_usd, market_value_usd, supply from raw.coin_metrics order by 2")
    assert found == [("btc", "2009-01-03", None, None, 0), ("btc", "2026-09-15", 65, 1300000, 20000)]


def test_an_error_answer_is_quarantined(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    taken = store.take("coin_metrics", "asset_metrics_btc_1.json", '{"error": {"type": "forbidden", "message": "not available"}}', format="api_json")
    assert (taken["status"], taken["rows_read"]) == ("quarantined", 0)


def test_only_free_metrics_are_asked_for_from_the_start() -> None:
    declared = FEEDS["coin_metrics"].format("api_json")
    assert declared.requests
    (asked,) = declared.requests(FetchWindow(date(2020, 1, 1), date(2026, 9, 30)))
    assert asked.params["metrics"] == "PriceUSD,CapMrktCurUSD,SplyCur"
    assert asked.params["paging_from"] == "start"
    assert asked.params["ignore_forbidden_errors"] == "true"


def test_every_page_is_fetched_by_the_address_the_one_before_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/v4/timeseries/asset-metrics"
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(requests_a_second=1e6))

    def answer(asked: Asked) -> Answer:
        token = asked.query.get("next_page_token")
        body: dict[str, object] = {"data": [row("2026-09-16" if token else "2026-09-15", PriceUSD="1")]}
        if not token:
            body |= {"next_page_token": "abc", "next_page_url": f"https://community-api.coinmetrics.io{path}?assets=btc&next_page_token=abc"}
        return Answer(body=json.dumps(body).encode())

    settings = Settings(source="live", home_setting=tmp_path, as_of=datetime(2026, 9, 30, tzinfo=UTC), history_years=1)
    landing = Landing(settings.landing_dir)
    with Provider() as provider:
        provider.answer(path, answer)
        assert landing.land(LiveSource(settings, provider.session).fetch("coin_metrics"), "live") == (2, 2)
        assert [asked.query.get("next_page_token") for asked in provider.requests_of(path)] == [None, "abc"]
    assert sorted(landed.name[-7:] for landed in landing.manifest("coin_metrics")) == ["_1.json", "_2.json"]


def test_the_sample_loads_whole_and_october_gains_35_percent(tmp_path: Path) -> None:
    store = RawStore(tmp_path, [FEEDS["coin_metrics"]])
    (file,) = render(END, first_year=2022, feeds=["coin_metrics"])
    taken = store.take("coin_metrics", file.name, file.content, edition_at=file.edition_at)
    assert (taken["rows_loaded"], taken["rows_quarantined"]) == (726, 0)
    prices = dict(store.rows("select observation_date::varchar, price_usd from raw.coin_metrics where observation_date in ('2023-09-30', '2023-10-31')"))
    assert prices["2023-10-31"] / prices["2023-09-30"] - 1 == pytest.approx(0.35, abs=0.001)
    assert store.rows("select count(*) from raw.coin_metrics where abs(market_value_usd / (price_usd * supply) - 1) > 1e-6") == [(0,)]
