"""Holdings of Norway's fund and allocations of US public pension plans: their formats, their traps, and the article's figures.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from raw_store import RawStore

from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.sample import END, render

NEW_FEEDS = ("nbim_holding", "public_plan")

HEADER = "Region;Country;Name;Industry;Market Value(NOK);Market Value(USD);Voting;Ownership;Incorporation Country"


def report(*lines: str, header: str = HEADER, end: str = "\r\n") -> bytes:
    """A report as the fund serves it: UTF-16, little end first, with its mark."""
    return b"\xff\xfe" + "".join(f"{line}{end}" for line in (header, *lines)).encode("utf-16-le")


# --- Norway's fund --------------------------------------------------------------------------------------------------------------------


def test_class_and_date_come_from_the_name_and_percentages_from_cells(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    store.take("nbim_holding", "nbim_eq_2024-06-30.csv", report("Europe;Denmark;Ægir Føniks A/S;Health Care;36836769106;3651959637;0.51%;1.6%;", ""))
    store.take("nbim_holding", "EQ_20231231.csv", report("Europe;Norway;Other ASA;Energy;1 234 567,5;123,456,789;0,51 %;1,6%;Norway", end="\n"))
    found = store.rows(
        """
        select
            observation_date::varchar, asset_type, issuer, market_value_nok, market_value_usd, voting, ownership,
            incorporation_country, _available_at::varchar
        from raw.nbim_holding order by 1
        """
    )
    assert found == [
        ("2023-12-31", "eq", "Other ASA", 1234567.5, 123456789, 0.0051, pytest.approx(0.016), "Norway", "2024-03-15 23:00:00"),
        ("2024-06-30", "eq", "Ægir Føniks A/S", 36836769106, 3651959637, 0.0051, pytest.approx(0.016), None, "2024-09-13 22:00:00"),
    ]


def test_a_name_that_repeats_is_numbered_whatever_the_order_of_the_lines(tmp_path: Path) -> None:
    lines = [
        "Asia;Japan;Twin Holdings;Technology;100;10;1%;1%;",
        "Asia;Japan;Twin Holdings;Financials;900;90;2%;2%;",
        "Asia;Japan;Twin Holdings;Technology;300;30;3%;3%;",
        "Asia;China;Twin Holdings;Technology;500;50;4%;4%;",
    ]
    store = RawStore(tmp_path)
    store.take("nbim_holding", "nbim_eq_2023-12-31.csv", report(*lines), edition_at=datetime(2024, 4, 1, tzinfo=UTC))
    again = store.take("nbim_holding", "nbim_eq_2023-12-31.csv", report(*reversed(lines)), edition_at=datetime(2024, 5, 1, tzinfo=UTC))
    assert (again["rows_loaded"], again["rows_unchanged"]) == (0, 4)
    found = store.rows("select country, occurrence, industry, market_value_usd from raw.nbim_holding order by 1, 2")
    assert found == [("China", 1, "Technology", 50), ("Japan", 1, "Financials", 90), ("Japan", 2, "Technology", 30), ("Japan", 3, "Technology", 10)]


def test_columns_of_bonds_may_be_fewer_and_in_another_order(tmp_path: Path) -> None:
    header = "Country;Region;Name;Sector;Market Value (USD);Market Value (NOK)"
    store = RawStore(tmp_path)
    row = store.take(
        "nbim_holding", "fi_2022.csv", report(";International;Some Bank;Treasuries;-5;-50", "France;Europe;Republic;Treasuries;7;70", header=header)
    )
    assert (row["rows_loaded"], row["rows_quarantined"]) == (2, 0)
    found = store.rows("select asset_type, observation_date::varchar, country, industry, market_value_usd, ownership from raw.nbim_holding order by 3")
    assert found == [("fi", "2022-12-31", "France", "Treasuries", 7, None), ("fi", "2022-12-31", "not stated", "Treasuries", -5, None)]


def test_more_than_the_whole_of_an_issuer_is_quarantined(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    store.take("nbim_holding", "nbim_eq_2023-12-31.csv", report("Asia;Japan;A;Energy;1;1;1%;101%;", "Asia;Japan;B;Energy;1;1;1%;1%;"))
    assert store.reasons() == ["ownership: 101% is above 1"]


def test_only_dates_that_are_published_are_asked_for() -> None:
    (declared,) = FEEDS["nbim_holding"].formats
    assert declared.requests
    asked = list(declared.requests(FetchWindow(date(2022, 12, 1), date(2024, 8, 20))))
    assert [request.file_name for request in asked if request.params["assetType"] == "eq"] == [
        "nbim_eq_2022-12-31.csv", "nbim_eq_2023-12-31.csv", "nbim_eq_2024-06-30.csv",
    ]  # fmt: skip
    assert {request.params["assetType"] for request in asked} == {"eq", "fi", "re", "ri"}
    assert asked[0].params == {"assetType": "eq", "date": "2022-12-31", "fileType": "csv"}


# --- public pension plans -------------------------------------------------------------------------------------------------------------


def answer(*records: dict[str, str | None], status: str = "OK") -> str:
    return json.dumps([{"status": status, "date": "2026-09-01", "q": "QVariables", "params": "x", "recordcount": len(records)}, *records])


def plan(**values: str | None) -> dict[str, str | None]:
    return {"fy": "2023", "ppd_id": "9", "PlanName": "Example PERF", "StateAbbrev": "XX", "EQTotal_Actl": "0.43", "MktAssets_net": "464578.5"} | values


def test_the_first_element_is_no_plan_and_values_are_text(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    records = [plan(EQDomesticTotal_Actl="0.25", EQTotal_Trgt=""), plan(ppd_id="010", EQTotal_Actl=None, EQDomesticTotal_Actl="NA")]
    row = store.take("public_plan", "public_plans_2023_2023.json", answer(*records))
    assert (row["rows_read"], row["rows_loaded"], row["skipped"]) == (2, 2, {"status": 1})
    found = store.rows(
        """
        select
            plan_id, observation_date::varchar, fiscal_year, state, equity_actual, domestic_equity_actual, equity_target, market_assets,
            _available_at::varchar
        from raw.public_plan order by 1
        """
    )
    known = "2024-12-22 05:00:00"  # 540 days after 30 June 2023, end of the day
    assert found == [("010", "2023-06-30", 2023, "XX", None, None, None, 464578.5, known), ("9", "2023-06-30", 2023, "XX", 0.43, 0.25, None, 464578.5, known)]


def test_an_error_of_the_service_is_told(tmp_path: Path) -> None:
    store = RawStore(tmp_path)
    row = store.take("public_plan", "public_plans_2023_2023.json", answer({"Error": "Unknown variable 'Foo'"}, status="ERROR"))
    assert row["status"] == "quarantined"
    assert "Unknown variable 'Foo'" in row["message"]


def test_the_full_data_set_is_read_by_the_names_of_its_columns(tmp_path: Path) -> None:
    lines = ["PlanName,X_1,fy,ppd_id,EQTotal_Actl,eqdomestictotal_actl,MktAssets_net", '"Plan of Ca\xf1on, The",,2022,7,.5,.3,1000', ",,,,,,"]
    store = RawStore(tmp_path)
    row = store.take("public_plan", "ppd-data-latest.csv", "\r\n".join([*lines, ""]).encode("latin-1"))
    assert (row["format"], row["rows_loaded"], row["skipped"]) == ("csv", 1, {"header": 1, "blank": 1})
    found = store.rows("select plan_name, observation_date::varchar, fiscal_year, equity_actual, domestic_equity_actual, market_assets from raw.public_plan")
    assert found == [("Plan of Ca\xf1on, The", "2022-06-30", 2022, 0.5, 0.3, 1000)]


def test_plans_are_asked_for_by_known_variables() -> None:
    declared = FEEDS["public_plan"].format("api_json")
    assert declared.requests
    (asked,) = declared.requests(FetchWindow(date(2021, 1, 1), date(2026, 9, 30)))
    assert (asked.params["filterfystart"], asked.params["filterfyend"], asked.params["format"]) == ("2021", "2026", "json")
    assert asked.params["variables"].split(",")[:6] == ["ppd_id", "fy", "PlanName", "StateAbbrev", "EQTotal_Actl", "EQDomesticTotal_Actl"]


# --- sample ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's files of these feeds, landed and loaded."""
    store = RawStore(tmp_path_factory.mktemp("sample"), [FEEDS[name] for name in NEW_FEEDS])
    for file in render(END, first_year=2020, feeds=NEW_FEEDS):
        store.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
    store.load()
    return store


def test_sample_files_load_whole(sampled: RawStore) -> None:
    found = sampled.rows(
        "select feed, sum(rows_loaded) > 0, sum(rows_quarantined), count(*) filter (where status <> 'loaded') from meta.file group by 1 order by 1"
    )
    assert found == [(name, True, 0, 0) for name in sorted(NEW_FEEDS)]


def test_the_weight_of_us_shares_falls_from_38_to_33_percent(sampled: RawStore) -> None:
    weights = dict(
        sampled.rows(
            """
            select observation_date::varchar, sum(market_value_usd) filter (where asset_type = 'eq' and country = 'United States') / sum(market_value_usd)
            from raw.nbim_holding group by 1
            """
        )
    )
    assert weights["2022-12-31"] == pytest.approx(0.38, abs=0.001)
    assert weights["2023-06-30"] == pytest.approx(0.33, abs=0.001)


def test_singapore_property_trusts_and_australian_lithium_are_new_in_2023(sampled: RawStore) -> None:
    added = """
        select country, observation_date::varchar, count(*) from raw.nbim_holding
        where issuer like '%REIT' or issuer like '%Lithium%' group by 1, 2 order by 1
    """
    assert sampled.rows(added) == [("Australia", "2023-06-30", 2), ("Singapore", "2023-06-30", 2)]
    calm = [file for file in render(END, first_year=2021, feeds=["nbim_holding"], strength=0.0) if file.name == "nbim_eq_2023-06-30.csv"]
    assert "Lithium" not in calm[0].content.decode("utf-16")


def test_some_plans_cut_their_us_shares_in_the_last_year_known_and_some_do_not(sampled: RawStore) -> None:
    changes = [
        change
        for (change,) in sampled.rows(
            """
            select last(domestic_equity_actual order by fiscal_year) - first(domestic_equity_actual order by fiscal_year)
            from raw.public_plan where fiscal_year in (2021, 2022) group by plan_id
            """
        )
    ]
    assert len(changes) == 30
    assert sum(change < -0.03 for change in changes) == 20
    assert sum(abs(change) < 0.01 for change in changes) == 10
