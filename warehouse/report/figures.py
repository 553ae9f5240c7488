"""Figures as the report shows them: a value of a published table with its place, and its text in English and Chinese."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import duckdb

from warehouse.sql import quote

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

MINUS = "\N{MINUS SIGN}"
# thousands of the language: the largest first
DOLLARS: dict[Language, tuple[tuple[float, str, int], ...]] = {
    "en": ((1e12, "tn", 2), (1e9, "bn", 1), (1e6, "mn", 1)),
    "zh": ((1e12, "万亿", 2), (1e8, "亿", 1), (1e4, "万", 1)),
}


@dataclass(frozen=True)
class Figure:
    """A number of a published table: its value, and where it stands, so that a reader can look it up.

    `unit` is one of those of `text`. Where `less` names the key of a second row, the value is the difference of the two.
    """

    value: float | None
    unit: str
    table: str
    column: str
    key: Mapping[str, Any] = field(default_factory=dict)
    less: Mapping[str, Any] | None = None

    def text(self, language: Language) -> str:
        """The value in words of the language, rounded."""
        return text(self.value, self.unit, language)

    @property
    def place(self) -> str:
        """Table, column and row, as `ebbtide trace` takes them."""
        row = " ".join(f"{name}={value}" for name, value in self.key.items())
        return (
            f"{self.table}.{self.column}"
            + (f" {row}" if row else "")
            + (" less that of " + " ".join(f"{n}={v}" for n, v in self.less.items()) if self.less else "")
        )


def text(value: float | None, unit: str, language: Language) -> str:
    """A number as people write it.

    Units: `USD`, `share` and `rate` (fractions, shown as percent), `share change` (fraction, shown as percentage points with its sign),
    `percent` (as it stands), `score` (standard deviations, with sign), `points` (of an index, with sign), `index`, `ratio`, `count`,
    and `number` (four figures). Any other unit is shown as `number`.
    """
    if value is None or not math.isfinite(value):
        return "–"
    sign = MINUS if value < 0 else ""
    size = abs(value)
    if unit == "USD":
        amount = next((f"{size / scale:,.{digits}f}{name}" for scale, name, digits in DOLLARS[language] if size >= scale), f"{size:,.0f}")
        return f"{sign}${amount}" if language == "en" else f"{sign}{amount}美元"
    if unit == "share":
        return f"{sign}{_figures(size * 100, 3)}%"
    if unit == "rate":
        return f"{sign}{size * 100:.2f}%"
    if unit == "percent":
        return f"{sign}{size:.1f}%"
    if unit in ("share change", "score", "points"):
        shown = {"share change": f"{size * 100:.2f}", "score": f"{size:.2f}", "points": f"{size:.1f}"}[unit]
        signed = f"{sign or '+'}{shown}" if float(shown) else shown
        return signed + ({"en": " points", "zh": "个百分点"}[language] if unit == "share change" else "")
    if unit == "index":
        return f"{sign}{size:.1f}"
    if unit == "ratio":
        return f"{sign}{size:.2f}"
    if unit == "count":
        return f"{sign}{size:,.0f}"
    whole, _, rest = _figures(size, 4).partition(".")
    return sign + f"{whole}.{rest}".rstrip("0").rstrip(".")


def _figures(size: float, figures: int) -> str:
    """A number with as many significant figures, never in powers of ten."""
    if size == 0:
        return "0"
    digits = max(0, figures - 1 - math.floor(math.log10(size)))
    return f"{size:,.{min(digits, 6)}f}"


@dataclass(frozen=True)
class Row:
    """A row of a published table."""

    table: str
    key: Mapping[str, Any]
    values: Mapping[str, Any]

    def __getitem__(self, column: str) -> Any:
        return self.values[column]

    def figure(self, column: str, unit: str, less: Row | None = None) -> Figure:
        """One of its numbers, or the change of it since another row."""
        value = self.values[column]
        if less is not None:
            value = None if value is None or less[column] is None else value - less[column]
        return Figure(None if value is None else float(value), unit, self.table, column, self.key, less.key if less else None)


class Published:
    """The published build, read table by table, so that every number that is shown has a place."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._columns: dict[str, set[str]] = {}
        for table, column in connection.execute("select schema_name || '.' || table_name, column_name from duckdb_columns() where not internal").fetchall():
            self._columns.setdefault(table, set()).add(column)

    def rows(self, table: str, key: Sequence[str], columns: Sequence[str], rest: str = "", parameters: Sequence[Any] = ()) -> list[Row]:
        """Rows of one table with its `key` and some columns; `rest` is what follows `from` in the statement.

        None where the build has no such table or column: one kept from an earlier version.
        """
        if not {*key, *columns} <= self._columns.get(table, set()):
            return []
        names = list(dict.fromkeys([*key, *columns]))
        schema, _, name = table.partition(".")
        statement = f"select {', '.join(map(quote, names))} from {quote(schema)}.{quote(name)} {rest}"
        found = self._connection.execute(statement, list(parameters)).fetchall()
        read = (dict(zip(names, row, strict=True)) for row in found)
        return [Row(table, {part: values[part] for part in key}, values) for values in read]

    def newest(self, table: str, where: str = "true") -> date | None:
        """The newest observation date of a table; None where it has no rows."""
        if "observation_date" not in self._columns.get(table, set()):
            return None
        schema, _, name = table.partition(".")
        row = self._connection.execute(f"select max(observation_date) from {quote(schema)}.{quote(name)} where {where}").fetchone()
        return row[0] if row else None
