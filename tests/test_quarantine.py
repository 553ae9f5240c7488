"""Quarantine: list, release, drop. After every step each file adds up, and a warehouse built again from landing is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.feed import Feed
from ingest.feeds import FEEDS
from ingest.landing import Arrival, Decision, Landing
from ingest.load import create_tables, load_landed
from tests.raw_store import RawStore
from tests.test_cli import run
from tests.test_form_13f import FORM_13F, LINES, A, B, archive, submission
from tests.test_load import READINGS, readings, utc
from warehouse import refresh
from warehouse.connection import connect
from warehouse.settings import load_settings

HEADER = "code,observation_date,level,remark"


def check_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Every file adds up, its loaded rows are in the raw table, and those not taken are in quarantine, released ones apart."""
    rows = connection.execute(
        """
        select file_id, rows_read, rows_loaded, rows_quarantined, rows_unchanged,
               (select count(*) from meta.quarantine as held where held.file_id = file.file_id and held.decision is distinct from 'released')
        from meta.file as file
        """
    ).fetchall()
    for file_id, read, loaded, quarantined, unchanged, held in rows:
        assert read == loaded + quarantined + unchanged, file_id
        assert quarantined == held, file_id
    tables = connection.execute("select distinct feed from meta.file").fetchall()
    stored = [row for (feed,) in tables for row in connection.execute(f"select _file_id, count(*) from raw.{feed} group by 1").fetchall()]
    assert sorted(stored) == sorted((row[0], row[2]) for row in rows if row[2])


RECORDS = (
    "select * exclude (loaded_at, build_id) from meta.file order by all",
    "select * exclude (quarantined_at) from meta.quarantine order by all",
    "select * from meta.decision order by all",
    "select * from meta.filing order by all",
)


def check_rebuild(connection: duckdb.DuckDBPyConnection, feeds: list[Feed], landing: Path) -> None:
    """A warehouse built again from the landed files has the same rows and the same records."""
    with duckdb.connect(config={"threads": 1}) as again:
        load_landed(again, feeds, Landing(landing), "build")
        for sql in (*RECORDS, *(f"select * from raw.{feed.name} order by all" for feed in feeds)):
            assert again.execute(sql).fetchall() == connection.execute(sql).fetchall(), sql


class Home:
    """A home with readings, as the command line sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.landing = Landing(folder / "landing")
        self.feed = "readings"

    def land(self, *rows: str, name: str = "a.csv", day: int = 10, content: str | None = None) -> int:
        """Land and load one edition; returns its file's id."""
        text = content or readings(*rows)
        self.landing.land([Arrival(self.feed, "full", name, text.encode(), utc(2026, 1, day))], "replay")
        self.load()
        return self.landing.manifest(self.feed)[-1].file_id

    def load(self) -> None:
        with connect(load_settings()) as connection:
            load_landed(connection, [FEEDS[self.feed]], self.landing, "build")

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with connect(load_settings(), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def do(self, *arguments: str) -> tuple[int, str, str]:
        """Run `ebbtide quarantine ...`; afterwards every file adds up, and a rebuild gives the same."""
        answer = run("quarantine", *arguments, home=self.folder)
        with connect(load_settings(), read_only=True) as connection:
            check_sums(connection)
            check_rebuild(connection, [FEEDS[self.feed]], self.landing.folder)
        return answer

    def listed(self, *arguments: str) -> list[dict[str, Any]]:
        code, output, errors = self.do("list", "--json", *arguments)
        assert code == 0, errors
        return json.loads(output)  # type: ignore[no-any-return]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setenv("EBBTIDE_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(FEEDS, "readings", READINGS)
    monkeypatch.setenv("LOGNAME", "ada")
    yield Home(tmp_path / "home")


# --- rows ---------------------------------------------------------------------------------------------------------------


def test_a_row_below_its_bound_is_released(home: Home) -> None:
    file_id = home.land("A,2026-01-05,1,x", "B,2026-01-05,-3,y", "C,2026-01-05,-4,z")
    held = home.listed()
    assert [(row["file_id"], row["row"], row["can_be_released"], row["reason"]) for row in held] == [
        (file_id, 2, True, "level: -3 is below 0"),
        (file_id, 3, True, "level: -4 is below 0"),
    ]
    code, output, errors = home.do("release", str(file_id), "--row", "2", "--why", "a level below the datum is real")
    assert (code, errors) == (0, "")
    assert f"a.csv of feed readings (file {file_id}): 3 rows read = 2 loaded + 1 quarantined + 0 unchanged; 1 rows undecided" in output
    assert home.rows("select code, level, _row_number from raw.readings order by 1") == [("A", 1.0, 1), ("B", -3.0, 2)]
    assert [row["row"] for row in home.listed()] == [3]
    (decided,) = home.listed("--decided")
    assert (decided["row"], decided["decision"], decided["by"], decided["why"]) == (2, "released", "ada", "a level below the datum is real")
    assert json.loads(decided["content"])["level"] == "-3"
    # what is wrong with it stays on record
    assert home.rows("select reason, decision from meta.quarantine where row_number = 2") == [("level: -3 is below 0", "released")]
    code, _, errors = home.do("release", str(file_id), "--row", "2", "--why", "again")
    assert code == 2 and "row 2 of a.csv" in errors and "was released before, by ada on 20" in errors and "(a level below the datum is real)" in errors
    # a release is taken back by a drop, and that by a release
    assert home.do("drop", str(file_id), "--row", "2", "--why", "was not real")[0] == 0
    assert home.rows("select code from raw.readings") == [("A",)]
    assert home.do("release", str(file_id), "--row", "2", "--why", "real after all")[0] == 0
    assert len(home.rows("from raw.readings")) == 2
    assert len(home.listed("--decided")) == 3


def test_a_row_that_cannot_be_read_is_not_released(home: Home) -> None:
    file_id = home.land("A,2026-01-05,1,x", "B,2026-01-05,many,y", ",2026-01-05,1,y", "D,2026-03-05,1,y", "E,2026-01-05,1,y,more", "F,2026-01-05,inf,y")
    held = {row["row"]: row for row in home.listed()}
    assert {row["can_be_released"] for row in held.values()} == {False}
    reasons = {2: "many is not a number", 3: "code is missing", 4: "lies after", 6: "Expected Number of Columns", 6.5: "not a finite number"}
    for number, reason in reasons.items():
        code, _, errors = home.do("release", "a.csv", "--row", str(int(number)), "--why", "please")
        if number == 6.5:
            continue  # the record behind the line that cannot be split has the number of that line
        assert code == 2 and "cannot be released, because it cannot be read" in errors and reason in errors, errors
    code, _, errors = home.do("release", "a.csv", "--every-row", "--why", "please")
    assert code == 2 and "no undecided row" in errors and "that can be released" in errors
    code, _, errors = home.do("release", "a.csv", "--row", "1", "--why", "please")
    assert code == 2 and f"row 1 of a.csv of feed readings (file {file_id}) is not in quarantine" in errors
    assert home.listed("--decided") == []
    assert home.do("drop", "a.csv", "--every-row", "--why", "nonsense")[0] == 0
    assert home.listed() == []
    assert home.rows("select rows_read, rows_loaded, rows_quarantined, status from meta.file") == [(6, 1, 5, "loaded")]


def test_one_of_several_rows_with_one_key_is_released(home: Home) -> None:
    home.land("A,2026-01-05,1,x", "A,2026-01-05,2,x", "A,2026-01-05,1,x", "B,2026-01-05,1,x")
    held = home.listed()
    assert [json.loads(row["content"])["level"] for row in held] == ["1", "2", "1"]
    code, output, _ = home.do("release", "a.csv", "--row", "2", "--why", "the second line corrects the first")
    assert code == 0 and "4 rows read = 2 loaded + 2 quarantined + 0 unchanged" in output
    assert home.rows("select code, level from raw.readings order by 1") == [("A", 2.0), ("B", 1.0)]
    code, _, errors = home.do("release", "a.csv", "--row", "3", "--why", "this one too")
    assert code == 2 and "rows 2 and 3 of a.csv" in errors and "have the same key" in errors
    assert home.do("drop", "a.csv", "--row", "2", "--why", "the first is right")[0] == 0
    assert home.do("release", "a.csv", "--row", "1", "--why", "the first is right")[0] == 0
    assert home.rows("select code, level from raw.readings order by 1") == [("A", 1.0), ("B", 1.0)]


def test_a_released_row_is_taken_for_its_key_and_a_rival_is_not_lost(home: Home) -> None:
    home.land("A,2026-01-05,5,x", "A,2026-01-05,-1,x", "B,2026-01-05,1,x")
    assert home.rows("select code, level from raw.readings order by 1") == [("A", 5.0), ("B", 1.0)]
    code, output, _ = home.do("release", "a.csv", "--row", "2", "--why", "the sign is right")
    assert code == 0 and "3 rows read = 2 loaded + 1 quarantined" in output
    assert home.rows("select code, level from raw.readings order by 1") == [("A", -1.0), ("B", 1.0)]
    assert [(row["row"], row["reason"]) for row in home.listed()] == [(1, "the key stands more than once with different values")]


def test_a_release_stands_in_the_order_of_editions(home: Home) -> None:
    """The version of a released row lies between those of the editions before and after its own."""
    home.land("A,2026-01-05,1,x", day=10)
    home.land("A,2026-01-05,-2,x", day=11)
    home.land("A,2026-01-05,1,x", day=12)
    assert home.rows("select level from raw.readings") == [(1.0,)]
    first, second, third = (landed.file_id for landed in home.landing.manifest("readings"))
    assert home.do("release", str(second), "--row", "1", "--why", "it was so for a day")[0] == 0
    found = home.rows("select level, _file_id, _available_at from raw.readings order by _available_at")
    assert [row[:2] for row in found] == [(1.0, first), (-2.0, second), (1.0, third)]
    assert [row[2].day for row in found[1:]] == [11, 12]
    # a file that was loaded anew belongs to the next build
    assert home.rows("select build_id from meta.file where build_id is not null") == [("build",)]
    home.load()
    assert home.rows("select distinct build_id from meta.file") == [("build",)]


def test_an_older_edition_that_arrives_late_keeps_what_was_decided(home: Home) -> None:
    file_id = home.land("A,2026-01-05,-1,x", "B,2026-01-05,-1,x", "C,2026-01-05,1,x", day=11)
    home.do("release", str(file_id), "--row", "1", "--why", "right")
    home.do("drop", str(file_id), "--row", "2", "--why", "wrong")
    home.land("A,2026-01-05,3,x", "C,2026-01-05,1,x", day=8)
    assert home.rows("select code, level from raw.readings order by code, _available_at") == [("A", 3.0), ("A", -1.0), ("C", 1.0)]
    assert home.listed() == []


def test_a_decision_is_about_the_row_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file is read otherwise one day, its decisions do not fall on other rows."""
    file_id = home.land("A,2026-01-05,-1,x", "B,2026-01-05,-1,x")
    line = home.rows("select line from meta.quarantine where row_number = 2")[0][0]
    home.landing.decide("readings", [Decision(file_id, 1, line, "released", "of another row", "ada", "2026-10-01T00:00:00+00:00")])
    home.load()
    assert home.rows("select count(*) from raw.readings") == [(0,)]
    assert [row["row"] for row in home.listed()] == [None, 1, 2]


# --- files ----------------------------------------------------------------------------------------------------------------


def test_a_file_is_read_again_after_its_feed_was_corrected(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setitem(FEEDS, "readings", replace(READINGS, formats=READINGS.formats[:1]))
        file_id = home.land(content="code,observation_date,level\nA,2026-01-05,1\nB,2026-01-05,-1\n")
        (held,) = home.listed()
        assert (held["file_id"], held["row"]) == (file_id, None) and "not in a format of feed readings" in held["reason"]
        code, _, errors = home.do("release", "a.csv", "--why", "try again")
        assert code == 1 and "still cannot be taken" in errors
    code, output, _ = home.do("release", "a.csv", "--why", "narrow files are declared now")
    assert code == 0 and "2 rows read = 1 loaded + 1 quarantined" in output
    assert home.rows("select code from raw.readings") == [("A",)]
    code, _, errors = home.do("drop", "a.csv", "--why", "x")
    assert code == 2 and "1 of its rows are in quarantine: name them with --row, or all of them with --every-row" in errors
    assert home.do("release", "a.csv", "--every-row", "--why", "right")[0] == 0
    code, _, errors = home.do("release", "a.csv", "--why", "x")
    assert code == 2 and "nothing of it waits in quarantine" in errors


def test_a_file_that_was_dropped_stays_out_and_stays_landed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    good = home.land("A,2026-01-05,1,x", day=10)
    bad = home.land(content="<html>Service unavailable</html>", day=11)
    worse = home.land("A,2026-01-05,-1,x", "B,2026-01-05,-1,x", day=12)
    assert {row["file_id"] for row in home.listed()} == {bad, worse}
    landed = next(line for line in home.landing.manifest("readings") if line.file_id == bad)
    code, output, _ = home.do("drop", landed.sha256[:8].upper(), "--why", "an error page")
    assert code == 0 and "dropped: " in output
    assert home.do("drop", str(worse), "--why", "not data")[0] == 0
    assert home.listed() == []
    assert home.rows("select file_id, status, rows_read, rows_quarantined from meta.file order by edition_at") == [
        (good, "loaded", 1, 0),
        (bad, "dropped", 0, 0),
        (worse, "dropped", 2, 2),
    ]
    assert home.landing.path(landed).exists()
    code, _, errors = home.do("drop", str(bad), "--why", "x")
    assert code == 2 and "was dropped before, by ada on 20" in errors and "(an error page)" in errors
    code, _, errors = home.do("release", str(worse), "--row", "1", "--why", "x")
    assert code == 2 and "was dropped whole by ada" in errors and "release the file first" in errors
    # even where its rows could be taken now
    columns = tuple(replace(column, minimum=None) for column in READINGS.columns)
    monkeypatch.setitem(FEEDS, "readings", replace(READINGS, columns=columns))
    home.land("A,2026-01-04,2,x", name="late.csv", day=9)
    assert home.rows(f"select count(*) from raw.readings where _file_id = {worse}") == [(0,)]
    assert home.do("release", str(worse), "--why", "there is no bound")[0] == 0
    assert home.rows(f"select status, rows_loaded from meta.file where file_id = {worse}") == [("loaded", 2)]


def test_a_loaded_file_that_is_wrong_is_taken_out_as_if_it_had_not_come(home: Home) -> None:
    home.land("A,2026-01-05,1,x", "B,2026-01-05,2,y", name="a.csv")
    before = home.rows("from raw.readings order by all")
    wrong = home.land("A,2026-01-05,100,x", "C,2026-01-05,3,z", name="a.csv", day=11)
    assert len(home.rows("from raw.readings")) == 4
    code, _, errors = home.do("drop", str(wrong), "--why", "in another unit")
    assert code == 2 and "is loaded" in errors and "--loaded" in errors
    code, _, errors = home.do("drop", str(wrong), "--loaded", "--row", "1", "--why", "in another unit")
    assert code == 2 and "whole file" in errors
    code, output, errors = home.do("drop", str(wrong), "--loaded", "--why", "in another unit")
    assert (code, errors) == (0, "") and "2 rows read = 0 loaded + 2 quarantined + 0 unchanged" in output
    assert home.rows("from raw.readings order by all") == before
    assert home.listed() == []
    # the next edition is compared with what is in force without it
    home.land("A,2026-01-05,1,x", "C,2026-01-05,3,z", name="a.csv", day=12)
    assert home.rows("select code, level from raw.readings order by 1") == [("A", 1.0), ("B", 2.0), ("C", 3.0)]
    assert home.do("release", str(wrong), "--why", "was right after all")[0] == 0
    assert home.rows("select level from raw.readings where code = 'A' order by _available_at") == [(1.0,), (100.0,), (1.0,)]


def test_files_are_named_by_id_hash_or_name(home: Home) -> None:
    first = home.land("A,2026-01-05,-1,x", day=10)
    second = home.land("A,2026-01-05,-2,x", day=11)
    code, _, errors = home.do("drop", "a.csv", "--why", "x")
    assert code == 2 and f"2 files go by 'a.csv': name one by its id: {first} (readings, " in errors and str(second) in errors
    for nothing in ("b.csv", "1", "abc"):
        code, _, errors = home.do("drop", nothing, "--why", "x")
        assert code == 2 and f"begins with '{nothing}'; see `ebbtide quarantine list`" in errors
    code, _, errors = home.do("drop", str(first), "--feed", "ofr_fsi", "--why", "x")
    assert code == 2 and "no file of feed ofr_fsi" in errors
    code, _, errors = home.do("drop", str(first), "--feed", "ofr", "--why", "x")
    assert code == 2 and "no feed 'ofr'" in errors
    code, _, errors = home.do("drop", str(first), "--why", " ")
    assert code == 2 and "say why" in errors
    assert home.do("drop", str(first))[0] == 2
    assert home.do("drop", str(first), "--row", "1", "--every-row", "--why", "x")[0] == 2
    assert home.do("drop", str(first), "--why", "x")[0] == 0
    # the name alone says which is meant as soon as one is left
    home.do("release", str(second), "--row", "1", "--why", "x")
    assert home.rows("select decision from meta.quarantine order by 1") == [("dropped",), ("released",)]


def test_without_a_warehouse_it_says_so(tmp_path: Path) -> None:
    code, _, errors = run("quarantine", "drop", "a.csv", "--why", "x", home=tmp_path / "none")
    assert code == 2 and "no warehouse" in errors


# --- records --------------------------------------------------------------------------------------------------------------


def test_a_torn_decision_is_passed_over_and_the_next_one_holds(home: Home) -> None:
    file_id = home.land("A,2026-01-05,-1,x", "B,2026-01-05,-2,x")
    path = home.landing.folder / "readings" / "decisions.jsonl"
    path.write_bytes(b'{"file_id": 1, "row_nu')
    assert home.do("release", str(file_id), "--row", "1", "--why", "right")[0] == 0
    assert [decision.row_number for decision in home.landing.decisions("readings")] == [1]
    assert home.rows("select code from raw.readings") == [("A",)]


def test_a_decision_written_before_a_crash_is_applied_by_the_next_load(home: Home) -> None:
    file_id = home.land("A,2026-01-05,-1,x")
    line = home.rows("select line from meta.quarantine")[0][0]
    home.landing.decide("readings", [Decision(file_id, 1, line, "released", "right", "ada", "2026-10-01T00:00:00+00:00")])
    home.load()
    assert home.rows("select code from raw.readings") == [("A",)]
    loaded_at = home.rows("select loaded_at from meta.file")
    home.load()
    assert home.rows("select loaded_at from meta.file") == loaded_at  # and only once


def test_a_warehouse_of_an_older_version_is_taken_up(home: Home) -> None:
    file_id = home.land("A,2026-01-05,-1,x", "B,2026-01-05,1,x")
    with connect(load_settings()) as connection:
        connection.execute("alter table meta.quarantine drop column decision")
        connection.execute("alter table meta.quarantine drop column can_be_released")
        connection.execute("alter table meta.quarantine add column released_at timestamp")
        connection.execute("drop table meta.decision")
    code, _, errors = run("quarantine", "list", home=home.folder)
    assert code == 2 and "made by an older version: run `make refresh` once" in errors
    home.load()
    assert [(row["file_id"], row["row"], row["can_be_released"]) for row in home.listed()] == [(file_id, 1, True)]


def test_a_build_as_of_an_earlier_day_has_what_was_released(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_SOURCE", "replay:" + str(home.folder))
    home.folder.mkdir()
    refresh.open_build()
    early = home.land("A,2026-01-05,-1,x", "B,2026-01-05,-2,x", day=10)
    late = home.land("A,2026-01-05,-7,x", day=20)
    for file_id in (early, late):
        assert home.do("release", str(file_id), "--row", "1", "--why", "right")[0] == 0
    monkeypatch.setenv("EBBTIDE_AS_OF", "2026-01-15T00:00:00Z")
    refresh.open_build()
    refresh.load()
    with connect(refresh.build_settings(), read_only=True) as connection:
        assert connection.execute("select code, level from raw.readings").fetchall() == [("A", -1.0)]
        assert connection.execute("select file_id, row_number, decision from meta.quarantine order by 2").fetchall() == [
            (early, 1, "released"),
            (early, 2, None),
        ]
        assert connection.execute("select file_id, row_number, decision from meta.decision").fetchall() == [(early, 1, "released")]


# --- lines of filings -----------------------------------------------------------------------------------------------------

HOLDINGS = [feed for feed in FORM_13F if feed.name == "sec_13f_holding"]


def decide(store: RawStore, file_id: int, number: int | None, line: str | None, decision: Any) -> None:
    store.landing.decide("sec_13f_holding", [Decision(file_id, number, line, decision, "why", "ada", "2026-10-01T00:00:00+00:00")])
    store.load()
    check_sums(store.connection)
    check_rebuild(store.connection, list(store.feeds), store.folder)


@pytest.fixture
def filings(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path / "landing", FORM_13F)


def test_a_line_of_a_filing_that_loads_straight_is_released_and_dropped(filings: RawStore) -> None:
    bad = f"{A}\t22\tHARBOUR CO\tCOM\t00012A105\t\t-5\t1\tSH\t\tSOLE\t\t1\t0\t0"
    lost = f"{A}\t\tHARBOUR CO\tCOM\t00012A105\t\t5\t1\tSH\t\tSOLE\t\t1\t0\t0"
    filings.land("sec_13f_filing", "2023q1_form13f.zip", archive((*LINES, bad, lost)))
    filings.load()
    held = filings.rows("select file_id, row_number, line, can_be_released from meta.quarantine order by row_number")
    assert [row[1::2] for row in held] == [(22, True), (None, False)]
    file_id, _, line, _ = held[0]
    decide(filings, file_id, 22, line, "released")
    assert filings.rows("select value from raw.sec_13f_holding where line_id = 22") == [(-5.0,)]
    assert filings.file(file_id)["rows_loaded"] == len(LINES) + 1
    decide(filings, file_id, 22, line, "dropped")
    assert filings.rows("select count(*) from raw.sec_13f_holding") == [(len(LINES),)]
    assert filings.rows("select row_number, decision from meta.quarantine order by 1") == [(22, "dropped"), (None, None)]


def test_a_straight_file_that_was_dropped_gives_its_filings_to_a_later_one(filings: RawStore) -> None:
    filings.land("sec_13f_filing", "2023q1_form13f.zip", archive(), edition_at=datetime(2023, 6, 1, tzinfo=UTC))
    filings.load()
    filings.land("sec_13f_filing", "2023q2_form13f.zip", archive((*LINES, LINES[0].replace("\t11\t", "\t99\t"))), edition_at=datetime(2023, 9, 1, tzinfo=UTC))
    filings.load()
    files = filings.rows("select file_id, rows_loaded, rows_unchanged from meta.file where feed = 'sec_13f_holding' order by edition_at")
    assert [row[1:] for row in files] == [(3, 0), (0, 4)]
    decide(filings, files[0][0], None, None, "dropped")
    files = filings.rows(
        "select file_id, status, rows_loaded, rows_quarantined, rows_unchanged from meta.file where feed = 'sec_13f_holding' order by edition_at"
    )
    assert [row[1:] for row in files] == [("dropped", 0, 3, 0), ("loaded", 4, 0, 0)]
    decide(filings, files[0][0], None, None, "released")
    files = filings.rows("select rows_loaded, rows_unchanged from meta.file where feed = 'sec_13f_holding' order by edition_at")
    assert files == [(3, 0), (0, 4)]


def test_a_line_of_a_single_filing_is_released(filings: RawStore) -> None:
    text = submission(B, "13F-HR", 2)
    found = re.search(r"<value>(\d+)</value>|<ns1:value>(\d+)</ns1:value>|<\w+:value>(\d+)</\w+:value>", text)
    assert found is not None
    filings.land("sec_13f_filing", f"{B}.txt", text.replace(found[0], found[0].replace(">", ">-", 1), 1))
    filings.load()
    ((file_id, number, line, can),) = filings.rows("select file_id, row_number, line, can_be_released from meta.quarantine where feed = 'sec_13f_holding'")
    assert can
    lines = filings.file(file_id)["rows_loaded"]
    decide(filings, file_id, number, line, "released")
    assert filings.file(file_id)["rows_loaded"] == lines + 1
    assert filings.rows("select count(*) from raw.sec_13f_holding where value < 0") == [(1,)]


# --- property -------------------------------------------------------------------------------------------------------------

ROW = st.builds(
    "{},2026-01-0{},{},x{}".format,
    st.sampled_from("AB"),
    st.sampled_from("56"),
    st.sampled_from(("1", "2", "-1", "-2", "many", "")),
    st.sampled_from(("", "", "", ",more")),
)
EDITION = st.tuples(st.integers(8, 14), st.one_of(st.lists(ROW, min_size=1, max_size=5), st.just(["no table"])))
STEP = st.one_of(EDITION, st.tuples(st.sampled_from(("released", "dropped")), st.integers(0, 20), st.booleans()))


def expected(editions: list[tuple[int, list[str] | None]], decided: dict[tuple[int, int | None, bool], str]) -> list[tuple[int, int, int, int, int]]:
    """Rows read, loaded, quarantined and unchanged of each file, worked out row by row; `editions` stand in their order.

    `decided` has what holds for a file (no number), a record (its number) or a line that cannot be split (its number, true).
    """
    in_force: dict[tuple[str, str], str] = {}
    counts = []
    for file_id, rows in editions:
        records = [row.split(",") for row in rows or [] if row.count(",") == 3]
        split = [(at, (code, day), level) for at, (code, day, level, _) in enumerate(records, 1)]
        dropped = decided.get((file_id, None, False)) == "dropped"
        readable = [record for record in split if record[2] != "many" and not dropped]
        sound = [record for record in readable if not record[2].startswith("-")]
        disputed = {key for _, key, level in sound if any(other != level for _, same, other in sound if same == key)}
        released = {at for at, key, level in readable if (level.startswith("-") or key in disputed) and decided.get((file_id, at, False)) == "released"}
        taken = [record for record in readable if record[0] in released or (record in sound and record[1] not in disputed)]
        first: dict[tuple[str, str], str] = {}
        for _, key, level in sorted(taken, key=lambda record: (record[0] not in released, record[0])):
            first.setdefault(key, level)
        kept = [(key, level) for _, key, level in taken if first[key] == level]
        new = {key for key, level in first.items() if in_force.get(key, "none") != level}
        in_force |= first
        counts.append((file_id, len(rows or []), len(new), len(rows or []) - len(kept), len(kept) - len(new)))
    return counts


@settings(max_examples=12, deadline=None, derandomize=True)
@given(steps=st.lists(STEP, min_size=2, max_size=8))
def test_files_add_up_after_any_steps(steps: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Editions old and new, releases and drops, in any order: each file has the counts that it should, and the rebuild is the same after all."""
    store = RawStore(tmp_path_factory.mktemp("landing"), [READINGS])
    create_tables(store.connection, [READINGS])
    editions: dict[int, tuple[int, list[str] | None]] = {}
    decided: dict[tuple[int, int | None, bool], str] = {}
    for at, step in enumerate(steps):
        if isinstance(step[0], int):
            day, rows = step
            is_table = rows != ["no table"]
            landed = store.land("readings", "a.csv", readings(*rows) if is_table else "no table", edition_at=utc(2026, 1, day))
            if landed:
                editions[landed.file_id] = (day, rows if is_table else None)
        else:
            verb, pick, whole = step
            rows = "select file_id, row_number, line from meta.quarantine"
            found = store.rows(f"select distinct file_id, null, null from meta.file union all {rows} order by all" if whole else f"{rows} order by all")
            if not found:
                continue
            file_id, number, line = found[pick % len(found)]
            decided[file_id, number, line is not None and not line.startswith("{")] = verb
            moment = (utc(2026, 10, 1) + timedelta(minutes=at)).isoformat()
            store.landing.decide("readings", [Decision(file_id, number, line, verb, "why", "ada", moment)])
        store.load()
        check_sums(store.connection)
        counted = store.rows("select file_id, rows_read, rows_loaded, rows_quarantined, rows_unchanged from meta.file order by edition_at, file_id")
        in_order = [(file_id, editions[file_id][1]) for file_id in sorted(editions, key=lambda file_id: (editions[file_id][0], file_id))]
        # one that repeats the bytes before is that one still
        counts = [in_order[0], *(edition for before, edition in pairwise(in_order) if edition[1] != before[1])] if in_order else []
        assert counted == expected(counts, decided)
    check_rebuild(store.connection, [READINGS], store.folder)
