"""The lake: the sample world loaded by four workers at once and built in it equals the one in files; crashes, snapshots, upkeep, object storage."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests

from ingest.feeds import FEEDS, PROVIDERS, feeds_of
from tests.conftest import FIRST_YEAR, ROOT, command, environment
from tests.equal import assert_equal
from tests.postgres import Server, free_ports, running_server
from warehouse.connection import Busy
from warehouse.lake import EXTENSIONS, Lake, LakeFailed, Storage, _extension, maintain, publish_marts, published_snapshots, restore_marts

pytestmark = pytest.mark.lake

WITHIN = 900  # seconds, on a machine that is busy
WORKERS = 4

_NUMBERS = count()

OPEN = """
from warehouse import refresh

print(refresh.open_build())
"""

LOAD = """
import sys
from warehouse import refresh
print(refresh.load(build_id=sys.argv[1], feeds=sys.argv[2].split(","))["rows_loaded"])
"""

# What a reader sees while others load: for every feed that has any file, as many rows as its files say.
READ = """
import sys, time
from warehouse.connection import connect
from warehouse.settings import load_settings

looked = 0
while True:
    with connect(load_settings(), read_only=True) as connection:
        feeds = connection.execute("select feed, sum(rows_loaded)::bigint from meta.file group by feed").fetchall()
        connection.execute("begin")
        for feed, rows in connection.execute("select feed, sum(rows_loaded)::bigint from meta.file group by feed").fetchall():
            found = connection.execute(f'select count(*) from raw."{feed}"').fetchone()[0]
            assert found == rows, (feed, found, rows)
        connection.execute("commit")
    looked += 1
    print(looked, len(feeds), flush=True)
    time.sleep(2)
"""

BUILD = """
import json, sys
from warehouse import refresh
build = sys.argv[1]
refresh.build_models("staging", build_id=build)
refresh.build_models("marts", build_id=build)
print(json.dumps({stage: refresh.gate(stage, build_id=build) for stage in ("raw", "staging", "marts")}))
refresh.publish(build_id=build)
"""

# A worker that is killed when all is written and nothing is committed yet.
HANG = """
import sys, time
import ingest.load
from warehouse import refresh

record = ingest.load._record_decisions

def hang(*args):
    record(*args)
    print("written", flush=True)
    time.sleep(600)

ingest.load._record_decisions = hang
refresh.load(build_id=sys.argv[1], feeds=sys.argv[2].split(","))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        server.run("create role keeper login password 'a secret, of the lake'")
        yield server


def url(server: Server, database: str) -> str:
    return f"postgresql://keeper:a%20secret%2C%20of%20the%20lake@127.0.0.1:{server.port}/{database}"


@pytest.fixture
def lake(server: Server, tmp_path: Path) -> Lake:
    """A lake of its own, which nothing has been written to."""
    name = f"lake_{tmp_path.name[-30:].lower().replace('-', '_')}"
    server.run(f'create database "{name}" owner keeper')
    return Lake(url(server, name), str(tmp_path / "lake"))


class Home:
    """A home whose warehouse is a lake, and the programs that work in it."""

    def __init__(self, folder: Path, lake: Lake) -> None:
        self.folder = folder
        self.lake = lake
        self.settings: dict[str, str] = {}

    @property
    def environment(self) -> dict[str, str]:
        return environment(self.folder, LAKE_URL=self.lake.catalogue, SAMPLE_FIRST_YEAR=FIRST_YEAR, **self.settings)

    def start(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        # in a file: DuckDB takes `python -c` for a person and shows a bar
        file = self.folder.parent / f"program_{next(_NUMBERS)}.py"
        file.write_text(program, encoding="utf-8")
        return subprocess.Popen([sys.executable, str(file), *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, program: str, *arguments: str) -> str:
        return ended(self.start(program, *arguments))

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command(*arguments, home=self.folder, LAKE_URL=self.lake.catalogue)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            self.lake.attach(connection, read_only=True)
            connection.execute("use warehouse")
            return connection.execute(sql).fetchall()


def ended(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=WITHIN)
    assert process.returncode == 0, output + errors
    return output


def landed_again(sample_home: Path, folder: Path) -> None:
    """The landed files of the sample world in a home of their own, which is a lake's."""
    folder.mkdir(parents=True)
    shutil.copytree(sample_home / "landing", folder / "landing", copy_function=os.link)
    shutil.copy(sample_home / "home.json", folder / "home.json")


@pytest.fixture(scope="module")
def built(server: Server, sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The sample world in a lake: loaded by workers side by side, while a reader looks, then built, checked and published."""
    server.run("create database sample owner keeper")
    folder = tmp_path_factory.mktemp("lake") / "home"
    landed_again(sample_home, folder)
    home = Home(folder, Lake(url(server, "sample"), str(folder / "lake")))
    build_id = home.run(OPEN).strip()
    shares = [",".join(feed.name for provider in PROVIDERS[number::WORKERS] for feed in feeds_of(provider)) for number in range(WORKERS)]
    reader = home.start(READ)
    workers = [home.start(LOAD, build_id, share) for share in shares]
    rows = [int(ended(worker).splitlines()[-1]) for worker in workers]
    reader.terminate()
    seen, errors = reader.communicate(timeout=WITHIN)
    gates = json.loads(home.run(BUILD, build_id).splitlines()[-1])
    return {"home": home, "build_id": build_id, "rows": rows, "seen": seen.splitlines(), "reader": (reader.returncode, errors), "gates": gates}


def test_workers_load_side_by_side_what_one_process_loads(built: dict[str, Any], sample_home: Path) -> None:
    assert all(built["rows"])
    with duckdb.connect() as connection:
        built["home"].lake.attach(connection, "lake", read_only=True)
        connection.execute(f"attach '{sample_home / 'warehouse.duckdb'}' as file (read_only)")
        for name in FEEDS:
            columns = "columns(lambda c: c <> '_row_number')" if FEEDS[name].filing_of else "*"
            for one, other in (("lake", "file"), ("file", "lake")):
                missing = f'select count(*) from (select {columns} from {one}.raw."{name}" except all select {columns} from {other}.raw."{name}")'
                assert connection.execute(missing).fetchone() == (0,), f"{name}: rows of the {one} that the {other} has not"
        columns = "file_id, feed, name, status, message, rows_read, rows_loaded, rows_quarantined, rows_unchanged, skipped, first_observation"
        assert connection.execute(f"select {columns} from lake.meta.file except select {columns} from file.meta.file").fetchall() == []


def test_a_reader_sees_whole_loads_only(built: dict[str, Any]) -> None:
    # it looks until it is told to end: never were there other rows than the record of files tells of
    assert built["reader"][0] == -signal.SIGTERM, built["reader"]
    feeds = [int(line.split()[1]) for line in built["seen"]]
    assert feeds == sorted(feeds) and len(set(feeds)) > 2, "it saw the feeds come"


def test_marts_built_in_the_lake_equal_those_of_files(built: dict[str, Any], sample_home: Path) -> None:
    assert {stage: found["checks"] > 100 for stage, found in built["gates"].items()} == dict.fromkeys(("raw", "staging", "marts"), True)
    with duckdb.connect() as connection:
        built["home"].lake.attach(connection, "lake", read_only=True)
        connection.execute(f"attach '{sample_home / 'published' / 'current.duckdb'}' as file (read_only)")
        keys = connection.execute("select model, list(column_name order by position) from file.meta.key_column group by all order by all").fetchall()
        marts = [(model, key) for model, key in keys if not model.startswith(("meta.", "quality."))]
        assert len(marts) > 30
        for model, key in marts:
            assert_equal(connection, f"lake.{model}", f"file.{model}", key)
        comments = "select schema_name, table_name, column_name, comment from duckdb_columns() where database_name = '{}' and schema_name = 'signals'"
        assert connection.execute(f"{comments.format('lake')} except {comments.format('file')}").fetchall() == []


def test_a_published_build_is_one_snapshot_of_the_whole_lake(built: dict[str, Any]) -> None:
    home = built["home"]
    with duckdb.connect() as connection:
        home.lake.attach(connection)
        connection.execute("use warehouse")
        (first,) = published_snapshots(connection)
        assert first.build_id == built["build_id"]
        index = "select observation_date, retreat_index from warehouse.signals.fct_retreat_index_daily order by 1 desc limit 1"
        before = connection.execute(index).fetchall()
        # the next build: another figure, a mart less, a mart more
        connection.execute("attach ':memory:' as mart; create schema mart.signals")
        connection.execute("create table mart.signals.fct_retreat_index_daily as select date '2030-01-01' as observation_date, 1.5 as retreat_index")
        connection.execute("create table mart.signals.fct_new as select 1 as one")
        connection.execute("begin")
        publish_marts(connection, "29990101T000000000Z", "mart")
        connection.execute("commit")
        assert connection.execute(index).fetchall() == [(datetime(2030, 1, 1).date(), 1.5)]
        assert [each.build_id for each in published_snapshots(connection)] == [built["build_id"], "29990101T000000000Z"]
        with duckdb.connect() as other:
            home.lake.attach(other, read_only=True, snapshot=first.snapshot)
            assert other.execute(index).fetchall() == before, "the state of the build before can be read beside"
            assert other.execute("select count(*) > 0 from warehouse.staging.stg_fred__observation").fetchone() == (True,)
        restore_marts(home.lake, connection, built["build_id"])
        assert connection.execute(index).fetchall() == before
        assert not connection.execute("from duckdb_tables() where database_name = 'warehouse' and table_name = 'fct_new'").fetchall()
        with pytest.raises(LakeFailed, match="keeps no snapshot of build 20000101T000000000Z"):
            restore_marts(home.lake, connection, "20000101T000000000Z")


def test_an_earlier_day_is_built_from_the_lake_as_it_was_then(built: dict[str, Any]) -> None:
    home = built["home"]
    ((newest,),) = home.query("select max(snapshot_time at time zone 'UTC') from ducklake_snapshots('warehouse')")
    for moment, whole in ((newest + timedelta(days=1), True), (datetime(2000, 1, 1), True)):
        with duckdb.connect() as connection:
            home.lake.attach_as_of(connection, "parent", moment)
            assert bool(connection.execute("select count(*) from parent.meta.file").fetchone()[0]) is whole
    ((early,),) = home.query("select min(snapshot_time at time zone 'UTC') from ducklake_snapshots('warehouse') where snapshot_id > 0")
    ((loaded,),) = home.query("select count(*) from meta.file")
    with duckdb.connect() as connection:
        home.lake.attach_as_of(connection, "parent", early + timedelta(milliseconds=1))
        found = connection.execute("from duckdb_tables() where database_name = 'parent' and table_name = 'file'").fetchall()
        assert not found or connection.execute("select count(*) from parent.meta.file").fetchone()[0] < loaded


def test_commands_speak_of_the_lake(built: dict[str, Any], sample_home: Path) -> None:
    home = built["home"]
    done = home.command("lake", "builds", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["build_id"] == built["build_id"]
    done = home.command("doctor")
    assert f"{home.folder}/lake, catalogue sample on 127.0.0.1" in done.stdout.replace("\n", "") or "catalogue sample" in done.stdout
    assert "a secret" not in done.stdout and "a%20secret" not in done.stdout
    assert home.command("feeds", "--json").returncode == 0
    done = command("lake", "builds", home=sample_home)
    assert done.returncode == 2 and "EBBTIDE_LAKE_URL is not set" in done.stderr


def test_a_reader_reads_by_the_statements_of_the_page(built: dict[str, Any], server: Server) -> None:
    home = built["home"]
    page = (ROOT / "docs" / "lake.md").read_text(encoding="utf-8")
    administrator, reader, earlier = re.findall(r"(?ms)^```sql\n(.*?)^```$", page)
    server.run(*filter(str.strip, administrator.split(";")))
    server.run(
        "create role reader login password 'read only'",
        "grant usage on schema ebbtide_lake to reader",
        "grant select on all tables in schema ebbtide_lake to reader",
        database="sample",
    )
    here = {"host 'db.example'": f"host '127.0.0.1', port '{server.port}'", "database 'lake'": "database 'sample'", "'...'": "'read only'"}
    here["/mnt/shared/ebbtide-lake/"] = f"{home.lake.data}/"
    for there, replaced in here.items():
        assert there in reader
        reader = reader.replace(there, replaced)
    first = json.loads(home.command("lake", "builds", "--json").stdout)[0]
    with duckdb.connect() as connection:
        for extension in EXTENSIONS:
            connection.execute(f"load '{_extension(extension)}'")
        assert len(connection.execute(reader).fetchall()) == 5
        assert "4711" in earlier
        connection.execute(earlier.replace("4711", str(first["snapshot"])))
        assert connection.execute("select count(*) > 0 from earlier.raw.price_daily").fetchone() == (True,)
        with pytest.raises(duckdb.Error, match=r"permission denied|read-only"):
            connection.execute("detach earlier; detach lake; attach 'ducklake:lake' as lake; drop table lake.raw.price_daily")
    assert home.query("select count(*) > 0 from raw.price_daily") == [(True,)]


# --- small lakes ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def home(lake: Lake, sample_home: Path, tmp_path: Path) -> Home:
    landed_again(sample_home, tmp_path / "home")
    return Home(tmp_path / "home", Lake(lake.catalogue, str(tmp_path / "home" / "lake")))


def test_a_worker_that_is_killed_leaves_nothing(home: Home) -> None:
    build_id = home.run(OPEN).strip()
    worker = home.start(HANG, build_id, "price_daily")
    assert worker.stdout is not None and worker.stderr is not None
    if worker.stdout.readline().strip() != "written":
        worker.kill()
        pytest.fail(worker.stderr.read())
    files = len(list((home.folder / "lake").rglob("*.parquet")))
    assert files, "rows lie on the disk already"
    with pytest.raises(Busy, match=f"load, process {worker.pid} on "), home.lake.held("build staging"):
        pass
    with home.lake.held("load", feeds=["cboe_vix"]):
        pass  # another feed does not wait
    with pytest.raises(Busy), home.lake.held("load", feeds=["price_daily"]):
        pass
    worker.send_signal(signal.SIGKILL)
    worker.communicate(timeout=60)
    assert home.query("select count(*) from raw.price_daily") == home.query("select count(*) from meta.file") == [(0,)]
    with home.lake.held("build staging", wait_seconds=30):
        pass  # the locks fell with it
    rows = int(home.run(LOAD, build_id, "price_daily").splitlines()[-1])
    assert rows and home.query("select count(*) from raw.price_daily") == [(rows,)]
    with duckdb.connect() as connection:
        home.lake.attach(connection)
        assert maintain(connection, keep_builds=5, keep_days=30, grace_hours=24).orphans_deleted == 0, "a writer may still be at work"
        assert maintain(connection, keep_builds=5, keep_days=30, grace_hours=0).orphans_deleted == files
    assert home.query("select count(*) from raw.price_daily") == [(rows,)]


def test_upkeep_keeps_what_can_be_asked_for(lake: Lake) -> None:
    with duckdb.connect() as connection:
        lake.attach(connection)
        connection.execute("attach ':memory:' as mart; create schema mart.signals; create table mart.signals.fct as select 1 as figure")
        connection.execute("create schema warehouse.raw; create table warehouse.raw.rows (a integer)")
        for number in range(9):
            connection.execute(f"update mart.signals.fct set figure = {number}")
            connection.execute(f"insert into warehouse.raw.rows select i from range({number} * 1000, ({number} + 1) * 1000) r(i)")
            connection.execute("insert into warehouse.raw.rows values (-1)")
            connection.execute("begin")
            publish_marts(connection, f"2026010{number}T000000000Z", "mart")
            connection.execute("commit")
        connection.execute("delete from warehouse.raw.rows where a < 1500")
        rows = connection.execute("select count(*), sum(a) from warehouse.raw.rows").fetchone()
        files = len(list(Path(lake.data).rglob("*.parquet")))
        kept = published_snapshots(connection)
        done = maintain(connection, keep_builds=2, keep_days=30, grace_hours=0)
        assert done.snapshots_expired == 0, "all are younger than 30 days"
        # as the days go by: DuckLake tells the age of a snapshot by this table
        with lake._server("a test") as cursor:
            cursor.execute("update ebbtide_lake.ducklake_snapshot set snapshot_time = snapshot_time - interval '40 days'")
        done = maintain(connection, keep_builds=2, keep_days=30, grace_hours=0)
        assert done.snapshots_expired > 5 and done.files_deleted
        assert [each.build_id for each in published_snapshots(connection)] == [each.build_id for each in kept[-2:]]
        assert connection.execute("select count(*), sum(a) from warehouse.raw.rows").fetchone() == rows
        assert connection.execute("select figure from warehouse.signals.fct").fetchone() == (8,)
        restore_marts(lake, connection, kept[-2].build_id)
        assert connection.execute("select figure from warehouse.signals.fct").fetchone() == (7,)
        assert len(list(Path(lake.data).rglob("*.parquet"))) < files


@pytest.fixture(scope="module")
def object_storage() -> Iterator[str]:
    """A server that speaks S3, with the bucket `ebbtide`; its address."""
    (port,) = free_ports(1)
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 120
        while True:
            try:
                requests.put(f"{address}/ebbtide", timeout=10).raise_for_status()
                break
            except requests.ConnectionError:
                assert time.monotonic() < until and process.poll() is None
                time.sleep(0.3)
        yield address
    finally:
        process.kill()
        process.wait()


def test_parquet_in_object_storage(home: Home, object_storage: str) -> None:
    lake = Lake(home.lake.catalogue, "s3://ebbtide/warehouse", Storage("an id", "a key", "eu-central-1", object_storage))
    settings = {"LAKE_DATA": lake.data, "LAKE_S3_KEY_ID": "an id", "LAKE_S3_SECRET": "a key", "LAKE_S3_REGION": "eu-central-1"}
    settings["LAKE_S3_ENDPOINT"] = object_storage
    home.lake = lake
    home.settings |= settings
    build_id = home.run(OPEN).strip()
    rows = int(home.run(LOAD, build_id, "price_daily").splitlines()[-1])
    assert rows and home.query("select count(*) from raw.price_daily") == [(rows,)]
    assert "raw/price_daily/" in requests.get(f"{object_storage}/ebbtide?prefix=warehouse/", timeout=10).text
    assert not (home.folder / "lake").exists()


def test_a_lake_that_cannot_be_reached_is_named_without_its_password(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = command("doctor", home=tmp_path / "home", LAKE_URL=f"postgresql://keeper:hunter2secret@127.0.0.1:{port}/lake")
    assert done.returncode != 0 and "the catalogue of the lake cannot be reached" in done.stderr
    assert "hunter2secret" not in done.stdout + done.stderr
    done = command("doctor", home=tmp_path / "home", LAKE_URL="mysql://keeper@127.0.0.1/lake")
    assert done.returncode == 2 and "invalid setting EBBTIDE_LAKE_URL: use postgresql://" in done.stderr
