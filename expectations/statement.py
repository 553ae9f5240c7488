"""All conditions of a table as one statement that counts the rows which break each: what the checks have in common is computed once.

Sound tables break none, so that a gate which knows the counts has to look at single rows only where something is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.check import Suite
from warehouse.sql import literal, quote

if TYPE_CHECKING:
    import duckdb

# What the number of all rows is called beside the names of checks.
ROWS = "rows of the table"

_CONDITION_ON_ROWS = re.compile(
    r"select (?!distinct\b)[^\n]+\nfrom \{batch\}\nwhere ((?:(?!\b(?:group by|having|qualify|order by|limit|union)\b).)+)", re.DOTALL
)
_COMMENT = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|--[^\n]*")


def counts(connection: duckdb.DuckDBPyConnection, suite: Suite) -> dict[str, int]:
    """Rows that break each condition of a suite, by the name of its check.

    Raises duckdb.Error when one of them cannot be computed, without saying which, or when all at once need more memory than there is.
    """
    return dict(connection.execute(statement(suite)).fetchall())


def statement(suite: Suite) -> str:
    """A query of (check, rows that break it): conditions on single rows in one scan, the others with the common table expressions they share."""
    counted = ["count(*)"]
    names = [ROWS]
    others: list[tuple[str, list[str], str]] = []
    for check in suite.checks:
        if check.unexpected_rows is None:
            continue
        text = _COMMENT.sub(lambda found: found[1] or "", check.unexpected_rows).strip()
        if found := _CONDITION_ON_ROWS.fullmatch(text):
            names.append(check.name)
            counted.append(f"count(*) filter (where {found[1]})")
        else:
            others.append((check.name, *_parts(text)))
    scan = f"select unnest([{', '.join(map(literal, names))}]) as name, unnest([{', '.join(counted)}]) as found from {{batch}}"
    batch = f"{quote(suite.schema)}.{quote(suite.table)}"
    return "\nunion all\n".join([scan, *_sharing(others)]).replace("{batch}", batch).replace("{{", "{").replace("}}", "}")


def _sharing(checks: Sequence[tuple[str, list[str], str]]) -> list[str]:
    """A query a group of checks that begin with the same expression, which then stands there once."""
    groups: dict[str, list[tuple[str, list[str], str]]] = {}
    for name, parts, last in checks:
        groups.setdefault(parts[0] if parts else f"{name}: no expression", []).append((name, parts, last))
    queries = []
    for first, group in groups.items():
        if len(group) == 1:
            name, parts, last = group[0]
            queries.append(f"select {literal(name)}, count(*) from ({'with ' + ', '.join(parts) if parts else ''} {last})")
        else:
            inner = "\nunion all\n".join(_sharing([(name, parts[1:], last) for name, parts, last in group]))
            queries.append(f"select * from (with {first} {inner})")
    return queries


def _parts(text: str) -> tuple[list[str], str]:
    """The common table expressions of a query, `name as (...)` each, and the query that follows them."""
    rest, parts = text, []
    if not re.match(r"with\b", rest):
        return [], rest
    rest = rest[len("with") :].lstrip()
    while True:
        depth, opened, in_literal = 0, re.search(r"\bas\s*\(", rest), ""
        if opened is None:
            raise ValueError(f"not a common table expression: {rest[:80]}")
        for place in range(opened.end() - 1, len(rest)):
            character = rest[place]
            if in_literal:
                in_literal = "" if character == in_literal else in_literal
            elif character in "'\"":
                in_literal = character
            elif character in "()":
                depth += 1 if character == "(" else -1
                if depth == 0:
                    break
        parts.append(rest[: place + 1])
        rest = rest[place + 1 :].lstrip()
        if not rest.startswith(","):
            return parts, rest
        rest = rest[1:].lstrip()
