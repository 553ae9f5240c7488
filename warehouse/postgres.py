"""Publishing the current build to PostgreSQL, for BI tools that read over a network: `EBBTIDE_BI_POSTGRES_URL`.

All happens in one transaction: the rows of each table are deleted and those of the new build copied in. Readers see the build before until it
commits and the new one after that, without waiting; they do not keep the publish waiting either, and what they have built on the tables (views,
grants, indexes) stays. A publish that fails or is killed leaves nothing to clear.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import adbc_driver_manager.dbapi
import adbc_driver_postgresql.dbapi
import duckdb

from ingest.secrets import masked
from warehouse.connection import connect_published
from warehouse.published import published_build
from warehouse.settings import Settings, WrongUse
from warehouse.sql import literal, quote

# Role that may read what is published, and do nothing else. It cannot log in: users are made members of it.
READER = "ebbtide_reader"

# A table whose columns have changed, which is after an upgrade of Ebbtide, is made anew: readers of it are waited for this long.
_LOCK_TIMEOUT = "30s"

# Key of the lock that one publish to a database holds: "ebbtide" in ASCII.
_ADVISORY_LOCK = int.from_bytes(b"ebbtide", "big")

_MARK = re.compile(r"Ebbtide build (\w+), source (\w+)")

_LOCK_NOT_AVAILABLE = "55P03"
_DEPENDENT_OBJECTS = "2BP01"
_NO_PRIVILEGE = "42501"

# What a column of the published file becomes: its type in PostgreSQL, and as what DuckDB hands it over. The binary form of COPY is not converted
# by the server, so both must agree to the byte. JSON is text in both; PostgreSQL has no unsigned and no 128-bit integer.
_TYPES = {
    "BOOLEAN": ("boolean", "BOOLEAN"),
    "TINYINT": ("smallint", "SMALLINT"),
    "UTINYINT": ("smallint", "SMALLINT"),
    "SMALLINT": ("smallint", "SMALLINT"),
    "USMALLINT": ("integer", "INTEGER"),
    "INTEGER": ("integer", "INTEGER"),
    "UINTEGER": ("bigint", "BIGINT"),
    "BIGINT": ("bigint", "BIGINT"),
    "UBIGINT": ("numeric(38,0)", "DECIMAL(38, 0)"),
    "HUGEINT": ("numeric(38,0)", "DECIMAL(38, 0)"),
    "FLOAT": ("real", "FLOAT"),
    "DOUBLE": ("double precision", "DOUBLE"),
    "VARCHAR": ("text", "VARCHAR"),
    "JSON": ("json", "VARCHAR"),
    "UUID": ("text", "VARCHAR"),
    "BLOB": ("bytea", "BLOB"),
    "DATE": ("date", "DATE"),
    "TIMESTAMP": ("timestamp without time zone", "TIMESTAMP"),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", "TIMESTAMP WITH TIME ZONE"),
}


class PublishFailed(Exception):
    """PostgreSQL still shows the build before, whole; the message says why and what to do. It holds no password."""


@dataclass(frozen=True)
class Published:
    """A build that PostgreSQL shows."""

    build_id: str
    tables: int
    rows: int
    seconds: float


def publish_to_postgres(settings: Settings) -> Published:
    """Show the current build in PostgreSQL, with its comments and keys, in place of the one shown before.

    Raises WrongUse when the setting is absent, nothing has been published to files yet, or a schema of a build's name is not ours;
    PublishFailed when the server cannot be reached or refuses.
    """
    started = time.monotonic()
    with connect_published(settings) as build, _connected(settings) as cursor:
        build_id, source, _ = published_build(build)
        cursor.execute("begin")
        if not _first(cursor, f"select pg_try_advisory_xact_lock({_ADVISORY_LOCK})"):
            raise PublishFailed("another publish to this database is under way; type `ebbtide publish` when it has ended")
        tables = _tables(build)
        schemas = sorted({table.schema for table in tables})
        ours = _check_schemas(cursor, schemas, source)
        _ensure_reader(cursor)
        for schema in schemas:
            if schema not in ours:
                cursor.execute(f"create schema {quote(schema)}")
            cursor.execute(f"comment on schema {quote(schema)} is {literal(f'Ebbtide build {build_id}, source {source}')}")
            cursor.execute(f"grant usage on schema {quote(schema)} to {quote(READER)}")
        there = _tables_there(cursor, ours)
        cursor.execute(f"set local lock_timeout = '{_LOCK_TIMEOUT}'")
        # those that are made anew come last: they are locked until the end
        tables.sort(key=lambda table: there.get(table.relation) != table.shape)
        rows = 0
        for table in tables:
            if there.get(table.relation) == table.shape:
                cursor.execute(f"delete from {table.relation}")
            else:
                _make(cursor, table, table.relation in there)
            rows += _load(build, cursor, table)
        for relation in sorted(set(there) - {table.relation for table in tables}):
            cursor.execute(f"drop table {relation} restrict")
        cursor.execute("commit")
        # the room of the rows deleted, and figures for the planner, without waiting for the server's own round
        cursor.execute(f"vacuum (analyze, skip_locked) {', '.join(table.relation for table in tables)}")
    return Published(build_id, len(tables), rows, round(time.monotonic() - started, 1))


def build_in_postgres(settings: Settings) -> str | None:
    """Id of the build that PostgreSQL shows, or None. Raises WrongUse and PublishFailed as `publish_to_postgres` does."""
    with _connected(settings) as cursor:
        marks = _marks(cursor)
    return max((mark[1] for mark in marks.values() if mark), default=None)


# --- the connection ---------------------------------------------------------------------------------------------------


@contextmanager
def _connected(settings: Settings) -> Iterator[Any]:
    """A cursor whose connection is closed when the block ends; an open transaction falls with it. Errors come out as PublishFailed, without secrets."""
    if settings.bi_postgres_url is None:
        raise WrongUse("EBBTIDE_BI_POSTGRES_URL is not set: give the database to publish to, postgresql://USER:PASSWORD@HOST:PORT/DATABASE; see docs/bi.md")
    url = settings.bi_postgres_url.get_secret_value()
    for name, value in (("connect_timeout", "10"), ("application_name", "ebbtide")):
        if f"{name}=" not in url:
            url += f"{'&' if '?' in url else '?'}{name}={value}"
    try:
        with closing(adbc_driver_postgresql.dbapi.connect(url, autocommit=True)) as connection, closing(connection.cursor()) as cursor:
            # an object in `public` may not stand in for one of PostgreSQL's own
            cursor.execute("set search_path = pg_catalog")
            yield cursor
            return
    except adbc_driver_manager.dbapi.Error as error:
        said = masked(f"PostgreSQL: {_said(error)}", settings.secrets())
    # raised outside the handler: whoever logs the first error would log the address with it
    raise PublishFailed(said)


def _said(error: Exception) -> str:
    """What PostgreSQL or its driver says, with what to do where we know it."""
    code = getattr(error, "sqlstate", None)
    # the driver puts the statement around it, and PostgreSQL a hint to drop with CASCADE
    found = re.search(r"(?:ERROR|FATAL):  (.*?)(?:\nHINT|\n+Query was|\. SQLSTATE|$)", str(error), flags=re.DOTALL)
    text = " ".join((found[1] if found else str(error)).split())
    if code == _DEPENDENT_OBJECTS:
        return f"{text}. The columns of that table have changed: drop what was built on it, then `ebbtide publish`"
    if code == _LOCK_NOT_AVAILABLE:
        return f"{text}. The columns of a table have changed, and readers have held it for {_LOCK_TIMEOUT}: end their transactions, then `ebbtide publish`"
    if code == _NO_PRIVILEGE:
        return f"{text}. The user of EBBTIDE_BI_POSTGRES_URL must own its schemas and be allowed to create in the database; see docs/bi.md"
    return text


def _first(cursor: Any, statement: str) -> Any:
    cursor.execute(statement)
    return cursor.fetchone()[0]


# --- what is there ----------------------------------------------------------------------------------------------------


# Columns of a table in PostgreSQL, each with its type, and those of its key.
_Shape = tuple[list[tuple[str, str]], list[str]]


@dataclass(frozen=True)
class _Table:
    """A table of the published file."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[tuple[str, str, str | None], ...]  # name, type in DuckDB, comment
    key: tuple[str, ...]

    @property
    def relation(self) -> str:
        """Its name in SQL, the same on both sides."""
        return f"{quote(self.schema)}.{quote(self.name)}"

    @property
    def shape(self) -> _Shape:
        """Its columns and key in PostgreSQL."""
        return [(name, postgres_type(data_type)[0]) for name, data_type, _ in self.columns], list(self.key)


def _tables(build: duckdb.DuckDBPyConnection) -> list[_Table]:
    columns: dict[tuple[str, str], list[tuple[str, str, str | None]]] = {}
    for schema, table, *column in build.execute(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() where not internal order by 1, 2, column_index"
    ).fetchall():
        columns.setdefault((schema, table), []).append((column[0], column[1], column[2]))
    comments = {(schema, table): comment for schema, table, comment in build.execute("select schema_name, table_name, comment from duckdb_tables()").fetchall()}
    keys: dict[str, list[str]] = {}
    if ("meta", "key_column") in comments:  # a kept build may be older than that table
        for model, column_name in build.execute("select model, column_name from meta.key_column order by model, position").fetchall():
            keys.setdefault(model, []).append(column_name)
    return [_Table(schema, name, comments[schema, name], tuple(found), tuple(keys.get(f"{schema}.{name}", ()))) for (schema, name), found in columns.items()]


def _marks(cursor: Any) -> dict[str, re.Match[str] | None]:
    """Every schema of the database, with what its comment says of a build of ours."""
    cursor.execute("select nspname, coalesce(obj_description(oid, 'pg_namespace'), '') from pg_namespace")
    return {name: _MARK.fullmatch(comment) for name, comment in cursor.fetchall()}


def _check_schemas(cursor: Any, schemas: Sequence[str], source: str) -> list[str]:
    """The schemas of the build shown now. Raises WrongUse when one is not ours, or of another kind of source."""
    marks = _marks(cursor)
    for schema in schemas:
        if schema in marks and not marks[schema]:
            raise WrongUse(
                f"the database has a schema {schema} that Ebbtide did not make: rename it (`alter schema {schema} rename to ...`) or publish to a database "
                "of its own, with another EBBTIDE_BI_POSTGRES_URL"
            )
    ours = {name: mark for name, mark in marks.items() if mark}
    other = {mark[2] for mark in ours.values()} - {source}
    if other:
        raise WrongUse(
            f"the database shows a {', '.join(sorted(other))} warehouse, and this build is of source {source}: publish to a database of its own, with another "
            f"EBBTIDE_BI_POSTGRES_URL, or drop the schemas {', '.join(sorted(ours))} first"
        )
    return sorted(ours)


def _tables_there(cursor: Any, schemas: Sequence[str]) -> dict[str, _Shape]:
    """Tables of schemas of ours."""
    found: dict[str, _Shape] = {}
    if schemas:
        cursor.execute(
            f"""
            select n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(array_position(k.conkey, a.attnum), 0)
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
            left join pg_constraint k on k.conrelid = c.oid and k.contype = 'p'
            where c.relkind = 'r' and n.nspname in ({", ".join(map(literal, schemas))})
            order by 1, 2, a.attnum
            """
        )
        places: dict[str, dict[int, str]] = {}
        for schema, table, column, type_, place in cursor.fetchall():
            relation = f"{quote(schema)}.{quote(table)}"
            found.setdefault(relation, ([], []))[0].append((column, type_))
            if place:
                places.setdefault(relation, {})[place] = column
        for relation, key in places.items():
            found[relation][1].extend(key[place] for place in sorted(key))
    return found


def _ensure_reader(cursor: Any) -> None:
    if _first(cursor, f"select count(*) from pg_roles where rolname = {literal(READER)}"):
        return
    try:
        cursor.execute(f"create role {quote(READER)} nologin")
    except adbc_driver_manager.dbapi.Error as error:
        if error.sqlstate != _NO_PRIVILEGE:
            raise
        raise WrongUse(f"the role {READER} does not exist, and the user of EBBTIDE_BI_POSTGRES_URL may not create it: `create role {READER} nologin`") from None


# --- loading ----------------------------------------------------------------------------------------------------------


def postgres_type(data_type: str) -> tuple[str, str]:
    """The type a DuckDB type becomes in PostgreSQL, and the one DuckDB hands it over as. Raises PublishFailed when there is none."""
    if data_type in _TYPES:
        return _TYPES[data_type]
    if decimal := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", data_type):
        return f"numeric({decimal[1]},{decimal[2]})", data_type
    if data_type.startswith("ENUM("):
        return "text", "VARCHAR"
    if (items := re.fullmatch(r"(\w+)\[\d*\]", data_type)) and items[1] in _TYPES:
        element, handed_over = _TYPES[items[1]]
        if element != "json":
            return f"{element}[]", f"{handed_over}[]"
    if data_type.endswith("]") or data_type.startswith(("STRUCT(", "MAP(")):
        return "json", "JSON"
    raise PublishFailed(f"PostgreSQL has no type for {data_type}: add it to warehouse/postgres.py, or cast the column in its mart")


def _make(cursor: Any, table: _Table, anew: bool) -> None:
    """Make a table, with its key, in place of one with other columns or another key where there is one."""
    if anew:
        cursor.execute(f"drop table {table.relation} restrict")
    columns = [f"{quote(name)} {type_}" for name, type_ in table.shape[0]]
    if table.key:
        columns.append(f"primary key ({', '.join(map(quote, table.key))})")
    cursor.execute(f"create table {table.relation} ({', '.join(columns)})")
    cursor.execute(f"grant select on {table.relation} to {quote(READER)}")


def _load(build: duckdb.DuckDBPyConnection, cursor: Any, table: _Table) -> int:
    """Copy the rows and comments of a table. Returns its rows, which are as many on both sides."""
    values = ", ".join(_handed_over(name, postgres_type(data_type)[1]) for name, data_type, _ in table.columns)
    rows = build.execute(f"select {values} from {table.relation}").to_arrow_reader(100_000)
    cursor.adbc_ingest(table.name, rows, mode="append", db_schema_name=table.schema)
    comments = [f"comment on table {table.relation} is {literal(table.comment or '')}"]
    comments += [f"comment on column {table.relation}.{quote(name)} is {literal(text or '')}" for name, _, text in table.columns]
    # one round trip: the driver sends a statement at a time
    block = "; ".join(comments)
    cursor.execute(f"do {literal(f'begin {block}; end')}")
    expected = build.execute(f"select count(*) from {table.relation}").fetchall()[0][0]
    arrived = int(_first(cursor, f"select count(*) from {table.relation}"))
    if arrived != expected:
        raise PublishFailed(f"{table.schema}.{table.name} has {expected:,} rows, and {arrived:,} arrived in PostgreSQL: type `ebbtide publish` again")
    return arrived


def _handed_over(name: str, data_type: str) -> str:
    """A column as PostgreSQL takes it. Its text cannot hold the character NUL, which files in quarantine may: the picture of it stands there."""
    column = quote(name)
    if data_type == "JSON":
        column = f"to_json({column})"
    value = f"cast({column} as {'VARCHAR' if data_type == 'JSON' else data_type})"
    return (f"replace({value}, chr(0), chr(9216))" if data_type in ("VARCHAR", "JSON") else value) + f" as {quote(name)}"
