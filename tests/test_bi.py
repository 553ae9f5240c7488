"""BI tools on the published build: over files with pooled connections, and over PostgreSQL with a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import adbc_driver_postgresql.dbapi
import duckdb
import pandas
import psycopg2
import pytest
import sqlalchemy
import sqlalchemy.pool.base
from click.testing import CliRunner

from tests import published_readers
from tests.postgres import Server, running_server
from tests.published_readers import ONE_BUILD, TABLES, publish_one
from warehouse import cli, postgres, refresh
from warehouse.connection import connect_published
from warehouse.postgres import PublishFailed, build_in_postgres, publish_to_postgres
from warehouse.publish import rollback
from warehouse.settings import Settings, WrongUse

ONE_BUILD_IN_POSTGRES = (
    "select array_agg(build_id), sum(found)::bigint from (select build_id, count(*) as found from ("
    + ONE_BUILD.partition(" from (")[2].removesuffix(")")
    + ") as rows group by 1) as builds"
)
MARTS = ("signals", "migration", "valuation", "scenarios")
ROWS = 2_000  # of each table of a small build
PASSWORD = "pass:w@rd/of the publisher"


# --- over files -------------------------------------------------------------------------------------------------------


def test_pooled_connections_see_the_new_build_within_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(home_setting=tmp_path, source="sample")  # type: ignore[call-arg]
    first = publish_one(settings)
    engine = sqlalchemy.create_engine(f"duckdb:///{settings.current_path}", connect_args={"read_only": True}, pool_size=3, pool_recycle=30)

    def builds_seen() -> list[str]:
        """What each of three pooled connections sees, all of them checked out at once."""
        connections = [engine.connect() for _ in range(3)]
        try:
            return [connection.execute(sqlalchemy.text(ONE_BUILD)).fetchone()[0] for connection in connections]  # type: ignore[index]
        finally:
            for connection in connections:
                connection.close()

    assert builds_seen() == [[first]] * 3
    second = publish_one(settings)
    # an open connection keeps its build; the pool opens another one when it is older than `pool_recycle`
    assert builds_seen() == [[first]] * 3
    clock = sqlalchemy.pool.base.time
    monkeypatch.setattr(sqlalchemy.pool.base, "time", SimpleNamespace(time=lambda: clock.time() + 31))
    assert builds_seen() == [[second]] * 3
    rollback(settings, first)
    monkeypatch.setattr(sqlalchemy.pool.base, "time", SimpleNamespace(time=lambda: clock.time() + 62))
    assert builds_seen() == [[first]] * 3
    engine.dispose()


def test_a_tool_that_reflects_the_database_finds_schemas_tables_and_comments(sample_home: Path) -> None:
    engine = sqlalchemy.create_engine(
        f"duckdb:///{sample_home / 'published' / 'current.duckdb'}", connect_args={"read_only": True}, poolclass=sqlalchemy.NullPool
    )
    inspector = sqlalchemy.inspect(engine)
    # the dialect names schemas with their database
    assert {name.rpartition(".")[2].strip('"') for name in inspector.get_schema_names()} >= {*MARTS, "quality", "meta"}
    for schema in MARTS:
        assert inspector.get_table_names(schema)
    comment = inspector.get_table_comment("fct_retreat_index_daily", "signals")["text"]
    assert comment and "Grain: trading day" in comment
    engine.dispose()


def test_parquet_is_what_the_database_holds(sample_home: Path) -> None:
    published = sample_home / "published"
    with duckdb.connect(str(published / "current.duckdb"), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables() where not internal").fetchall()
        for schema, table in tables:
            file = f"read_parquet('{published}/current/{schema}.{table}.parquet')"
            assert_same_rows(connection, f"{schema}.{table}", file)
        expected = connection.execute("select observation_date, retreat_index from signals.fct_retreat_index_daily order by 1").df()
    frame = pandas.read_parquet(published / "current" / "signals.fct_retreat_index_daily.parquet")
    read = frame[["observation_date", "retreat_index"]].sort_values("observation_date", ignore_index=True)
    assert read["retreat_index"].equals(expected["retreat_index"])
    assert list(pandas.to_datetime(read["observation_date"])) == list(expected["observation_date"])


def assert_same_rows(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> None:
    """Raise AssertionError unless two relations have the same columns, types and rows, to the last bit."""
    columns = [connection.execute(f"select column_name, column_type from (describe select * from {relation})").fetchall() for relation in (one, other)]
    assert columns[0] == columns[1], f"{one}: {sorted(set(columns[0]) ^ set(columns[1]))}"
    # a hash of each row, added up: a difference in one bit shows
    figures = [connection.execute(f"select count(*), sum(hash(row_)::hugeint) from {relation} as row_").fetchone() for relation in (one, other)]
    assert figures[0] == figures[1], f"rows of {one} differ: {connection.execute(f'from {one} except all from {other} limit 5').fetchall()}"


# --- over PostgreSQL --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        # what docs/bi.md tells an administrator to type, but for the database, which each test has of its own
        running.run(f"create role ebbtide_reader nologin; create user ebbtide password '{PASSWORD}'; create user analyst password 'a' in role ebbtide_reader")
        yield running


class Database:
    """A new database of the server, and a home that is published to it."""

    def __init__(self, server: Server, name: str, home: Path) -> None:
        self.server, self.name = server, name
        server.run(f"create database {name} owner ebbtide")
        quoted = PASSWORD.replace(":", "%3A").replace("@", "%40").replace("/", "%2F").replace(" ", "%20")
        self.url = f"postgresql://ebbtide:{quoted}@127.0.0.1:{server.port}/{name}"
        self.settings = Settings(home_setting=home, source="sample", bi_postgres_url=self.url)  # type: ignore[call-arg, arg-type]

    def connect(self, user: str = "analyst", password: str = "a") -> Any:
        return self.server.connect(self.name, user, password)

    def ask(self, sql: str, user: str = "analyst", password: str = "a") -> list[tuple[Any, ...]]:
        with closing(self.connect(user, password)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    def schemas(self) -> list[str]:
        return [name for (name,) in self.ask("select nspname from pg_namespace where nspname !~ '^pg_|^information_schema$|^public$' order by 1")]


@pytest.fixture
def database(server: Server, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setattr(published_readers, "ROWS", ROWS)
    return Database(server, f"test_{abs(hash(request.node.name))}", tmp_path)


@pytest.fixture(scope="module")
def sample_database(server: Server, sample_home: Path) -> Database:
    """The sample world in PostgreSQL."""
    database = Database(server, "sample_world", sample_home)
    publish_to_postgres(database.settings)
    return database


def test_postgres_holds_every_table_with_its_types_and_values(sample_database: Database) -> None:
    with (
        connect_published(sample_database.settings) as build,
        adbc_driver_postgresql.dbapi.connect(sample_database.url) as connection,
        connection.cursor() as cursor,
    ):
        tables = build.execute("select schema_name, table_name from duckdb_tables() where not internal order by all").fetchall()
        found = sample_database.ask("select schemaname, tablename from pg_tables where schemaname !~ '^pg_|^information_schema$'")
        assert sorted(found) == tables and len(tables) > 40
        for schema, table in tables:
            columns = build.execute(
                "select column_name, data_type from duckdb_columns() where schema_name = ? and table_name = ? order by column_index", [schema, table]
            ).fetchall()
            nested = {name for name, data_type in columns if data_type.startswith("MAP(")}
            cursor.execute(f'select * from {schema}."{table}"')
            build.register("in_postgres", cursor.fetch_arrow_table())
            expected = ", ".join(f"to_json({name}) as {name}" if name in nested else f'"{name}"' for name, _ in columns)
            assert_same_rows(build, f'(select {expected} from {schema}."{table}")', "in_postgres")
            build.unregister("in_postgres")


def test_postgres_has_comments_and_keys(sample_database: Database) -> None:
    with connect_published(sample_database.settings) as build:
        comments = build.execute(
            """
            select schema_name || '.' || table_name, '', comment from duckdb_tables() where comment is not null
            union all
            select schema_name || '.' || table_name, column_name, comment from duckdb_columns() where not internal and comment is not null
            order by all
            """
        ).fetchall()
        keys = build.execute("select model, list(column_name order by position) from meta.key_column group by 1").fetchall()
        marts = build.execute("select schema_name || '.' || table_name from duckdb_tables() where schema_name in (select unnest($1))", [MARTS]).fetchall()
    found = sample_database.ask(
        """
        select schemaname || '.' || tablename, coalesce(attname::text, ''), d.description
        from pg_description d
        join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
        join pg_namespace n on n.oid = c.relnamespace
        join pg_tables on schemaname = nspname and tablename = relname
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
        where nspname !~ '^pg_|^information_schema$'
        """
    )
    assert sorted(found) == sorted(comments) and len(comments) > 400
    constraints = sample_database.ask(
        """
        select nspname || '.' || relname, (select array_agg(attname::text order by place) from unnest(conkey) with ordinality as k(number, place)
            join pg_attribute on attrelid = conrelid and attnum = number)
        from pg_constraint join pg_class c on c.oid = conrelid join pg_namespace n on n.oid = relnamespace
        where contype = 'p' and nspname <> 'pg_catalog'
        """
    )
    assert sorted(constraints) == sorted(keys)
    assert {table for (table,) in marts} <= {table for table, _ in keys}, "a mart without a key"
    assert set(sample_database.schemas()) == {*MARTS, "meta", "quality"}


def test_a_member_of_the_reading_role_reads_and_does_nothing_else(sample_database: Database) -> None:
    assert sample_database.ask("select count(*) from signals.fct_retreat_index_daily")[0][0] > 0
    for statement in (
        "delete from signals.fct_retreat_index_daily",
        "insert into meta.key_column values ('a', 'b', 1)",
        "truncate meta.build",
        "create table signals.mine (number int)",
        "create schema mine",
        "drop schema signals cascade",
    ):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            sample_database.ask(statement)


# type in DuckDB, a value, its type in PostgreSQL, and what PostgreSQL shows as text
EVERY_TYPE = (
    ("boolean", "true", "boolean", "true"),
    ("tinyint", "-128", "smallint", "-128"),
    ("utinyint", "255", "smallint", "255"),
    ("smallint", "-32768", "smallint", "-32768"),
    ("usmallint", "65535", "integer", "65535"),
    ("integer", "-2147483648", "integer", "-2147483648"),
    ("uinteger", "4294967295", "bigint", "4294967295"),
    ("bigint", "-9223372036854775808", "bigint", "-9223372036854775808"),
    ("ubigint", "18446744073709551615", "numeric(38,0)", "18446744073709551615"),
    ("hugeint", "-99999999999999999999999999999999999999", "numeric(38,0)", "-99999999999999999999999999999999999999"),
    ("float", "0.1", "real", "0.1"),
    ("double", "0.1::double + 0.2::double", "double precision", "0.30000000000000004"),
    ("double", "'nan'", "double precision", "NaN"),
    ("double", "'-inf'", "double precision", "-Infinity"),
    ("double", "5e-324", "double precision", "5e-324"),
    ("decimal(18, 4)", "-12345678901234.5678", "numeric(18,4)", "-12345678901234.5678"),
    ("decimal(38, 10)", "0", "numeric(38,10)", "0.0000000000"),
    ("varchar", "''", "text", ""),
    ("varchar", "'it''s \\ \"so\"' || chr(10) || '\u7f8e\u80a1'", "text", 'it\'s \\ "so"\n\u7f8e\u80a1'),
    ("varchar", "'a' || chr(0) || 'b'", "text", "a\u2400b"),
    ("varchar", "null", "text", None),
    ("date", "'0001-01-01'", "date", "0001-01-01"),
    ("date", "'9999-12-31'", "date", "9999-12-31"),
    ("timestamp", "'1969-12-31 23:59:59.999999'", "timestamp without time zone", "1969-12-31 23:59:59.999999"),
    ("timestamptz", "'2023-12-29 23:59:59+02'", "timestamp with time zone", "2023-12-29 21:59:59+00"),
    ("blob", "'\\x00\\xFF'", "bytea", "\\x00ff"),
    ("uuid", "'00000000-0000-0000-0000-00000000000a'", "text", "00000000-0000-0000-0000-00000000000a"),
    ("enum('calm', 'contagion')", "'calm'", "text", "calm"),
    ("varchar[]", "['a', null, 'b,c']", "text[]", '{a,NULL,"b,c"}'),
    ("double[]", "[1.5, 'nan'::double]", "double precision[]", "{1.5,NaN}"),
    ("bigint[]", "[]", "bigint[]", "{}"),
    ("date[]", "['2023-12-29'::date]", "date[]", "{2023-12-29}"),
    ("integer[][]", "[[1], []]", "json", "[[1],[]]"),
    ("json", """'{"a": [1, null]}'""", "json", '{"a": [1, null]}'),
    ("struct(a integer, b varchar)", "{'a': 1, 'b': null}", "json", '{"a":1,"b":null}'),
    ("map(varchar, integer)", "map {'a': 1}", "json", '{"a":1}'),
)


def test_every_type_keeps_its_values(database: Database) -> None:
    build_id = publish_one(database.settings)
    path = database.settings.published_dir / f"{build_id}.duckdb"
    path.chmod(0o644)
    names = [f"column {number}" for number in range(len(EVERY_TYPE))]
    with duckdb.connect(str(path)) as connection:
        values = ", ".join(f'cast({value} as {type_}) as "{name}"' for name, (type_, value, _, _) in zip(names, EVERY_TYPE, strict=True))
        connection.execute(f"create table signals.every_type as select {values}")
    publish_to_postgres(database.settings)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "set timezone = 'UTC'; select format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'signals.every_type'::regclass and attnum > 0"
        )
        types = [name for (name,) in cursor.fetchall()]
        cursor.execute(f"""select {", ".join(f'"{name}"::text' for name in names)} from signals.every_type""")
        (shown,) = cursor.fetchall()
    expected = [(name, type_, text) for name, (_, _, type_, text) in zip(names, EVERY_TYPE, strict=True)]
    assert list(zip(names, types, shown, strict=True)) == expected


def test_a_type_that_postgres_lacks_is_named() -> None:
    with pytest.raises(PublishFailed, match="no type for BIT"):
        postgres.postgres_type("BIT")


def test_readers_see_one_build_in_each_statement_and_each_snapshot_while_builds_come(database: Database) -> None:
    seen = [publish_one(database.settings)]
    publish_to_postgres(database.settings)
    stop, started, met, errors = threading.Event(), threading.Semaphore(0), set(), []

    def read() -> None:
        with closing(database.connect()) as connection, connection.cursor() as cursor:
            started.release()
            number = 0
            while not stop.wait(0.05):  # readers that never pause would leave the publish no time on a small machine
                number += 1
                try:
                    cursor.execute(ONE_BUILD_IN_POSTGRES)
                    builds, rows = cursor.fetchone()
                    # tables one by one, in an order of its own
                    cursor.execute("begin isolation level repeatable read")
                    for table in (*TABLES[number % 4 :], *TABLES[: number % 4]):
                        cursor.execute(f"select build_id, count(*) from {table} group by 1")
                        ((build, counted),) = cursor.fetchall()
                        snapshots.setdefault((threading.get_ident(), number), set()).add(build)
                        assert counted == ROWS
                    cursor.execute("commit")
                    assert len(builds) == 1 and rows >= len(TABLES) * ROWS, builds
                    met.update(builds)
                except Exception as error:
                    errors.append(f"{type(error).__name__}: {error}")
                    cursor.execute("rollback")

    snapshots: dict[tuple[int, int], set[str]] = {}
    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        for _ in readers:
            assert started.acquire(timeout=30)
        for _ in range(3):
            seen.append(publish_one(database.settings))
            publish_to_postgres(database.settings)
    finally:
        stop.set()
        for reader in readers:
            reader.join(timeout=60)
    assert errors == []
    assert {len(builds) for builds in snapshots.values()} == {1}
    assert len(met) > 1 and met <= set(seen), "no reader saw a new build, so nothing was shown"
    assert build_in_postgres(database.settings) == seen[-1]


def test_a_snapshot_keeps_its_build_and_keeps_nobody_waiting(database: Database) -> None:
    """What a transaction of REPEATABLE READ sees is one build, also in tables that it first asks for after the publish."""
    first = publish_one(database.settings)
    publish_to_postgres(database.settings)
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read")
        cursor.execute(f"select distinct build_id from {TABLES[0]}")
        second = publish_one(database.settings)
        publish_to_postgres(database.settings)
        for table in TABLES:
            cursor.execute(f"select distinct build_id from {table}")
            assert cursor.fetchall() == [(first,)]
        cursor.execute("commit")
        cursor.execute(f"select distinct build_id from {TABLES[0]}")
        assert cursor.fetchall() == [(second,)]


def test_a_publish_that_fails_leaves_what_was_there(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first = publish_one(database.settings)
    publish_to_postgres(database.settings)
    publish_one(database.settings)
    load, loaded = postgres._load, []

    def failing(*arguments: Any) -> int:
        loaded.append(arguments)
        if len(loaded) == 10:
            raise RuntimeError("killed")
        return load(*arguments)

    monkeypatch.setattr(postgres, "_load", failing)
    with pytest.raises(RuntimeError, match="killed"):
        publish_to_postgres(database.settings)
    assert build_in_postgres(database.settings) == first
    assert database.ask(ONE_BUILD_IN_POSTGRES) == [([first], len(TABLES) * ROWS + 1)]


@pytest.mark.parametrize(
    ("statement", "error", "said"),
    [
        ("create schema valuation authorization ebbtide", WrongUse, "a schema valuation that Ebbtide did not make: rename it"),
        (
            "create schema mine; comment on schema mine is 'Ebbtide build 20260101T000000000Z, source live'",
            WrongUse,
            "shows a live warehouse, and this build is",
        ),
    ],
    ids=["foreign schema", "other source"],
)
def test_what_is_not_ours_is_refused(database: Database, statement: str, error: type[Exception], said: str) -> None:
    publish_one(database.settings)
    database.server.run(statement, database=database.name)
    before = database.schemas()
    with pytest.raises(error, match=said):
        publish_to_postgres(database.settings)
    assert database.schemas() == before


def test_what_others_built_on_a_table_stays_and_changed_tables_are_made_anew(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_one(database.settings)
    publish_to_postgres(database.settings)
    database.server.run(f"create view public.mine as select distinct build_id from {TABLES[0]}; grant select on public.mine to analyst", database=database.name)
    second = publish_one(database.settings)
    publish_to_postgres(database.settings)
    assert database.ask("select * from public.mine") == [(second,)]
    made = database.ask("select 'meta.build'::regclass::oid, 'meta.file'::regclass::oid")[0]
    database.server.run("alter table meta.build drop constraint build_pkey", database=database.name)

    third = publish_one(database.settings)
    path = database.settings.published_dir / f"{third}.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"drop table {TABLES[3]}; alter table {TABLES[2]} add column yield double")
    publish_to_postgres(database.settings)
    assert database.ask(f"select distinct build_id, yield from {TABLES[2]}") == [(third, None)]
    assert database.ask(f"select to_regclass('{TABLES[3]}')") == [(None,)]
    now = database.ask("select 'meta.build'::regclass::oid, 'meta.file'::regclass::oid")[0]
    assert now[0] != made[0] and now[1] == made[1], "the table that lost its key is made anew, and no other"
    assert database.ask("select count(*) from pg_constraint where conrelid = 'meta.build'::regclass and contype = 'p'") == [(1,)]

    path = database.settings.published_dir / f"{publish_one(database.settings)}.duckdb"
    path.chmod(0o644)
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"alter table {TABLES[0]} rename row_number to number")
    with pytest.raises(PublishFailed, match=r"view public\.mine depends on table .*drop what was built on it, then `ebbtide publish`"):
        publish_to_postgres(database.settings)
    assert database.ask("select * from public.mine") == [(third,)]
    # where nothing is in the way, the table is made anew under the eyes of a reader, who is waited for
    database.server.run("drop view public.mine", database=database.name)
    monkeypatch.setattr(postgres, "_LOCK_TIMEOUT", "100ms")
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(f"begin; select 1 from {TABLES[0]} limit 1")
        with pytest.raises(PublishFailed, match=r"lock timeout.*readers have held it for 100ms"):
            publish_to_postgres(database.settings)


def test_the_commands_publish_again_tell_what_is_shown_and_hide_the_password(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_HOME", str(database.settings.home))
    first, second = publish_one(database.settings), publish_one(database.settings)

    def run(*arguments: str, url: str = database.url) -> tuple[int, str]:
        monkeypatch.setenv("EBBTIDE_BI_POSTGRES_URL", url)
        done = CliRunner().invoke(cli.main, arguments)
        assert isinstance(done.exception, SystemExit | None)
        assert "pass:w" not in done.output and "pass%3Aw" not in done.output
        return done.exit_code, done.output

    code, said = run("publish", "--json")
    assert code == 0 and json.loads(said)["build_id"] == second
    code, said = run("rollback", first)
    assert code == 0 and f"current is {first}" in said and f"PostgreSQL shows build {first}: 13 tables" in said
    assert ["build", "in", "PostgreSQL", "good", first] in [line.split() for line in run("doctor")[1].splitlines()]
    rollback(database.settings, second)
    assert f"{first}, and readers of files see {second}: type `ebbtide publish`" in run("doctor")[1]
    # the same password for a user that does not exist, and an address that is none
    code, said = run("publish", url=database.url.replace("ebbtide:", "nobody:"))
    assert code == 1 and "password authentication failed" in said
    code, said = run("publish", url=database.url.replace("postgresql:", "mysql:"))
    assert code == 2 and said == "ebbtide: invalid setting EBBTIDE_BI_POSTGRES_URL: use postgresql://USER:PASSWORD@HOST:PORT/DATABASE\n"
    code, said = run("publish", url="")
    assert code == 2 and "EBBTIDE_BI_POSTGRES_URL is not set" in said


@pytest.mark.parametrize("address", ["postgresql://ebbtide:s%65cret@host/bi", "postgresql://ebbtide@host/bi?password=s%65cret"])
def test_the_password_is_a_secret_in_every_form(address: str) -> None:
    settings = Settings(source="sample", bi_postgres_url=address)  # type: ignore[call-arg, arg-type]
    assert "secret" in settings.secrets() and address in settings.secrets()
    assert "%65cret" not in repr(settings)


def test_a_refresh_publishes_to_postgres_where_it_is_asked_to(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_HOME", str(database.settings.home))
    build_id = publish_one(database.settings)
    assert refresh.publish_to_postgres() == {"not_asked": "EBBTIDE_BI_POSTGRES_URL is not set"}
    monkeypatch.setenv("EBBTIDE_BI_POSTGRES_URL", database.url)
    assert refresh.publish_to_postgres()["build_id"] == build_id
    assert refresh._postgres_line(database.settings, build_id) == ["PostgreSQL: shows this build"]
    assert refresh._postgres_line(database.settings, "another")[0].startswith(f"PostgreSQL: still shows build {build_id}")
    monkeypatch.setenv("EBBTIDE_AS_OF", "2020-01-01")
    assert "as of an earlier day" in refresh.publish_to_postgres()["not_asked"]
