"""From a published number to the landed file it rests on, and that file's hash. Reads the published build alone.

A row of a mart names the landed file (`file_id`) and the raw row in it (`row_key`) of its newest value; `meta.file` has the file's hash and
place, `meta.model_input` the models between, `meta.lineage` all files the mart draws on.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from ingest.feed import Feed
from ingest.feeds import FEEDS
from warehouse.connection import connect_published, quote
from warehouse.settings import Settings, WrongUse

# Suggestions a message gives of each kind.
SHOWN = 5
# Columns at the head of a mart that are tried as its key.
KEY_COLUMNS = 8

FILE_COLUMNS = (
    "name",
    "feed",
    "format",
    "source",
    "url",
    "edition_at",
    "fetched_at",
    "sha256",
    "size",
    "path",
    "rows_read",
    "rows_loaded",
    "rows_quarantined",
    "rows_unchanged",
    "rows_skipped",
    "first_observation",
    "last_observation",
)


class BrokenTrace(Exception):
    """A row names a landed file that its build does not know."""


def trace(settings: Settings, model: str, conditions: Sequence[str]) -> dict[str, Any]:
    """What stands behind one row of a mart.

    Parameters
    ----------
    model
        A published table, with its schema or without.
    conditions
        `COLUMN=VALUE`, all of which the row fulfils.

    Returns
    -------
    dict
        `build`, `model`, `description`; `row` (column to `value` and `description`); `signal` (what dim_signal says, for a row of a signal);
        `row_key`; `file` with its place under landing and its feed's declaration, None where the row names none; `models` on the way from
        that feed, nearest to it first, or from all feeds; `feeds` behind the model with their files, the newest of each with its hash.

    Raises
    ------
    WrongUse
        when the model, a column or a value does not exist, or when not exactly one row fits; the message says what to give instead.
    BrokenTrace
        when the build does not know the file that the row names.
    """
    with connect_published(settings) as connection:
        schema, table, description = _table(connection, model)
        columns = _columns(connection, schema, table)
        relation = f"{quote(schema)}.{quote(table)}"
        row = _row(connection, relation, f"{schema}.{table}", columns, _conditions(connection, columns, f"{schema}.{table}", conditions))
        file = _file(connection, row["file_id"], row.get("row_key"), settings) if row.get("file_id") is not None else None
        build = connection.execute("select build_id, source, as_of from meta.build where status = 'published' order by build_id desc limit 1").fetchone()
        return {
            "build": dict(zip(("build_id", "source", "as_of"), build, strict=True)) if build else None,
            "model": f"{schema}.{table}",
            "description": description,
            "row": {name: {"value": row[name], "description": comment} for name, (_, comment) in columns.items()},
            "signal": _signal(connection, row.get("signal_id")),
            "has_row_lineage": "file_id" in columns,
            "row_key": row.get("row_key"),
            "file": file,
            "models": _models(connection, f"{schema}.{table}", file["feed"] if file else None, row.get("signal_id")),
            "feeds": _feeds(connection, f"{schema}.{table}"),
        }


def _table(connection: duckdb.DuckDBPyConnection, model: str) -> tuple[str, str, str]:
    tables = connection.execute(
        "select schema_name, table_name, coalesce(comment, '') from duckdb_tables() where schema_name not in ('meta', 'quality') order by all"
    ).fetchall()
    found = [(schema, table, comment) for schema, table, comment in tables if model in (table, f"{schema}.{table}")]
    if len(found) != 1:
        named = [f"{schema}.{table}" for schema, table, _ in found or tables]
        raise WrongUse(f"{'several models are called' if found else 'no model'} {model!r}; there are {', '.join(named)}")
    return found[0]


def _columns(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, tuple[str, str]]:
    rows = connection.execute(
        "select column_name, data_type, coalesce(comment, '') from duckdb_columns() where schema_name = ? and table_name = ? order by column_index",
        [schema, table],
    ).fetchall()
    return {name: (data_type, comment) for name, data_type, comment in rows}


def _conditions(
    connection: duckdb.DuckDBPyConnection, columns: Mapping[str, tuple[str, str]], model: str, conditions: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Column to its type and the value asked for, which is one of that type."""
    asked: dict[str, tuple[str, str]] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals:
            raise WrongUse(f"{condition!r} is no condition: write COLUMN=VALUE, such as {next(iter(columns))}=...")
        if name not in columns:
            raise WrongUse(f"{model} has no column {name!r}; it has {', '.join(columns)}")
        if name in asked:
            raise WrongUse(f"{name} is given twice, as {asked[name][1]!r} and {value!r}")
        data_type = columns[name][0]
        fits = connection.execute(f"select try_cast(? as {data_type}) is not null", [value]).fetchone()
        if not fits or not fits[0]:
            raise WrongUse(f"{name} is of type {data_type}, and {value!r} is none")
        asked[name] = (data_type, value)
    return asked


def _where(asked: Mapping[str, tuple[str, str]]) -> tuple[str, list[str]]:
    terms = [f"{quote(name)} = cast(? as {data_type})" for name, (data_type, _) in asked.items()]
    return " and ".join(terms) or "true", [value for _, value in asked.values()]


def _row(
    connection: duckdb.DuckDBPyConnection, relation: str, model: str, columns: Mapping[str, tuple[str, str]], asked: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    """The one row that fits, or WrongUse that says how to get there."""
    where, values = _where(asked)
    rows = connection.execute(f"select * from {relation} where {where} limit 2", values).fetchall()
    if len(rows) == 1:
        return dict(zip(columns, rows[0], strict=True))
    key = _key(connection, relation, list(columns))
    if not rows:
        lines = [f"no row of {model} has {' and '.join(f'{name}={value}' for name, (_, value) in asked.items()) or 'been built'}"]
        lines.append(f"its key: {', '.join(key)}")
        lines.extend(_nearest(connection, relation, asked))
        raise WrongUse("\n".join(lines))
    count = connection.execute(f"select count(*) from {relation} where {where}", values).fetchone()
    lines = [f"{count[0] if count else 0:,} rows of {model} fit: name one row by its key, {', '.join(key)}; still to choose:"]
    for name in key:
        if name not in asked:
            lines.append(f"  {name}: {_choice(connection, relation, name, where, values)}")
    raise WrongUse("\n".join(lines))


def _key(connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]) -> list[str]:
    """The key: the fewest columns at the head of the table that tell all rows apart, since a mart's key stands first."""
    for length in range(1, min(KEY_COLUMNS, len(columns)) + 1):
        head = ", ".join(quote(name) for name in columns[:length])
        unique = connection.execute(f"select count(*) = (select count(*) from (select distinct {head} from {relation})) from {relation}").fetchone()
        if unique and unique[0]:
            return list(columns[:length])
    return list(columns[:KEY_COLUMNS])


def _choice(connection: duckdb.DuckDBPyConnection, relation: str, name: str, where: str, values: Sequence[str]) -> str:
    """The values a column has among the rows that fit: all when few, else how many and between which."""
    column = quote(name)
    found = connection.execute(f"select count(distinct {column}), min({column}), max({column}) from {relation} where {where}", values).fetchone()
    if not found:
        return "none"
    count, first, last = found
    if count > 2 * SHOWN:
        return f"{count:,} values, {first} to {last}; for instance {name}={last}"
    return ", ".join(str(value) for (value,) in connection.execute(f"select distinct {column} from {relation} where {where} order by 1", values).fetchall())


def _nearest(connection: duckdb.DuckDBPyConnection, relation: str, asked: Mapping[str, tuple[str, str]]) -> list[str]:
    """For each column asked for, the nearest values there are, with the other conditions where they can be kept."""
    lines = []
    for name, (data_type, value) in asked.items():
        others = {other: condition for other, condition in asked.items() if other != name}
        where, values = _where(others)
        column, wanted = quote(name), f"cast(? as {data_type})"
        if data_type in ("VARCHAR", "BOOLEAN"):
            distance = f"-jaro_winkler_similarity({column}::varchar, {wanted}::varchar)"
        elif data_type in ("DATE", "TIMESTAMP"):
            distance = f"abs(epoch({column}) - epoch({wanted}))"
        else:
            distance = f"abs({column} - {wanted})"
        sql = f"select {column} from {relation} where {{}} and {column} is not null group by 1 order by {distance}, 1 limit {SHOWN}"
        found = [row[0] for row in connection.execute(sql.format(where), [*values, value]).fetchall()]
        beside = f" with {' and '.join(f'{other}={text}' for other, (_, text) in others.items())}" if others else ""
        if not found and others:
            found, beside = [row[0] for row in connection.execute(sql.format("true"), [value]).fetchall()], ""
            exact = connection.execute(f"select count(*) from {relation} where {column} = {wanted}", [value]).fetchone()
            if exact and exact[0]:
                continue  # it is there, only not beside the others
        if found:
            lines.append(f"nearest {name}{beside}: {', '.join(str(text) for text in found)}")
    return lines


def _signal(connection: duckdb.DuckDBPyConnection, signal_id: str | None) -> dict[str, Any] | None:
    """Name, unit, formula and feeds of the signal a row is about."""
    known = connection.execute("select count(*) from duckdb_tables() where schema_name = 'signals' and table_name = 'dim_signal'").fetchone()
    if signal_id is None or not known or not known[0]:
        return None
    names = ("signal_id", "name_en", "unit", "formula", "feed")
    row = connection.execute(f"select {', '.join(names)} from signals.dim_signal where signal_id = ?", [signal_id]).fetchone()
    return dict(zip(names, row, strict=True)) if row else None


def _file(connection: duckdb.DuckDBPyConnection, file_id: int, row_key: str | None, settings: Settings) -> dict[str, Any]:
    """The landed file a row names, where its bytes lie, and what its feed declares."""
    found = connection.execute(f"select {', '.join(FILE_COLUMNS)} from meta.file where file_id = ?", [file_id]).fetchone()
    if not found:
        raise BrokenTrace(f"the row names file {file_id}, and meta.file of this build has none such: run `make refresh`")
    file = {"file_id": file_id, **dict(zip(FILE_COLUMNS, found, strict=True))}
    file["landed_at"] = str(settings.landing_dir / file["path"])
    feed = FEEDS.get(file["feed"])
    if feed:  # a kept build may be older than the removal of a feed
        lag, source = _lag(feed, row_key)
        file |= {"title": feed.title, "page": feed.url, "licence": feed.licence, "key": list(feed.key), "lag": lag, "lag_source": source}
    return file


def _lag(feed: Feed, row_key: str | None) -> tuple[str, str]:
    """Publication lag of the row's series, and where it is documented."""
    series = (row_key or "").split("|")[0]
    if series in feed.lag_by:
        return str(feed.lag_by[series]), feed.lag_by[series].source
    if feed.lag_by_cadence:
        by_cadence = "; ".join(f"{cadence} series: {lag}" for cadence, lag in feed.lag_by_cadence.items())
        return f"{by_cadence}; else {feed.lag}", feed.lag.source
    return str(feed.lag), feed.lag.source


def _models(connection: duckdb.DuckDBPyConnection, model: str, feed: str | None, signal_id: str | None) -> list[str]:
    """Models on the ways from a feed (or from any) to the mart, those nearest to the feed first; for a signal, the ways through its own model.

    Builds made before `meta.model_input` have none.
    """
    known = connection.execute("select count(*) from duckdb_tables() where schema_name = 'meta' and table_name = 'model_input'").fetchone()
    if not known or not known[0]:
        return []
    rows = connection.execute(
        """
        with recursive
        behind_mart as (
            select input as name from meta.model_input where model = $model
            union
            select edge.input from meta.model_input as edge inner join behind_mart on edge.model = behind_mart.name
        ),
        -- several ways lead to a model: the longest says where it stands
        above_feed as (
            select input as name, 0 as steps from meta.model_input where input like 'raw.%' and ($feed is null or input = 'raw.' || $feed)
            union
            select edge.model, above_feed.steps + 1 from meta.model_input as edge inner join above_feed on edge.input = above_feed.name
        ),
        of_signal as (select distinct model as name from meta.model_input where split_part(model, '.', 2) = 'int_signal__' || $signal),
        behind_signal as (
            select name from of_signal
            union
            select edge.input from meta.model_input as edge inner join behind_signal on edge.model = behind_signal.name
        ),
        above_signal as (
            select name from of_signal
            union
            select edge.model from meta.model_input as edge inner join above_signal on edge.input = above_signal.name
        )
        select name from above_feed
        where
            name in (select name from behind_mart)
            and name not like 'raw.%'
            and (
                not exists (select 1 from of_signal)
                or name in (select name from behind_signal)
                or name in (select name from above_signal)
            )
        group by name order by max(steps), name
        """,
        {"model": model, "feed": feed, "signal": signal_id},
    ).fetchall()
    return [name for (name,) in rows]


def _feeds(connection: duckdb.DuckDBPyConnection, model: str) -> list[dict[str, Any]]:
    """Feeds behind a model: how many files, and the newest of them."""
    names = ("feed", "files", "rows_loaded", "newest_file", "newest_edition_at", "newest_sha256")
    rows = connection.execute(
        """
        select
            file.feed,
            count(*),
            sum(file.rows_loaded)::bigint,
            arg_max(file.name, (file.edition_at, file.file_id)),
            max(file.edition_at),
            arg_max(file.sha256, (file.edition_at, file.file_id))
        from meta.lineage as lineage inner join meta.file as file on lineage.file_id = file.file_id and lineage.feed = file.feed
        where lineage.model = ?
        group by 1 order by 1
        """,
        [model],
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in rows]


def as_lines(found: Mapping[str, Any], width: int | None = None) -> list[str]:
    """A trace as one screen of text, number first, hash last."""
    from rich.cells import cell_len

    width = width or min(shutil.get_terminal_size((140, 40)).columns, 160)
    lines = [f"{found['model']}" + (f", build {found['build']['build_id']} ({found['build']['source']})" if found["build"] else "")]
    cells = [(name, _text(cell["value"]), cell["description"]) for name, cell in found["row"].items() if name not in ("file_id", "row_key")]
    columns, values = (max(cell_len(cell[at]) for cell in cells) for at in (0, 1))
    values = min(values, 40)
    for name, value, description in cells:
        start = f"  {name:<{columns}}  {value}{' ' * (values - cell_len(value))}  "
        room = width - cell_len(start)
        lines.append((start + (textwrap.shorten(description, room, placeholder=" ...") if room > 12 else "")).rstrip())
    facts: list[tuple[str, Any]] = []
    if signal := found["signal"]:
        facts.append(("signal", f"{signal['name_en']}; value in {signal['unit']}; {signal['formula']}"))
    if found["models"]:
        facts.append(("through", ", ".join(found["models"]) if found["file"] else f"{len(found['models'])} models between; --json names them"))
    if found["file"]:
        facts.extend(_file_facts(found["file"], found["row_key"]))
        others = {feed["feed"]: feed["files"] - (feed["feed"] == found["file"]["feed"]) for feed in found["feeds"]}
        feeds_left = sum(count > 0 for count in others.values())
        told = f"{sum(others.values()):,} more stand behind the model, of {feeds_left} feeds; --json names them"
        facts.append(("other files", told if feeds_left else "none stand behind the model"))
    elif not found["feeds"]:
        facts.append(("file", "none: no feed stands behind this model, its rows are kept with the project itself"))
    else:
        which = "this row names no landed file" if found["has_row_lineage"] else "rows of this model name no single file"
        total = sum(feed["files"] for feed in found["feeds"])
        facts.append(("files", f"{which}; {total:,} files of {len(found['feeds'])} feeds stand behind the model, the newest of each:"))
    label = max((len(name) for name, _ in facts), default=0)
    for name, value in facts:
        # hash, path and address are there to be copied, so they are never broken over two lines
        wrapped = textwrap.wrap(_text(value), max(width - label - 2, 40), break_long_words=False, break_on_hyphens=False) or [""]
        lines.extend(f"{name if at == 0 else '':<{label}}  {part}".rstrip() for at, part in enumerate(wrapped))
    if not found["file"]:
        longest = max((len(feed["feed"]) for feed in found["feeds"]), default=0)
        lines.extend(f"  {f['feed']:<{longest}}  {f['files']:>6,} files  {_text(f['newest_edition_at'])}  {f['newest_sha256']}" for f in found["feeds"])
    return lines


def _file_facts(file: Mapping[str, Any], row_key: str | None) -> list[tuple[str, Any]]:
    facts: list[tuple[str, Any]] = [("feed", f"{file['feed']}" + (f": {file['title']}, {file['page']}" if "title" in file else ""))]
    if "licence" in file:
        facts.append(("licence", file["licence"]))
        facts.append(("lag", file["lag"] + (f" ({file['lag_source']})" if file["lag_source"] else "")))
    if row_key is not None:
        facts.append(("raw row", f"{row_key}" + (f"  ({' | '.join(file['key'])})" if "key" in file else "")))
    facts.extend(
        [
            (
                "file",
                f"{file['name']}, format {file['format']}, {file['size']:,} bytes, observations {file['first_observation']} to {file['last_observation']}",
            ),
            ("edition", f"current at {_text(file['edition_at'])} UTC, landed {_text(file['fetched_at'])} UTC"),
            ("address", file["url"] or f"not fetched from one (source: {file['source']})"),
            (
                "rows",
                f"{file['rows_read']:,} read = {file['rows_loaded']:,} loaded + {file['rows_quarantined']:,} quarantined"
                f" + {file['rows_unchanged']:,} unchanged; lines that are no records: {file['rows_skipped']:,}",
            ),
            ("bytes", file["landed_at"]),
            ("sha256", file["sha256"]),
        ]
    )
    return facts


def _text(value: Any) -> str:
    """A value in full, as far as its digits mean anything."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)
