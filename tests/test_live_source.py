"""The live source against a server on this machine that behaves, and misbehaves, as the providers do."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from provider import Answer, Provider, socrata

import ingest.client
import ingest.feed
import ingest.source
from ingest.feed import Request
from ingest.feeds import FEEDS
from ingest.feeds.fred import API_KEY
from ingest.landing import Arrival, Landing
from ingest.load import load_landed
from ingest.source import FetchFailed, LiveSource
from warehouse.settings import Settings

AS_OF = datetime(2026, 10, 9, 22, tzinfo=UTC)  # a Friday
FSI = "/financial-stress-index/data/fsi.csv"
DAILY = "/data/us/options/market_statistics/daily/{}_daily_options"
KEY = "0123456789abcdef0123456789abcdef"

FSI_HEADER = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"


def fsi(value: float) -> bytes:
    return f"{FSI_HEADER}\n2026-10-05,{value},0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8\n".encode()


def daily(call: int) -> bytes:
    volume = {"name": "VOLUME", "call": call, "put": 10, "total": call + 10}
    return json.dumps({"ratios": [{"name": "TOTAL PUT/CALL RATIO", "value": "0.96"}], "SUM OF ALL PRODUCTS": [volume]}).encode()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=(API_KEY,)))
    with Provider() as running:
        yield running


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that retries make, noted instead of slept."""
    noted: list[float] = []
    import time

    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=noted.append, time=time.time))
    return noted


class Home:
    """A home and its live source."""

    def __init__(self, folder: Path, provider: Provider, **values: Any) -> None:
        self.settings = Settings(source="live", home_setting=folder, as_of=AS_OF, history_years=1, **values)
        self.provider = provider

    def fetch(self, name: str, start: date | None = None, end: date | None = None) -> tuple[int, int]:
        source = LiveSource(self.settings, self.provider.session)
        return Landing(self.settings.landing_dir).land(source.fetch(name, start, end), "live")

    def manifest(self, feed: str) -> list[Any]:
        return Landing(self.settings.landing_dir).manifest(feed)

    def load(self, *feeds: str) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("set TimeZone = 'UTC'")
        load_landed(connection, [FEEDS[feed] for feed in feeds], Landing(self.settings.landing_dir), "build")
        return connection


@pytest.fixture
def home(tmp_path: Path, provider: Provider) -> Home:
    return Home(tmp_path / "home", provider)


# --- answers ------------------------------------------------------------------------------------------------------------


def test_bytes_land_with_address_and_validators(home: Home, provider: Provider) -> None:
    provider.answer(FSI, Answer(body=fsi(1.5), etag='"one"', headers={"Last-Modified": "Mon, 05 Oct 2026 17:00:00 GMT"}))
    assert home.fetch("ofr") == (1, 1)
    (landed,) = home.manifest("ofr_fsi")
    assert landed.url == f"https://www.financialresearch.gov{FSI}"
    assert (landed.etag, landed.last_modified, landed.size) == ('"one"', "Mon, 05 Oct 2026 17:00:00 GMT", len(fsi(1.5)))
    assert provider.asked[0].host == "www.financialresearch.gov"
    assert "Ebbtide" in provider.asked[0].headers["User-Agent"]


def test_an_unchanged_file_is_not_sent_again(home: Home, provider: Provider) -> None:
    provider.answer(FSI, Answer(body=fsi(1.5), etag='"one"', headers={"Last-Modified": "Mon, 05 Oct 2026 17:00:00 GMT"}))
    home.fetch("ofr")
    assert home.fetch("ofr") == (0, 0)
    assert provider.requests_of(FSI)[1].headers["If-None-Match"] == '"one"'
    assert provider.requests_of(FSI)[1].headers["If-Modified-Since"] == "Mon, 05 Oct 2026 17:00:00 GMT"


def test_equal_bytes_without_validators_land_once(home: Home, provider: Provider) -> None:
    provider.answer(FSI, Answer(body=fsi(1.5)))
    assert [home.fetch("ofr"), home.fetch("ofr")] == [(1, 1), (1, 0)]


def test_content_that_returns_is_a_third_edition(home: Home, provider: Provider) -> None:
    one, two = Answer(body=fsi(1), etag='"one"'), Answer(body=fsi(2), etag='"two"')
    provider.answer(FSI, one, two, one)
    source = LiveSource(home.settings, provider.session)
    landing = Landing(home.settings.landing_dir)
    assert [landing.land(source.fetch("ofr"), "live") for _ in range(4)] == [(1, 1), (1, 1), (1, 1), (0, 0)]
    assert [asked.headers.get("If-None-Match") for asked in provider.requests_of(FSI)] == [None, '"one"', '"two"', '"one"']
    rows = home.load("ofr_fsi").execute("select ofr_fsi from raw.ofr_fsi order by _available_at").fetchall()
    assert rows == [(1,), (2,), (1,)]


@pytest.mark.parametrize("etag", ['"one"', None], ids=["answered 304", "answered with the same bytes"])
def test_a_row_that_a_fetch_after_its_due_time_did_not_find_was_published_late(
    home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch, etag: str | None
) -> None:
    """The file lands twice, was met unchanged in between, and its new row was due by then: it became known with the second edition."""

    def fetch(day: int) -> tuple[int, int]:
        class Clock(datetime):
            now = classmethod(lambda cls, tz=None: datetime(2026, 10, day, 22, tzinfo=tz))

        for module in (ingest.source, ingest.landing):
            monkeypatch.setattr(module, "datetime", Clock)
        return home.fetch("ofr")

    before, after = fsi(1.5), fsi(1.5) + fsi(1.7).splitlines(keepends=True)[1].replace(b"10-05", b"10-06")
    provider.answer(FSI, Answer(body=before, etag=etag), Answer(body=before, etag=etag), Answer(body=after, etag='"two"'))
    assert fetch(8) == (1, 1)
    home.load("ofr_fsi")
    assert fetch(13)[1] == 0
    assert [landed.seen_until for landed in home.manifest("ofr_fsi")] == ["2026-10-13T22:00:00+00:00"]
    assert fetch(14) == (1, 1)
    known = (
        home.load("ofr_fsi").execute("select observation_date::varchar, _available_at::varchar, _available_at_source from raw.ofr_fsi order by 1").fetchall()
    )
    assert known[1] == ("2026-10-06", "2026-10-14 22:00:00", "edition")
    assert known[0][2] == "lag"


def test_a_compressed_answer_lands_as_the_file_it_is(home: Home, provider: Provider) -> None:
    provider.answer(FSI, Answer(body=fsi(1.5), compressed=True))
    home.fetch("ofr")
    (landed,) = home.manifest("ofr_fsi")
    assert (home.settings.landing_dir / landed.path).read_bytes() == fsi(1.5)


def test_403_and_404_of_cboe_mean_not_published(home: Home, provider: Provider) -> None:
    provider.answer(DAILY.format("2026-10-07"), Answer(403, b"<Error><Code>AccessDenied</Code></Error>"))
    provider.answer(DAILY.format("2026-10-08"), Answer(body=daily(20)))
    assert home.fetch("cboe", date(2026, 10, 7), date(2026, 10, 9)) == (1, 1)
    assert [landed.name for landed in home.manifest("cboe_put_call")] == ["2026-10-08_daily_options.json"]
    assert home.load("cboe_put_call").execute("select observation_date::varchar, call_contracts from raw.cboe_put_call").fetchall() == [("2026-10-08", 20)]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (403, "status 403 for https://www.financialresearch.gov.*refuses this client"),
        (410, "status 410 for .*the address may have changed; see https://www.financialresearch.gov/financial-stress-index/"),
    ],
)
def test_a_refusal_elsewhere_is_a_failure(home: Home, provider: Provider, status: int, says: str) -> None:
    provider.answer(FSI, Answer(status))
    with pytest.raises(FetchFailed, match=f"feed ofr_fsi: {says}"):
        home.fetch("ofr")
    assert home.manifest("ofr_fsi") == []


def test_404_of_a_whole_file_is_no_failure(home: Home) -> None:
    assert home.fetch("ofr") == (0, 0)


# --- faults -------------------------------------------------------------------------------------------------------------


def test_an_error_of_the_server_is_asked_again(home: Home, provider: Provider, pauses: list[float]) -> None:
    provider.answer(FSI, Answer(500), Answer(503), Answer(body=fsi(1.5)))
    assert home.fetch("ofr") == (1, 1)
    assert len(provider.requests_of(FSI)) == 3


def test_a_server_that_keeps_failing_is_named(home: Home, provider: Provider, pauses: list[float]) -> None:
    provider.answer(FSI, Answer(502))
    with pytest.raises(FetchFailed, match=r"feed ofr_fsi: status 502 for https://www.financialresearch.gov\S+; try again later"):
        home.fetch("ofr")
    assert len(provider.requests_of(FSI)) == 5


@pytest.mark.parametrize(("retry_after", "pause"), [("7", 7), ("86400", ingest.client.MAX_RETRY_AFTER)])
def test_retry_after_is_kept_to_within_reason(home: Home, provider: Provider, pauses: list[float], retry_after: str, pause: float) -> None:
    provider.answer(FSI, Answer(429, headers={"Retry-After": retry_after}), Answer(body=fsi(1.5)))
    assert home.fetch("ofr") == (1, 1)
    assert pauses == [pause]


def test_too_many_requests_without_retry_after(home: Home, provider: Provider, pauses: list[float]) -> None:
    provider.answer(FSI, Answer(429), Answer(body=fsi(1.5)))
    assert home.fetch("ofr") == (1, 1)
    provider.answer(FSI, Answer(429))
    with pytest.raises(FetchFailed, match=r"status 429 .*limits requests; try again later"):
        home.fetch("ofr")


def test_a_connection_cut_in_the_middle_is_asked_again(home: Home, provider: Provider) -> None:
    provider.answer(FSI, Answer(body=fsi(1.5), cut_after=60), Answer(body=fsi(1.5)))
    assert home.fetch("ofr") == (1, 1)
    assert home.manifest("ofr_fsi")[0].size == len(fsi(1.5))


@pytest.mark.parametrize("compressed", [False, True])
def test_a_connection_that_is_always_cut_lands_nothing(home: Home, provider: Provider, compressed: bool) -> None:
    provider.answer(FSI, Answer(body=fsi(1.5), cut_after=60, compressed=compressed))
    with pytest.raises(FetchFailed, match=r"feed ofr_fsi: https://www.financialresearch.gov.* was cut off in the middle of the answer"):
        home.fetch("ofr")
    assert home.manifest("ofr_fsi") == []
    assert len(provider.requests_of(FSI)) == ingest.client.BODY_ATTEMPTS


def test_a_hung_connection_is_given_up(home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    monkeypatch.setattr(ingest.client, "TIMEOUT", (0.05, 0.05))
    provider.answer(FSI, Answer(hangs=True))
    with pytest.raises(FetchFailed, match=r"feed ofr_fsi: www.financialresearch.gov did not answer \(\w+\) for https://.*; try again later"):
        home.fetch("ofr")


def test_an_answer_without_end_is_refused(home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.client, "MAX_BYTES", 100)
    provider.answer(FSI, Answer(body=fsi(1.5)))
    with pytest.raises(FetchFailed, match="longer than 100 bytes"):
        home.fetch("ofr")


def test_an_error_page_with_status_200_is_quarantined_and_the_rest_loads(home: Home, provider: Provider) -> None:
    page = b"<!DOCTYPE html>\n<html><body>We are down for maintenance</body></html>"
    provider.answer(DAILY.format("2026-10-07"), Answer(body=page))
    provider.answer(DAILY.format("2026-10-08"), Answer(body=daily(20)))
    assert home.fetch("cboe", date(2026, 10, 7), date(2026, 10, 9)) == (2, 2)
    connection = home.load("cboe_put_call")
    found = connection.execute("select name, status, message, rows_loaded from meta.file order by name").fetchall()
    assert [row[:2] for row in found] == [("2026-10-07_daily_options.json", "quarantined"), ("2026-10-08_daily_options.json", "loaded")]
    assert "web page, not data" in found[0][2]
    assert found[1][3] == 1
    # the next fetch brings the data, and nothing stays lost
    provider.answer(DAILY.format("2026-10-07"), Answer(body=daily(30)))
    assert home.fetch("cboe", date(2026, 10, 7), date(2026, 10, 9)) == (2, 1)
    assert home.load("cboe_put_call").execute("select count(*) from raw.cboe_put_call").fetchall() == [(2,)]


def test_a_failure_keeps_what_was_fetched_before_it(home: Home, provider: Provider, pauses: list[float]) -> None:
    provider.answer(DAILY.format("2026-10-06"), Answer(body=daily(10)))
    provider.answer(DAILY.format("2026-10-07"), Answer(500))
    provider.answer(DAILY.format("2026-10-08"), Answer(body=daily(20)))
    with pytest.raises(FetchFailed, match="2026-10-07_daily_options"):
        home.fetch("cboe", date(2026, 10, 6), date(2026, 10, 9))
    assert [landed.name[:10] for landed in home.manifest("cboe_put_call")] == ["2026-10-06"]


def test_a_feed_that_fails_does_not_keep_the_others_of_its_provider(home: Home, provider: Provider, pauses: list[float]) -> None:
    """The Financial Stress Index is down, the Hedge Fund Monitor is not; both failures are told when both are down."""
    monitor = "/hf/v1/series/full"
    series = {"timeseries": {"aggregation": [["2026-03-31", 2.7]]}, "metadata": {"unit": {"name": "Ratio"}, "schedule": {"last_update": "2026-09-08"}}}
    provider.answer(FSI, Answer(500))
    provider.answer(monitor, lambda asked: Answer(body=json.dumps({asked.query["mnemonic"]: series}).encode()))
    with pytest.raises(FetchFailed, match="feed ofr_fsi: status 500"):
        home.fetch("ofr")
    landed = home.manifest("ofr_hfm")
    assert len(landed) == len({each.name for each in landed}) > 20
    completed = Landing(home.settings.landing_dir)
    assert (completed.completed("ofr_fsi"), completed.completed("ofr_hfm")) == ({}, {"series_json": AS_OF.date()})
    provider.answer(monitor, Answer(403))
    with pytest.raises(FetchFailed, match=r"feed ofr_fsi: status 500[^\n]*\nfeed ofr_hfm: status 403"):
        home.fetch("ofr")


def test_days_after_a_failure_are_asked_for_again(home: Home, provider: Provider, pauses: list[float]) -> None:
    """A first fetch that fails half-way does not turn the next one into a fetch of the last week."""
    provider.answer(DAILY.format("2026-03-03"), Answer(500))
    provider.answer(DAILY.format("2026-03-04"), Answer(body=daily(20)))
    provider.answer(DAILY.format("2026-03-02"), Answer(body=daily(10)))
    with pytest.raises(FetchFailed):
        home.fetch("cboe")
    provider.answer(DAILY.format("2026-03-03"), Answer(body=daily(15)))
    assert home.fetch("cboe") == (3, 2)
    assert sorted(landed.name[:10] for landed in home.manifest("cboe_put_call")) == ["2026-03-02", "2026-03-03", "2026-03-04"]
    provider.asked.clear()
    home.fetch("cboe")
    days = [asked.path.rpartition("/")[2][:10] for asked in provider.asked if "daily_options" in asked.path]
    assert (min(days), max(days)) == ("2026-10-02", "2026-10-09")


def test_a_window_that_is_asked_for_says_nothing_about_the_rest(home: Home, provider: Provider) -> None:
    home.fetch("cboe", date(2026, 10, 1), date(2026, 10, 9))
    assert Landing(home.settings.landing_dir).completed("cboe_put_call") == {}


# --- pages --------------------------------------------------------------------------------------------------------------

SOCRATA = "/resource/gpe5-46if.json"


def reports(number: int) -> list[dict[str, Any]]:
    sides = {f"{group}_positions_{side}": "1" for group in ("lev_money", "asset_mgr", "other_rept") for side in ("long", "short")}
    first = date(2006, 6, 13)
    return [
        {
            "report_date_as_yyyy_mm_dd": f"{first + timedelta(weeks=index // 3)}T00:00:00.000",
            "cftc_contract_market_code": f"00000{index % 3}",
            "open_interest_all": str(index),
            "dealer_positions_long_all": "1",
            "dealer_positions_short_all": "1",
            **sides,
        }
        for index in range(number)
    ]


@pytest.mark.parametrize("most", [50_000, 1000, 700])
def test_every_page_is_fetched(home: Home, provider: Provider, most: int) -> None:
    provider.answer(SOCRATA, socrata(reports(2345), most))
    assert home.fetch("cftc") == (1, 1)
    assert home.load("cftc_tff").execute("select count(*), min(contract_code), sum(open_interest) from raw.cftc_tff").fetchall() == [
        (2345, "000000", sum(range(2345)))
    ]


def test_no_new_rows_land_no_file(home: Home, provider: Provider) -> None:
    provider.answer(SOCRATA, socrata([]))
    assert home.fetch("cftc") == (0, 0)


def test_a_provider_that_does_not_page_is_noticed(home: Home, provider: Provider) -> None:
    provider.answer(SOCRATA, Answer(body=json.dumps(reports(1000)).encode()))
    with pytest.raises(FetchFailed, match=r"feed cftc_tff: .*repeats the one before"):
        home.fetch("cftc")


@pytest.mark.parametrize("body", [b"<html></html>", b'{"message": "Internal error"}', b'[{"open_interest'])
def test_a_page_that_is_no_list_is_a_failure(home: Home, provider: Provider, body: bytes) -> None:
    provider.answer(SOCRATA, Answer(body=body))
    with pytest.raises(FetchFailed, match=r"feed cftc_tff: https://publicreporting.cftc.gov.* is not a list of rows"):
        home.fetch("cftc")


# --- secrets ------------------------------------------------------------------------------------------------------------

OBSERVATIONS = "/fred/series/observations"


def vintages() -> bytes:
    row = {"realtime_start": "2026-10-06", "realtime_end": "9999-12-31", "date": "2026-10-05", "value": "4.1"}
    return json.dumps({"realtime_start": "1776-07-04", "realtime_end": "9999-12-31", "observations": [row]}).encode()


def written(folder: Path) -> str:
    """Everything under a folder, names included."""
    return "".join(f"{path}\n" + (path.read_text(encoding="utf-8", errors="replace") if path.is_file() else "") for path in folder.rglob("*"))


def test_the_key_is_sent_and_never_written_down(tmp_path: Path, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    home = Home(tmp_path / "home", provider, fred_api_key=KEY)
    provider.answer(OBSERVATIONS, Answer(body=vintages()))
    seen, landed = home.fetch("fred")
    assert seen == landed > 1
    assert {asked.query["api_key"] for asked in provider.asked} == {KEY}
    assert all(line.url.startswith("https://api.stlouisfed.org") and "api_key" not in line.url for line in home.manifest("fred_series"))
    assert KEY not in written(tmp_path)
    assert "series_id" in caplog.text  # urllib3 has logged the addresses
    assert KEY not in caplog.text
    assert KEY not in repr(home.settings)


@pytest.mark.parametrize(
    "answer",
    [Answer(400, b'{"error_code":400}'), Answer(500), Answer(429), Answer(body=b"x" * 100, cut_after=10), Answer(hangs=True)],
    ids=["refused", "failing", "limited", "cut", "hung"],
)
def test_no_failure_shows_the_key(
    tmp_path: Path, provider: Provider, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, pauses: list[float], answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(ingest.client, "TIMEOUT", (0.05, 0.05))
    home = Home(tmp_path / "home", provider, fred_api_key=KEY)
    provider.answer(OBSERVATIONS, answer)
    with pytest.raises(FetchFailed, match=r"feed fred_series: .*series_id=DGS1") as failure:
        home.fetch("fred")
    error: BaseException | None = failure.value
    while error:
        assert KEY not in str(error) + repr(error)
        error = error.__cause__ or error.__context__
    assert KEY not in "".join(traceback.format_exception(failure.value))
    assert KEY not in caplog.text
    assert provider.asked[0].query["api_key"] == KEY


def test_a_machine_that_does_not_listen_is_named_without_the_key(tmp_path: Path, caplog: pytest.LogCaptureFixture, pauses: list[float]) -> None:
    caplog.set_level(logging.DEBUG)
    closed = Provider()
    closed._server.server_close()
    home = Home(tmp_path / "home", closed, fred_api_key=KEY)
    with pytest.raises(FetchFailed, match=r"api\.stlouisfed\.org did not answer \(ConnectionError\)") as failure:
        home.fetch("fred")
    assert failure.value.__context__ is None
    assert "Retrying" in caplog.text  # the warning of urllib3 holds the whole address
    assert KEY not in caplog.text


def test_arrivals_of_a_format_are_those_its_requests_name(home: Home, provider: Provider) -> None:
    provider.answer("/api/global/us_indices/daily_prices/VIX_History.csv", Answer(body=b"DATE,OPEN,HIGH,LOW,CLOSE\n10/05/2026,1,2,1,2\n"))
    arrivals = [a for a in LiveSource(home.settings, provider.session).fetch("cboe", date(2026, 10, 9), date(2026, 10, 9)) if isinstance(a, Arrival)]
    assert [(a.feed, a.format, a.name, dict(a.parameters)) for a in arrivals] == [
        ("cboe_index_history", "history_csv", "VIX_History.csv", {"index_name": "VIX"})
    ]


# --- what providers say of a request they refuse --------------------------------------------------------------------------


def test_a_key_that_is_not_accepted_is_named_by_its_variable(tmp_path: Path, provider: Provider) -> None:
    said = f"Bad Request. The value for variable api_key is not registered: {KEY}."
    provider.answer("/fred/series/observations", Answer(400, body=json.dumps({"error_code": 400, "error_message": said}).encode()))
    provider.answer("/fred/series", Answer(400, body=b"no JSON"))
    with pytest.raises(FetchFailed) as failed:
        Home(tmp_path, provider, fred_api_key=KEY).fetch("fred_series")
    assert "EBBTIDE_FRED_API_KEY is not accepted" in str(failed.value)
    assert "is not registered" in str(failed.value)
    assert KEY not in str(failed.value)


def test_a_status_that_passes_with_one_provider_alone_is_tried_again(
    home: Home, provider: Provider, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    provider.answer(FSI, Answer(400), Answer(body=fsi(1.5)))
    with pytest.raises(FetchFailed, match="status 400"):
        home.fetch("ofr_fsi")
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=(API_KEY,), busy=(400,)))
    provider.answer(FSI, Answer(400), Answer(503), Answer(body=fsi(1.5)))
    assert home.fetch("ofr_fsi") == (1, 1)
    assert FEEDS["world_bank_indicator"].provider == "world_bank"
    assert ingest.feeds.provider_of("world_bank").busy == (400,)


def test_a_list_without_rows_is_no_file(home: Home, provider: Provider) -> None:
    path = "/data/group/otcMarket/name/consolidatedShortInterest"
    provider.answer(path, Answer(body=b"[]"))
    assert home.fetch("finra_short_interest", date(2026, 8, 1), date(2026, 9, 1)) == (0, 0)
    assert provider.requests_of(path)


# --- names and certificates -----------------------------------------------------------------------------------------------


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for a host that nobody but itself has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
    unsigned = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, end)
    signed = unsigned.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False).sign(key, hashes.SHA256())
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(signed.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def fetch_from(url: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch the Financial Stress Index from another address, with the session of the command line and without a proxy."""
    declared = replace(FEEDS["ofr_fsi"].formats[0], requests=lambda window: [Request(url, "fsi.csv")])
    monkeypatch.setitem(FEEDS, "ofr_fsi", replace(FEEDS["ofr_fsi"], formats=(declared,)))
    monkeypatch.setenv("NO_PROXY", "*")
    Landing(home.settings.landing_dir).land(LiveSource(home.settings).fetch("ofr_fsi"), "live")


def test_a_certificate_that_nobody_has_signed_is_refused(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    """Nothing is sent to a machine that cannot show that it is the provider's."""
    with Provider() as other:
        other.answer(FSI, Answer(body=fsi(1.5)))
        address = other.encrypt(*certificate(tmp_path, "localhost"))
        with pytest.raises(FetchFailed, match=r"feed ofr_fsi: localhost:\d+ did not answer \(SSLError\) for https://localhost:\d+/\S+; try again later"):
            fetch_from(f"{address}{FSI}", home, monkeypatch)
        assert other.asked == []
    assert home.manifest("ofr_fsi") == []


def test_a_name_that_is_not_known_is_named(home: Home, monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    """No machine has a name below `invalid` (RFC 6761)."""
    with pytest.raises(FetchFailed, match=r"feed ofr_fsi: provider.invalid did not answer \(ConnectionError\) for https://provider.invalid/fsi.csv; try again"):
        fetch_from("https://provider.invalid/fsi.csv", home, monkeypatch)
    assert home.manifest("ofr_fsi") == []
    assert len(pauses) == 2  # it may be the network of this machine, which may come back: asked four times, the second time at once
