"""World Bank indicators, IMF series and exchange rates of the BIS: their formats, their traps, and what is asked for.

Every file here is made by hand and small; its numbers are invented.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from provider import Answer, Asked, Provider
from raw_store import RawStore

import ingest.feed
import ingest.source
from ingest.feed import FetchWindow
from ingest.feeds import FEEDS
from ingest.feeds.imf import GOLD_HOLDERS
from ingest.feeds.world_bank import INDICATORS
from ingest.landing import Landing
from ingest.reader import period_end
from ingest.sample import END, render, truth
from ingest.sample import world as worlds
from ingest.source import LiveSource
from warehouse.settings import Settings

NEW_FEEDS = ("bis_exchange_rate", "imf_sdmx", "world_bank_indicator")
WINDOW = FetchWindow(date(2026, 9, 1), date(2026, 10, 1))


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path / "landing")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026", "2026-12-31"), ("2026-Q1", "2026-03-31"), ("2025Q4", "2025-12-31"), ("2026-M03", "2026-03-31"), ("2024M02", "2024-02-29"),
        ("2024-02", "2024-02-29"), ("2026-m11", "2026-11-30"), ("2026-S1", "2026-06-30"), (" 2026-Q2 ", "2026-06-30"), ("2026-Q5", "2026-Q5"),
        ("2026-M13", "2026-M13"), ("2026-W07", "2026-W07"), ("2026-03-15", "2026-03-15"),
    ],
)  # fmt: skip
def test_periods_are_dated_at_their_end(text: str, day: str) -> None:
    assert duckdb.execute(f"select {period_end('$1')}", [text]).fetchall() == [(day,)]


# --- World Bank -----------------------------------------------------------------------------------------------------------


def line(year: str, value: float | None, code: str = "IN", iso3: str = "IND", name: str = "India", indicator: str = "CM.MKT.LCAP.CD") -> dict[str, Any]:
    return {
        "indicator": {"id": indicator, "value": "Market capitalization"}, "country": {"id": code, "value": name}, "countryiso3code": iso3,
        "date": year, "value": value, "unit": "", "obs_status": "", "decimal": 0,
    }  # fmt: skip


def page(rows: list[dict[str, Any]] | None, number: int = 1, pages: int = 1) -> str:
    return json.dumps([{"page": number, "pages": pages, "per_page": "2", "total": 9, "sourceid": "2", "lastupdated": "2026-07-01"}, rows])


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte-order mark"])
def test_years_are_rows_and_the_update_dates_the_edition(store: RawStore, mark: str) -> None:
    rows = [line("2025", 5.1e12), line("2024", None), line("2023", 4326478632340.5), line("2024", 1e13, "1W", "", "World")]
    file = store.take("world_bank_indicator", "CM.MKT.LCAP.CD_1.json", mark + page(rows))
    assert (file["rows_loaded"], file["rows_quarantined"], str(file["edition_at"])) == (4, 0, "2026-07-02 00:00:00")
    assert store.rows(
        "select country_code, country_code_iso3, observation_date::varchar, value, _available_at::varchar from raw.world_bank_indicator order by 1 desc, 3"
    ) == [
        ("IN", "IND", "2023-12-31", 4326478632340.5, "2024-10-01 00:00:00"), ("IN", "IND", "2024-12-31", None, "2025-10-02 00:00:00"),
        # published before the longest delay had passed
        ("IN", "IND", "2025-12-31", 5.1e12, "2026-07-02 00:00:00"), ("1W", None, "2024-12-31", 1e13, "2025-10-02 00:00:00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('[{"message":[{"id":"120","key":"Invalid value","value":"The provided parameter value is not valid"}]}]', "The provided parameter value is not valid"),
        (page(None), "the file has no records"),
        ('[{"page":1,"pages":1,"lastupdated":"2026-07-01"},{"error":"busy"}]', "no list of rows"),
        (page([line("2025", 1.0)])[:-9], "fetch it again"),
        ("<html><title>400 Bad Request</title></html>", "a web page"),
    ],
    ids=["message with status 200", "no rows", "no list", "cut off", "page"],
)
def test_an_answer_that_is_an_error_is_quarantined_with_what_it_says(store: RawStore, body: str, message: str) -> None:
    file = store.take("world_bank_indicator", "CM.MKT.LCAP.CD_1.json", body)
    assert (file["status"], file["rows_read"]) == ("quarantined", 0)
    assert message in file["message"]


def test_every_page_of_every_indicator_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(requests_a_second=1e6))

    def answer(asked: Asked) -> Answer:
        number, indicator = int(asked.query["page"]), asked.path.rpartition("/")[2]
        return Answer(body=page([line(str(2020 + number), 1.0, indicator=indicator)], number, pages=2 if indicator == INDICATORS[0] else 1).encode())

    with Provider() as provider:
        for indicator in INDICATORS:
            provider.answer(f"/v2/country/all/indicator/{indicator}", answer)
        settings = Settings(source="live", home_setting=tmp_path, as_of=datetime(2026, 9, 30, tzinfo=UTC), history_years=5)
        landing = Landing(settings.landing_dir)
        assert landing.land(LiveSource(settings, provider.session).fetch("world_bank"), "live") == (4, 4)
        # the next page of an answer comes after the requests that were planned
        assert [(asked.path.rpartition("/")[2], asked.query["page"], asked.query["format"]) for asked in provider.asked] == [
            (INDICATORS[0], "1", "json"), (INDICATORS[1], "1", "json"), (INDICATORS[2], "1", "json"), (INDICATORS[0], "2", "json"),
        ]  # fmt: skip


# --- IMF ------------------------------------------------------------------------------------------------------------------

SDMX_SQL = (
    "select dataset, series_key, country, indicator, currency, transformation, frequency, observation_date::varchar, value from raw.imf_sdmx order by all"
)
COFER = "G001.AFXRA.CI_USD.SHRO_PT.Q"


def message(*series: str, dataset: str = "COFER", about: str = 'UPDATE_DATE="2026-07-02T13:00:00Z" PUBLICATION_DATE="2026-06-30T13:00:00Z"') -> str:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <message:StructureSpecificData xmlns:message="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:common="urn:c" xmlns:xsi="urn:x">
      <message:Header><message:Prepared>2026-08-11T10:00:00Z</message:Prepared><message:Structure structureID="IMF.STA_{dataset}_7_0_1">
        <common:StructureUsage><Ref agencyID="IMF.STA" id="{dataset}" version="7.0.1"/></common:StructureUsage></message:Structure></message:Header>
      <message:DataSet action="Replace" {about}>
        <Group xsi:type="ns1:GROUP_INDICATOR" INDICATOR="AFXRA" UNIT="PT" SERIES_NAME="Allocated &amp; other"/>
        {"".join(series)}
      </message:DataSet>
    </message:StructureSpecificData>"""


def shares(*observations: tuple[str, str], of: str = "CI_USD") -> str:
    inside = "".join(f'<Obs TIME_PERIOD="{period}" OBS_VALUE="{value}" STATUS="A"/>' for period, value in observations)
    dimensions = f'COUNTRY="G001" INDICATOR="AFXRA" FXR_CURRENCY="{of}" TYPE_OF_TRANSFORMATION="SHRO_PT" FREQUENCY="Q"'
    return f'<Series {dimensions} OVERLAP="OL" UNIT="PT" SCALE="6">{inside}</Series>'


def test_dimensions_are_columns_and_the_scale_multiplies_nothing(store: RawStore) -> None:
    file = store.take(
        "imf_sdmx", "IMF_COFER.xml", message(shares(("2025-Q4", "57.4"), ("2026-Q1", "57.13")), shares(("2025-Q4", "NaN"), ("2026-Q1", "20.03"), of="CI_EUR"))
    )
    assert (file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == (4, 0, {})
    assert store.rows(SDMX_SQL) == [
        ("COFER", "G001.AFXRA.CI_EUR.SHRO_PT.Q", "G001", "AFXRA", "CI_EUR", "SHRO_PT", "Q", "2025-12-31", None),
        ("COFER", "G001.AFXRA.CI_EUR.SHRO_PT.Q", "G001", "AFXRA", "CI_EUR", "SHRO_PT", "Q", "2026-03-31", 20.03),
        ("COFER", COFER, "G001", "AFXRA", "CI_USD", "SHRO_PT", "Q", "2025-12-31", 57.4),
        ("COFER", COFER, "G001", "AFXRA", "CI_USD", "SHRO_PT", "Q", "2026-03-31", 57.13),
    ]


def test_the_newest_period_is_known_when_the_message_was_updated_and_older_ones_by_their_delay(store: RawStore) -> None:
    store.take("imf_sdmx", "IMF_COFER.xml", message(shares(("2025-Q3", "57.9"), ("2025-Q4", "57.4"), ("2026-Q1", "57.13"))))
    assert store.rows("select observation_date::varchar, _available_at::varchar, _available_at_source from raw.imf_sdmx order by 1") == [
        ("2025-09-30", "2026-01-09 05:00:00", "lag"), ("2025-12-31", "2026-04-11 04:00:00", "lag"), ("2026-03-31", "2026-07-02 13:00:00", "provider"),
    ]  # fmt: skip


def test_a_message_that_changes_a_share_adds_a_version_known_by_its_update(store: RawStore) -> None:
    store.take("imf_sdmx", "IMF_COFER.xml", message(shares(("2025-Q4", "57.4"), ("2026-Q1", "57.13"))))
    later = message(shares(("2025-Q4", "56.9"), ("2026-Q1", "57.13")), about='UPDATE_DATE="2026-10-01T13:00:00Z" PUBLICATION_DATE="2026-06-30T13:00:00Z"')
    file = store.take("imf_sdmx", "IMF_COFER.xml", later)
    assert (file["rows_loaded"], file["rows_unchanged"]) == (1, 1)
    assert store.rows("select value, _available_at::varchar, _available_at_source from raw.imf_sdmx where observation_date = '2025-12-31' order by 2") == [
        (57.4, "2026-04-11 04:00:00", "lag"), (56.9, "2026-10-02 04:00:00", "edition"),
    ]  # fmt: skip


def test_projections_are_counted_not_loaded(store: RawStore) -> None:
    series = '<Series COUNTRY="SVK" INDICATOR="NGDP_R" FREQUENCY="A"><Obs TIME_PERIOD="2025" OBS_VALUE="9"/><Obs TIME_PERIOD="2031" OBS_VALUE="11"/></Series>'
    file = store.take("imf_sdmx", "WEO.xml", message(series, dataset="WEO"))
    assert (file["rows_loaded"], file["rows_quarantined"], file["skipped"]) == (1, 0, {"projection": 1})
    assert store.rows(SDMX_SQL) == [("WEO", "SVK.NGDP_R.A", "SVK", "NGDP_R", None, None, "A", "2025-12-31", 9)]


def test_observations_without_series_carry_their_dimensions_themselves(store: RawStore) -> None:
    flat = '<Obs COUNTRY="CHN" INDICATOR="RGV_REVS" UNIT="FTO" FREQUENCY="M" TIME_PERIOD="2026-M06" OBS_VALUE="75440000" SCALE="6"/>'
    store.take("imf_sdmx", "IMF_IL.xml", message(flat, dataset="IL"))
    assert store.rows(SDMX_SQL) == [("IL", "CHN.RGV_REVS.FTO.M", "CHN", "RGV_REVS", None, "FTO", "M", "2026-06-30", 75440000)]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><m:StructureSpecificData xmlns:m="urn:m">&b;</m:StructureSpecificData>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (message(shares(("2026-Q1", "57.13")))[:-60], "not whole XML"),
        (BOMB, "not whole XML"),
        (message(), "the file has no records"),
        ('<m:StructureSpecificData xmlns:m="urn:m"><DataSet/></m:StructureSpecificData>', "does not say which dataset"),
    ],
    ids=["cut off", "entities", "empty", "unnamed"],
)
def test_a_message_that_cannot_be_read_is_quarantined(store: RawStore, body: str, said: str) -> None:
    file = store.take("imf_sdmx", "IMF_COFER.xml", body)
    assert (file["status"], file["rows_read"]) == ("quarantined", 0)
    assert said in file["message"]


HEADER = "DATAFLOW,COUNTRY,INDICATOR,FXR_CURRENCY,TYPE_OF_TRANSFORMATION,FREQUENCY,TIME_PERIOD,OBS_VALUE,SCALE,SERIES_NAME"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_same_series_as_csv_has_the_same_key(store: RawStore, end: str) -> None:
    rows = [
        f'IMF.STA:COFER(7.0.1),G001,AFXRA,CI_USD,SHRO_PT,Q,{period},{value},,"Shares, percent"' for period, value in (("2026-Q1", "57.13"), ("1999-Q1", ""))
    ]
    file = store.take("imf_sdmx", "cofer.csv", end.join(["\ufeff" + HEADER, *rows, ""]))
    assert (file["format"], file["rows_loaded"]) == ("sdmx_csv", 2)
    assert store.rows(SDMX_SQL) == [
        ("COFER", COFER, "G001", "AFXRA", "CI_USD", "SHRO_PT", "Q", "1999-03-31", None),
        ("COFER", COFER, "G001", "AFXRA", "CI_USD", "SHRO_PT", "Q", "2026-03-31", 57.13),
    ]


def test_a_dimension_without_a_column_stands_in_the_key(store: RawStore) -> None:
    text = "DATAFLOW,COUNTRY,INDICATOR,SECTOR,FREQUENCY,TIME_PERIOD,OBS_VALUE\nIMF.STA:IRFCL(12.0.0),POL,GOLD_FTO,S1XS1311,M,2026-M07,20000000\n"
    store.take("imf_sdmx", "irfcl.csv", text)
    assert store.rows(SDMX_SQL) == [("IRFCL", "POL.GOLD_FTO.S1XS1311.M", "POL", "GOLD_FTO", None, None, "M", "2026-07-31", 20000000)]


def test_csv_with_dates_of_its_message_tells_when_it_became_known(store: RawStore) -> None:
    text = (
        "STRUCTURE,STRUCTURE_ID,ACTION,COUNTRY,INDICATOR,DATA_TRANSFORMATION,FREQUENCY,TIME_PERIOD,OBS_VALUE,UPDATE_DATE\n"
        "dataflow,IMF.RES:PCPS(9.0.0),I,G001,PCOPP,USD,M,2026-M08,9931.5,2026-09-05T12:00:00Z\n"
    )
    store.take("imf_sdmx", "pcps.csv", text)
    assert store.rows("select dataset, series_key, _available_at::varchar, _available_at_source from raw.imf_sdmx") == [
        ("PCPS", "G001.PCOPP.USD.M", "2026-09-05 12:00:00", "provider")
    ]


def test_a_csv_of_another_house_is_not_taken() -> None:
    other = "DATAFLOW,FREQ,EER_TYPE,EER_BASKET,REF_AREA,TIME_PERIOD,OBS_VALUE\nBIS:WS_EER(1.0),M,R,B,KR,2026-06,83.04\n"
    assert not any(declared.header.search(other) for declared in FEEDS["imf_sdmx"].formats)


@pytest.mark.parametrize(
    ("name", "found"), [("IMF_PCPS.xml", ("PCPS", "W00.PZINC.USD.M", 2705.345)), ("IMF_RES_WEO-data.xml", ("WEO", "SVK.NGDP_R.A", 94669e6))]
)
def test_recorded_messages_are_read(store: RawStore, realdata: Path, name: str, found: tuple[str, str, float]) -> None:
    file = store.take("imf_sdmx", name, (realdata / "recorded" / "imf" / name).read_bytes())
    assert (file["format"], file["status"], file["rows_quarantined"]) == ("sdmx_xml", "loaded", 0)
    assert store.rows("select dataset, series_key, value from raw.imf_sdmx") == [found]


def test_what_is_asked_for_names_every_series() -> None:
    declared = FEEDS["imf_sdmx"].format("sdmx_xml")
    assert declared.requests
    asked = {request.file_name: request.url for request in declared.requests(WINDOW)}
    start = "https://api.imf.org/external/sdmx/2.1/data"
    assert asked == {
        "IMF_COFER.xml": f"{start}/IMF.STA,COFER/G001.AFXRA.CI_USD+CI_EUR+CI_JPY+CI_GBP+CI_CNY+CI_T.SHRO_PT+NV_USD.Q",
        "IMF_IL.xml": f"{start}/IMF.STA,IL/{'+'.join(GOLD_HOLDERS)}.RGV_REVS.FTO.M",
        "IMF_PCPS.xml": f"{start}/IMF.RES,PCPS/G001.PCOPP+PGOLD.USD.M",
    }


# --- BIS ------------------------------------------------------------------------------------------------------------------

EER = "DATAFLOW,FREQ,EER_TYPE,EER_BASKET,REF_AREA,TIME_PERIOD,OBS_VALUE,TIME_FORMAT"


@pytest.mark.parametrize(
    "text",
    [
        f"{EER}\nBIS:WS_EER(1.0),M,R,B,KR,2026-06,83.04,\nBIS:WS_EER(1.0),M,N,B,US,2026-07,,\n",
        "FREQ,REF_AREA,EER_BASKET,EER_TYPE,TIME_PERIOD,OBS_VALUE\r\n"
        '"M: Monthly","KR: Korea","B: Broad (64 economies)","R: Real",2026-06,83.04\r\nM: Monthly,US: United States,B: Broad,N: Nominal,2026-07,NaN\r\n',
    ],
    ids=["codes", "codes with labels, in another order"],
)
def test_exchange_rates_are_named_by_their_codes(store: RawStore, text: str) -> None:
    file = store.take("bis_exchange_rate", "WS_EER.csv", text)
    assert (file["rows_read"], file["skipped"]) == (2, {"header": 1})
    found = store.rows("select rate_type, basket, area, frequency, observation_date::varchar, rate from raw.bis_exchange_rate where area = 'KR'")
    assert found == [("R", "B", "KR", "M", "2026-06-30", 83.04)]
    assert store.rows("select observation_date::varchar, rate from raw.bis_exchange_rate where area = 'US'") == [("2026-07-31", None)]


def test_exchange_rates_are_asked_for_in_one_file() -> None:
    (declared,) = FEEDS["bis_exchange_rate"].formats
    assert declared.requests
    (request,) = declared.requests(WINDOW)
    assert request.url.startswith("https://stats.bis.org/api/v2/data/dataflow/BIS/WS_EER/1.0/M.N+R.B.US+")
    assert request.params == {"format": "csv"}


# --- sample ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> RawStore:
    """The sample world's files of these feeds, landed and loaded."""
    made = RawStore(tmp_path_factory.mktemp("sample") / "landing", [FEEDS[name] for name in NEW_FEEDS], END)
    for file in render(END, feeds=NEW_FEEDS):
        made.land(file.feed, file.name, file.content, format=file.format, edition_at=file.edition_at)
    made.load()
    return made


def test_sample_files_load_whole(sampled: RawStore) -> None:
    found = sampled.rows(
        "select feed, count(*), sum(rows_loaded) between 400 and 9000, sum(rows_quarantined) from meta.file where status = 'loaded' group by 1 order by 1"
    )
    assert found == [("bis_exchange_rate", 1, True, 0), ("imf_sdmx", 9, True, 0), ("world_bank_indicator", 3, True, 0)]


def test_the_dollars_share_of_reserves_drifts_down(sampled: RawStore) -> None:
    found = dict(sampled.rows(f"select observation_date::varchar, value from raw.imf_sdmx where series_key = '{COFER}' and observation_date >= '2021-12-31'"))
    planted = truth()["figures"]["dollar_reserve_share_percent"]
    assert {day: planted[day] for day in ("2021-12-31", "2022-12-31", "2023-06-30")} == {day: found[day] for day in ("2021-12-31", "2022-12-31", "2023-06-30")}
    assert 59 > found["2021-12-31"] > found["2022-12-31"] > found["2023-06-30"] > 57.5
    # the third quarter is published in January
    assert max(found) == "2023-06-30"


def test_shares_are_amounts_over_the_total(sampled: RawStore) -> None:
    found = sampled.rows(
        """
        with amounts as (select observation_date, indicator, currency, transformation, value from raw.imf_sdmx where dataset = 'COFER')
        select max(abs(amount.value / total.value - share.value / 100)) from amounts as amount
        join amounts as share on share.observation_date = amount.observation_date and share.currency = amount.currency and share.transformation = 'SHRO_PT'
        join amounts as total on total.observation_date = amount.observation_date and total.currency = 'CI_T'
        where amount.transformation = 'NV_USD' and amount.currency <> 'CI_T'
        """
    )
    assert found[0][0] == pytest.approx(0, abs=1e-9)


def test_indias_market_value_known_at_the_end_of_2023_is_that_of_2022(sampled: RawStore) -> None:
    where = "indicator_id = 'CM.MKT.LCAP.CD' and country_code = 'IN'"
    newest = sampled.rows(f"select observation_date::varchar, value from raw.world_bank_indicator where {where} order by 1 desc limit 1")
    planted = truth()["figures"]["india_market_value_usd"]
    assert newest == [("2022-12-31", planted["2022-12-31"])]
    assert planted["2023-12-31"] > 4e12
    assert sampled.rows(
        "select max(year(observation_date)) from raw.world_bank_indicator where indicator_id = 'CM.MKT.LCAP.CD' and country_code = 'GB' and value is not null"
    ) == [(2014,)]


def test_the_dollars_effective_rate_is_that_of_the_broad_index(sampled: RawStore) -> None:
    found = sampled.rows(
        "select count(*), min(rate) > 60, max(rate) < 160, max(observation_date)::varchar from raw.bis_exchange_rate where area = 'US' and rate_type = 'N'"
    )
    assert found == [(239, True, True, "2023-11-30")]
    days, values = worlds.world().rates["DTWEXBGS"]
    october = (days >= np.datetime64("2023-10-01")) & (days <= np.datetime64("2023-10-31")) & np.isfinite(values)
    rate = sampled.rows("select rate from raw.bis_exchange_rate where area = 'US' and rate_type = 'N' and observation_date = '2023-10-31'")[0][0]
    assert rate == pytest.approx(values[october].mean(), abs=0.01)
