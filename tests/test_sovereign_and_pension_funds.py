"""Holdings of Norway's fund and allocations of US public pension plans: their formats, their traps, and the article's figures.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from raw_store import RawStore

from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.sample import END, render

NEW_FEEDS = ("nbim_holding",)

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


# --- sample ---------------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's files of these feeds, landed and loaded."""
    store = RawStore(tmp_path_factory.mktemp("sample"), [FEEDS[name] for name in NEW_FEEDS])
    for file in render(END, first_year=2021, feeds=NEW_FEEDS):
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
