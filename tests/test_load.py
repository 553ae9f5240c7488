"""Loading: which rows are added, when each became known, and that the raw tables depend on the landed files alone."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from equal import assert_equal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_store import RawStore

import ingest.load
from ingest.feed import Access, Cadence, Column, Feed, Format, PublicationLag
from ingest.landing import identify
from ingest.load import publication_times
from ingest.reader import delimited
from ingest.source import ReplaySource

NEW_YORK = ZoneInfo("America/New_York")

READINGS = Feed(
    name="readings",
    provider="station",
    title="Readings",
    description="A feed with two formats, one of which lacks a column.",
    url="https://station.example/",
    licence="none",
    cadence=Cadence.DAILY,
    lag=PublicationLag(1, "18:30"),
    key=("code", "observation_date"),
    columns=(
        Column("code", "TEXT", "Station"),
        Column("observation_date", "DATE", "Day"),
        Column("level", "DOUBLE", "Level", minimum=0),
        Column("remark", "TEXT", "Remark", required=False),
    ),
    formats=(
        Format("full", Access.REPLAY, re.compile("^code,observation_date,level,remark"), delimited("^code,"), "All columns"),
        Format("narrow", Access.REPLAY, re.compile("^code,observation_date,level\\s"), delimited("^code,"), "Without remarks"),
    ),
)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def readings(*rows: str, narrow: bool = False) -> str:
    return "\n".join(["code,observation_date,level" + ("" if narrow else ",remark"), *rows]) + "\n"


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path / "landing", [READINGS])


def levels(store: RawStore) -> list[tuple[Any, ...]]:
    return store.rows("select code, level, _available_at, _available_at_source from raw.readings order by code, observation_date, _available_at")


# --- versions ---------------------------------------------------------------------------------------------------------


def test_second_load_adds_nothing(store: RawStore) -> None:
    store.land("readings", "a.csv", readings("A,2026-01-05,1,x", "B,2026-01-05,2,y"))
    first = store.load()
    assert (first.files, first.rows_read, first.rows_loaded) == (1, 2, 2)
    before = store.rows("select * from raw.readings order by all")
    again = store.load()
    assert (again.files, again.rows_read, again.rows_loaded) == (0, 0, 0)
    assert store.rows("select * from raw.readings order by all") == before


def test_only_new_and_changed_rows_are_added(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "B,2026-01-05,2,y"), edition_at=utc(2026, 1, 10))
    file = store.take("readings", "a.csv", readings("A,2026-01-05,1.0,x", "B,2026-01-05,2.5,y", "C,2026-01-09,3,z"), edition_at=utc(2026, 1, 11))
    assert (file["rows_read"], file["rows_loaded"], file["rows_unchanged"], file["rows_quarantined"]) == (3, 2, 1, 0)
    assert len(levels(store)) == 4


def test_a_missing_row_stays_in_force(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "B,2026-01-05,2,y"), edition_at=utc(2026, 1, 10))
    file = store.take("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 11))
    assert (file["rows_loaded"], file["rows_unchanged"]) == (0, 1)
    assert file["message"] == "shrunk from 2 to 1 rows: rows that are missing stay in force"
    assert len(levels(store)) == 2


@pytest.mark.parametrize("at_once", [False, True])
def test_a_value_that_returns_is_a_third_version(store: RawStore, at_once: bool) -> None:
    for day, level in ((10, 1), (11, 2), (12, 1)):
        store.land("readings", "a.csv", readings(f"A,2026-01-05,{level},x"), edition_at=utc(2026, 1, day))
        if not at_once:
            store.load()
    store.load()
    assert levels(store) == [
        ("A", 1.0, datetime(2026, 1, 6, 23, 30), "lag"),  # 18:30 in New York on the next day
        ("A", 2.0, datetime(2026, 1, 11), "edition"),
        ("A", 1.0, datetime(2026, 1, 12), "edition"),
    ]


def test_an_older_edition_never_overrides_a_newer_one(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-05,2,x"), edition_at=utc(2026, 1, 12))
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 10))
    assert [(row[1], row[2]) for row in levels(store)] == [(1.0, datetime(2026, 1, 6, 23, 30)), (2.0, datetime(2026, 1, 12))]
    newer = store.rows("select rows_loaded from meta.file order by edition_at desc limit 1")
    assert newer == [(1,)]


def test_columns_a_format_lacks_keep_the_value_in_force(store: RawStore) -> None:
    store.take("readings", "full.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 10))
    unchanged = store.take("readings", "narrow.csv", readings("A,2026-01-05,1", narrow=True), edition_at=utc(2026, 1, 11))
    assert (unchanged["rows_loaded"], unchanged["rows_unchanged"]) == (0, 1)
    store.take("readings", "narrow.csv", readings("A,2026-01-05,2", narrow=True), edition_at=utc(2026, 1, 12))
    assert store.rows("select level, remark from raw.readings order by _available_at") == [(1.0, "x"), (2.0, "x")]


@pytest.mark.parametrize("at_once", [False, True])
def test_a_value_stated_to_be_missing_is_the_value_in_force(store: RawStore, at_once: bool) -> None:
    for day, content in ((10, readings("A,2026-01-05,1,x")), (11, readings("A,2026-01-05,1,")), (12, readings("A,2026-01-05,2", narrow=True))):
        store.land("readings", f"{day}.csv", content, edition_at=utc(2026, 1, day))
        if not at_once:
            store.load()
    store.load()
    assert store.rows("select level, remark from raw.readings order by _available_at") == [(1.0, "x"), (1.0, None), (2.0, None)]


def test_files_of_one_moment_give_the_same_rows_in_either_order(tmp_path: Path) -> None:
    files = [("one.csv", readings("A,2026-01-05,1,x")), ("two.csv", readings("A,2026-01-05,2,x"))]
    results = []
    for number, order in enumerate((files, files[::-1])):
        store = RawStore(tmp_path / str(number), [READINGS])
        for name, content in order:
            store.take("readings", name, content, edition_at=utc(2026, 1, 10))
        results.append(store.rows("select * from raw.readings order by all"))
    assert results[0] == results[1]


# --- the rules against a slow, obvious reference ------------------------------------------------------------------------


@dataclass(frozen=True)
class Edition:
    """One file: rows by station and day are (level, remark); a narrow file says nothing about remarks."""

    stream: str
    day: int
    hour: int
    narrow: bool
    rows: tuple[tuple[str, int, int, str | None], ...]

    @property
    def name(self) -> str:
        return f"{self.stream}.csv"

    @property
    def edition_at(self) -> datetime:
        return FIRST_DAY + timedelta(days=self.day, hours=self.hour)

    @property
    def content(self) -> bytes:
        days = [(code, (FIRST_DAY + timedelta(days=day)).date(), level, remark) for code, day, level, remark in self.rows]
        lines = [f"{code},{day},{level}" + ("" if self.narrow else f",{remark or ''}") for code, day, level, remark in days]
        return readings(*lines, narrow=self.narrow).encode()


FIRST_DAY = utc(2026, 3, 6)  # New York's clocks go forward on 2026-03-08


@st.composite
def editions(draw: st.DrawFn) -> Edition:
    day = draw(st.integers(1, 8))
    keys = st.tuples(st.sampled_from("AB"), st.integers(max(0, day - 4), day))
    measures = st.tuples(st.integers(1, 2), st.sampled_from([None, "x", "y"]))
    rows = draw(st.dictionaries(keys, measures, min_size=1, max_size=5))
    flat = tuple((code, at, level, remark) for (code, at), (level, remark) in rows.items())
    return Edition(draw(st.sampled_from("pq")), day, draw(st.sampled_from([0, 23])), draw(st.booleans()), flat)


def reference(files: list[tuple[int, Edition]]) -> list[tuple[Any, ...]]:
    """Every version with when it became known, by docs/architecture.md, one row after another."""
    versions: list[tuple[Any, ...]] = []
    in_force: dict[tuple[str, int], tuple[float, str | None]] = {}
    earlier: dict[str, tuple[datetime, int]] = {}  # of a stream: until when its edition before stood, and its first observation so far
    standing: dict[str, tuple[bytes, bool]] = {}
    for file_id, file in sorted(files, key=lambda pair: (pair[1].edition_at, pair[0])):
        if standing.get(file.stream) == (file.content, file.narrow):
            # the edition before still stands
            earlier[file.stream] = (max(file.edition_at, earlier[file.stream][0]), earlier[file.stream][1])
            continue
        standing[file.stream] = (file.content, file.narrow)
        for number, (code, day, level, remark) in enumerate(file.rows, start=1):
            key = (code, day)
            observed = (FIRST_DAY + timedelta(days=day)).date()
            known = in_force.get(key)
            value = (float(level), (known[1] if known else None) if file.narrow else remark)
            due = datetime.combine(observed + timedelta(days=1), time(18, 30), NEW_YORK).astimezone(UTC)
            if known is None:
                before = earlier.get(file.stream)
                late = before is not None and due <= before[0] and day >= before[1]
                available, source = (due, "lag") if due <= file.edition_at and not late else (file.edition_at, "edition")
            elif known != value:
                available, source = file.edition_at, "edition"
            else:
                continue
            in_force[key] = value
            versions.append((code, observed, *value, file_id, number, available.replace(tzinfo=None), source))
        first = min(row[1] for row in file.rows)
        before = earlier.get(file.stream)
        earlier[file.stream] = (file.edition_at, min(first, before[1]) if before else first)
    return sorted(versions, key=repr)


@st.composite
def arriving(draw: st.DrawFn) -> list[tuple[Edition, bool]]:
    """Editions in the order they arrive, and whether they are loaded then. Some are met again on later days."""
    drawn = draw(st.lists(editions(), min_size=1, max_size=4))
    again = [replace(edition, day=edition.day + days) for edition in drawn for days in draw(st.sets(st.integers(1, 4), max_size=2))]
    return [(edition, draw(st.booleans())) for edition in draw(st.permutations(drawn + again))]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arriving())
def test_raw_rows_depend_on_the_landed_files_alone(arrivals: list[tuple[Edition, bool]]) -> None:
    """Editions of two streams arrive in any order and are loaded in any batches; the rows are those of the reference."""
    with tempfile.TemporaryDirectory() as folder:
        store = RawStore(Path(folder), [READINGS])
        files: dict[int, Edition] = {}
        for edition, load_now in arrivals:
            landed = store.land("readings", edition.name, edition.content, edition_at=edition.edition_at, format="narrow" if edition.narrow else "full")
            if landed:
                files[landed.file_id] = edition
            if load_now:
                store.load()
        store.load()
        found = store.rows("select code, observation_date, level, remark, _file_id, _row_number, _available_at, _available_at_source from raw.readings")
        assert sorted(found, key=repr) == reference(list(files.items()))
        for (file_id,) in store.rows("select file_id from meta.file"):
            store.file(file_id)
        store.connection.close()


# --- when a row became known --------------------------------------------------------------------------------------------


def test_a_row_that_an_edition_after_its_due_time_lacked_was_published_late(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "A,2026-01-07,1,x"), edition_at=utc(2026, 1, 10))
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "A,2026-01-06,5,x", "A,2026-01-07,1,x"), edition_at=utc(2026, 1, 20))
    assert ("A", 5.0, datetime(2026, 1, 20), "edition") in levels(store)


def test_an_edition_that_repeats_the_bytes_before_is_that_one_still(store: RawStore) -> None:
    before, other = readings("A,2026-01-05,1,x", "A,2026-01-07,1,x"), readings("A,2026-01-05,9,x")
    first = store.land("readings", "a.csv", before, edition_at=utc(2026, 1, 10))
    store.load()
    store.take("readings", "b.csv", other, edition_at=utc(2026, 1, 12))
    again = store.land("readings", "a.csv", before, edition_at=utc(2026, 1, 18))
    assert first and again and store.load().files == 0
    assert store.file(first.file_id)["seen_until"] == datetime(2026, 1, 18)
    # what another file said since is not taken back
    assert store.rows("select level from raw.readings where observation_date = '2026-01-05' order by _available_at") == [(1.0,), (9.0,)]
    store.take("readings", "a.csv", readings("A,2026-01-06,5,x"), edition_at=utc(2026, 1, 20))
    assert ("A", 5.0, datetime(2026, 1, 20), "edition") in levels(store)


def test_history_before_the_first_observation_of_earlier_editions_is_not_late(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-07,1,x"), edition_at=utc(2026, 1, 10))
    store.take("readings", "a.csv", readings("A,2026-01-05,5,x", "A,2026-01-07,1,x"), edition_at=utc(2026, 1, 20))
    assert ("A", 5.0, datetime(2026, 1, 6, 23, 30), "lag") in levels(store)


def test_an_edition_before_the_lag_says_when_its_rows_were_known(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 6, 12))
    assert levels(store) == [("A", 1.0, datetime(2026, 1, 6, 12), "edition")]


@pytest.mark.parametrize(
    ("observed", "lag", "known"),
    [
        # Juneteenth on the Friday: the Tuesday report comes on Monday
        ("2026-06-16", PublicationLag(3, "15:30", business_days=True), utc(2026, 6, 22, 19, 30)),
        # a Monday report in the week of the 4th of July
        ("2023-07-03", PublicationLag(3, "15:30", business_days=True), utc(2023, 7, 7, 19, 30)),
        # an ordinary Tuesday, in winter
        ("2026-01-06", PublicationLag(3, "15:30", business_days=True), utc(2026, 1, 9, 20, 30)),
        # a Saturday counts as the Friday before
        ("2026-01-10", PublicationLag(1, "08:00", business_days=True), utc(2026, 1, 12, 13, 0)),
        # the day before and the day of the change to summer time, and of the change back
        ("2026-03-07", PublicationLag(0, "18:30"), utc(2026, 3, 7, 23, 30)),
        ("2026-03-08", PublicationLag(0, "18:30"), utc(2026, 3, 8, 22, 30)),
        ("2026-11-01", PublicationLag(0, "18:30"), utc(2026, 11, 1, 23, 30)),
        # a clock time that the change to summer time skips is that of the first moment after it
        ("2026-03-08", PublicationLag(0, "02:30"), utc(2026, 3, 8, 7, 0)),
        # a day only: its end, also on the leap day
        ("2024-02-29", PublicationLag(0, "24:00"), utc(2024, 3, 1, 5, 0)),
        ("1677-01-01", PublicationLag(1, "24:00", "UTC", business_days=True), utc(1677, 1, 5)),
    ],
)
def test_publication_lag(observed: str, lag: PublicationLag, known: datetime) -> None:
    assert publication_times(lag, [date.fromisoformat(observed)])[0].to_pydatetime().replace(tzinfo=UTC) == known


def socrata(*rows: tuple[str, str | None, int], code: str = "13874A") -> str:
    """A Socrata answer: report date, time of creation, open interest."""
    sides = {f"{group}_positions_{side}": "1" for group in ("lev_money", "asset_mgr", "other_rept") for side in ("long", "short")}
    records = [
        {
            **({":created_at": created} if created else {}),
            "report_date_as_yyyy_mm_dd": f"{day}T00:00:00.000",
            "cftc_contract_market_code": code,
            "futonly_or_combined": "FutOnly",
            "open_interest_all": str(interest),
            "dealer_positions_long_all": "1",
            "dealer_positions_short_all": "1",
            **sides,
        }
        for day, created, interest in rows
    ]
    return json.dumps(records)


def test_time_of_creation_is_when_a_report_became_known(tmp_path: Path) -> None:
    from ingest.feeds import FEEDS

    store = RawStore(tmp_path, [FEEDS["cftc_tff"]])
    rows = [
        ("2026-06-16", "2026-06-22T19:30:53.000Z", 10),  # Monday after Juneteenth, to the second
        ("2018-12-24", "2019-02-01T20:30:10.000Z", 20),  # a shutdown: weeks late, and true
        ("2010-06-15", "2022-04-05T03:00:00.000Z", 30),  # a bulk load of old history: the lag says when it was known
        ("2026-06-23", None, 40),
    ]
    store.take("cftc_tff", "cftc_tff.json", socrata(*rows), edition_at=utc(2026, 7, 1))
    store.take("cftc_tff", "cftc_tff.json", socrata(("2026-06-16", "2026-06-22T19:30:53.000Z", 11)), edition_at=utc(2026, 7, 8))
    found = store.rows("select observation_date::varchar, open_interest, _available_at, _available_at_source from raw.cftc_tff order by 1, 2")
    assert found == [
        ("2010-06-15", 30, datetime(2010, 6, 18, 19, 30), "lag"),
        ("2018-12-24", 20, datetime(2019, 2, 1, 20, 30, 10), "provider"),
        ("2026-06-16", 10, datetime(2026, 6, 22, 19, 30, 53), "provider"),
        ("2026-06-16", 11, datetime(2026, 7, 8), "edition"),
        ("2026-06-23", 40, datetime(2026, 6, 26, 19, 30), "lag"),
    ]


def alfred(realtime: tuple[str, str], *rows: tuple[str, str, str]) -> str:
    """An answer of the FRED API: first vintage day, observation date, value."""
    records = [{"realtime_start": start, "realtime_end": "9999-12-31", "date": day, "value": value} for start, day, value in rows]
    return json.dumps({"realtime_start": realtime[0], "realtime_end": realtime[1], "observations": records})


def test_vintages_are_known_at_the_end_of_their_day(tmp_path: Path) -> None:
    from ingest.feeds import FEEDS

    store = RawStore(tmp_path, [FEEDS["fred_series"]])
    answer = alfred(("1776-07-04", "9999-12-31"), ("2026-04-29", "2026-01-01", "100"), ("2026-05-28", "2026-01-01", "101"))
    store.take("fred_series", "observations_GDP_all.json", answer)
    found = store.rows("select value, vintage_date::varchar, _available_at, _available_at_source from raw.fred_series order by 2")
    assert found == [
        (100.0, "2026-04-29", datetime(2026, 4, 30, 5), "provider"),  # midnight in Chicago
        (101.0, "2026-05-28", datetime(2026, 5, 29, 5), "provider"),
    ]


def test_the_day_of_a_request_is_no_vintage(tmp_path: Path) -> None:
    from ingest.feeds import FEEDS

    store = RawStore(tmp_path, [FEEDS["fred_series"]])
    answer = alfred(("2024-06-27", "2024-06-27"), ("2024-06-27", "2024-06-03", "5.35"), ("2024-06-27", "2024-06-04", "."))
    file = store.take("fred_series", "observations_DGS2_one.json", answer)
    assert file["edition_at"] == datetime(2024, 6, 28, 5)  # the end of the day of the request, in Chicago
    found = store.rows("select value, vintage_date, _available_at, _available_at_source from raw.fred_series order by observation_date")
    assert found == [(5.35, None, datetime(2024, 6, 4, 21), "lag"), (None, None, datetime(2024, 6, 5, 21), "lag")]


# --- editions -----------------------------------------------------------------------------------------------------------


def fsi(*rows: str) -> str:
    header = "Date,OFR FSI,Credit,Equity valuation,Safe assets,Funding,Volatility,United States,Other advanced economies,Emerging markets"
    return "\n".join([header, *rows]) + "\n"


def fsi_row(day: str, value: float) -> str:
    return f"{day},{value},0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8"


def replay(folder: Path, files: dict[str, str], manifest: str | None = None) -> RawStore:
    """Files of a replay folder, landed and loaded."""
    from ingest.feeds import FEEDS

    source = folder / "files"
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    if manifest:
        (source / "manifest.csv").write_text(manifest, encoding="utf-8")
    store = RawStore(folder / "landing", [FEEDS["ofr_fsi"], FEEDS["tic_major_foreign_holders"]])
    for provider in ("ofr", "tic"):
        store.landing.land(ReplaySource(source).fetch(provider), "replay")
    store.load()
    return store


def test_edition_of_a_replayed_file(tmp_path: Path) -> None:
    """A line of manifest.csv, else the date in the name, else the newest observation with its lag."""
    files = {
        "a/fsi_asof_20260110.csv": fsi(fsi_row("2026-01-05", 1)),
        "b/fsi_asof_2026-01-12.csv": fsi(fsi_row("2026-01-05", 2)),
        "c/fsi_asof_20260113.csv": fsi(fsi_row("2026-01-05", 3)),
        "d/fsi.csv": fsi(fsi_row("2026-01-05", 4), fsi_row("2026-01-14", 4)),
    }
    store = replay(tmp_path, files, "file,edition\nc/fsi_asof_20260113.csv,2026-01-15T08:00:00\n")
    found = store.rows("select name, edition_at from meta.file order by edition_at")
    assert found == [
        ("fsi_asof_20260110.csv", datetime(2026, 1, 11)),
        ("fsi_asof_2026-01-12.csv", datetime(2026, 1, 13)),
        ("fsi_asof_20260113.csv", datetime(2026, 1, 15, 8)),
        ("fsi.csv", datetime(2026, 1, 16, 17)),  # two business days after 2026-01-14, noon in New York
    ]
    versions = store.rows("select ofr_fsi, _available_at from raw.ofr_fsi where observation_date = '2026-01-05' order by 2")
    assert versions == [
        (1.0, datetime(2026, 1, 7, 17)),
        (2.0, datetime(2026, 1, 13)),
        (3.0, datetime(2026, 1, 15, 8)),
        (4.0, datetime(2026, 1, 16, 17)),
    ]


def test_a_wrong_manifest_line_is_named(tmp_path: Path) -> None:
    from ingest.source import FetchFailed

    with pytest.raises(FetchFailed, match=r"manifest\.csv, line 3"):
        replay(tmp_path, {"fsi.csv": fsi(fsi_row("2026-01-05", 1))}, "file,edition\nfsi.csv,2026-01-15\nfsi.csv,yesterday\n")


def test_a_date_in_a_name_that_is_none_is_named(tmp_path: Path) -> None:
    from ingest.source import FetchFailed

    with pytest.raises(FetchFailed, match=r"fsi_asof_20260230\.csv has no date"):
        replay(tmp_path, {"fsi_asof_20260230.csv": fsi(fsi_row("2026-01-05", 1))})


def test_edition_is_the_date_a_file_states(tmp_path: Path) -> None:
    text = "\tMAJOR FOREIGN HOLDERS OF TREASURY SECURITIES\r\n\t(in billions of dollars)\r\n\r\n"
    text += "\tFeb\tJan\r\nCountry\t2026\t2026\r\n\t------\t------\r\nJapan\t1239.3\t1225.3\r\n\r\nDepartment of the Treasury\r\n4/15/26\r\n"
    store = replay(tmp_path, {"mfhhis01.txt": text})
    # the end of the day in New York
    assert store.rows("select edition_at, status, rows_loaded from meta.file") == [(datetime(2026, 4, 16, 4), "loaded", 2)]


def test_edition_is_never_after_the_file_was_fetched(tmp_path: Path) -> None:
    store = RawStore(tmp_path, [READINGS], fetched_at=utc(2026, 1, 5, 20))
    file = store.take("readings", "a.csv", readings("A,2026-01-05,1,x"))
    assert file["edition_at"] == datetime(2026, 1, 5, 20)
    assert levels(store) == [("A", 1.0, datetime(2026, 1, 5, 20), "edition")]


# --- dates in the future ------------------------------------------------------------------------------------------------


def test_an_observation_of_the_future_is_quarantined(tmp_path: Path) -> None:
    store = RawStore(tmp_path, [READINGS], fetched_at=utc(2026, 1, 5, 20))
    file = store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "A,2026-01-06,2,x", "A,2026-01-07,3,x"))
    assert (file["rows_loaded"], file["rows_quarantined"], file["status"]) == (2, 1, "loaded")
    assert store.reasons() == ["observation_date: 2026-01-07 lies after 2026-01-06, the day after the file was current"]
    # a day later the same bytes are a new edition, and the day has come
    store.fetched_at = utc(2026, 1, 6, 20)
    file = store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "A,2026-01-06,2,x", "A,2026-01-07,3,x"), edition_at=store.fetched_at)
    assert (file["rows_loaded"], file["rows_unchanged"], file["rows_quarantined"]) == (1, 2, 0)


def test_an_edition_holds_nothing_observed_after_it(store: RawStore) -> None:
    file = store.take("readings", "a.csv", readings("A,2026-01-05,1,x", "A,2026-03-01,2,x"), edition_at=utc(2026, 1, 6))
    assert (file["rows_loaded"], file["rows_quarantined"]) == (1, 1)
    assert "2026-03-01 lies after 2026-01-07" in store.reasons()[0]


# --- accounting, crashes, ids, schema ---------------------------------------------------------------------------------


def test_rows_read_are_loaded_quarantined_or_unchanged(store: RawStore) -> None:
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 10))
    rows = ["A,2026-01-05,1,x", "A,2026-01-06,1,x", "A,2026-01-06,1,x", "B,2026-01-06,-1,x", "C,x,1,x", "D,2026-01-06,1,x,more,fields", ",2026-01-06,1,x", ""]
    file = store.take("readings", "a.csv", readings(*rows), edition_at=utc(2026, 1, 11))
    assert (file["rows_read"], file["rows_loaded"], file["rows_unchanged"], file["rows_quarantined"]) == (7, 1, 2, 4)
    assert file["skipped"] == {"header": 1, "blank": 1}
    assert store.rows("select count(*) from meta.quarantine") == [(4,)]


def test_lines_of_editions_that_share_their_bytes_are_counted_in_each(store: RawStore) -> None:
    """They lie at one path and are read together."""
    text = readings("A,2026-01-05,1,x", "B,2026-01-05,1,x,more,fields")
    landed = [store.land("readings", name, text, edition_at=utc(2026, 1, 10)) for name in ("a.csv", "copy.csv")]
    store.load()
    assert [store.file(line.file_id)["rows_read"] for line in landed if line] == [2, 2]
    assert store.rows("select count(distinct file_id), count(*) from meta.quarantine") == [(2, 2)]


@pytest.mark.parametrize("stage", ["_append_versions", "_record_files"])
def test_a_crash_leaves_nothing_and_a_rerun_equals_an_undisturbed_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    stores = [RawStore(tmp_path / name, [READINGS]) for name in ("disturbed", "undisturbed")]
    for store in stores:
        store.take("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 10))
        # an older edition: what is loaded already is deleted and loaded again in the transaction that fails
        store.land("readings", "a.csv", readings("A,2026-01-05,0.5,x", "B,2026-01-05,-1,x"), edition_at=utc(2026, 1, 8))
        store.land("readings", "a.csv", readings("A,2026-01-05,3,x"), edition_at=utc(2026, 1, 12))
    disturbed, undisturbed = stores
    undisturbed.load()
    before = [disturbed.rows(f"select * from {table} order by all") for table in ("raw.readings", "meta.file", "meta.quarantine")]
    original = getattr(ingest.load, stage)

    def fail(*args: Any) -> None:
        original(*args)
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ingest.load, stage, fail)
        with pytest.raises(OSError, match="No space left"):
            disturbed.load()
    assert [disturbed.rows(f"select * from {table} order by all") for table in ("raw.readings", "meta.file", "meta.quarantine")] == before
    disturbed.load()
    connection = disturbed.connection
    connection.register("undisturbed", undisturbed.connection.execute("select * from raw.readings").to_arrow_table())
    assert_equal(connection, "raw.readings", "undisturbed", ["code", "observation_date", "_available_at"])
    assert disturbed.rows("select rows_read, rows_loaded from meta.file order by edition_at") == [(2, 1), (1, 1), (1, 1)]


def test_one_feed_that_fails_leaves_the_others_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(READINGS, name="other")
    store = RawStore(tmp_path, [READINGS, other])
    for feed in ("readings", "other"):
        store.land(feed, "a.csv", readings("A,2026-01-05,1,x"))
    original = ingest.load._append_versions

    def fail_for_other(connection: Any, feed: Feed, outcomes: Any) -> None:
        original(connection, feed, outcomes)
        if feed.name == "other":
            raise RuntimeError("crash")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(ingest.load, "_append_versions", fail_for_other)
        store.load()
    assert store.rows("select (select count(*) from raw.readings), (select count(*) from raw.other)") == [(1, 0)]
    assert store.load().rows_loaded == 1


def test_a_file_id_depends_on_feed_name_content_and_edition_alone(tmp_path: Path) -> None:
    ids = set()
    for folder in ("one", "two"):
        store = RawStore(tmp_path / folder, [READINGS], fetched_at=utc(2026, 5, 1) if folder == "one" else utc(2026, 6, 1))
        landed = store.land("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 10))
        assert landed is not None
        ids.add(landed.file_id)
    assert len(ids) == 1
    parts = [("f", "n", "s", None), ("g", "n", "s", None), ("f", "m", "s", None), ("f", "n", "t", None), ("f", "n", "s", "2026-01-01T00:00:00+00:00")]
    assert len({identify(*part) for part in parts}) == len(parts)
    assert all(0 <= identify(*part) < 2**53 for part in parts)


def test_a_column_that_a_declaration_gains_is_added(tmp_path: Path) -> None:
    before = replace(READINGS, columns=READINGS.columns[:3], formats=READINGS.formats[1:])
    store = RawStore(tmp_path, [before])
    store.take("readings", "a.csv", readings("A,2026-01-05,1", narrow=True), edition_at=utc(2026, 1, 10))
    store.feeds = [READINGS]
    store.take("readings", "a.csv", readings("A,2026-01-05,1,x"), edition_at=utc(2026, 1, 11))
    assert store.rows("select level, remark from raw.readings order by _available_at") == [(1.0, None), (1.0, "x")]


# --- the helper that compares -------------------------------------------------------------------------------------------


def test_equal_shows_the_first_differences(store: RawStore) -> None:
    connection = store.connection
    connection.execute("create table one as select * from (values (1, 1.0::double, 'x'), (2, 2.0, 'y'), (3, null, 'z')) as t(k, v, t)")
    connection.execute("create table near as select k, v * (1 + 1e-10) as v, t from one")
    assert_equal(connection, "one", "near", ["k"])
    connection.execute("create table far as select k, v * (1 + 1e-6) as v, t from one where k < 3 union all select 4, 'nan'::double, 'q'")
    with pytest.raises(AssertionError, match=r"4 rows differ[\s\S]*'k': 1\}: v: 1\.0 / 1\.000001[\s\S]*missing on the right[\s\S]*missing on the left"):
        assert_equal(connection, "one", "far", ["k"])
    with pytest.raises(AssertionError, match="columns differ"):
        assert_equal(connection, "one", "(select k, t from one)", ["k"])
    with pytest.raises(AssertionError, match="more than once"):
        assert_equal(connection, "one", "(from one union all from one)", ["k"])
