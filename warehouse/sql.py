"""Names and texts in SQL: the one place that quotes them. Values go in as parameters wherever a statement takes any."""

from __future__ import annotations

from pathlib import Path


def quote(identifier: str) -> str:
    """An SQL identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str | Path) -> str:
    """An SQL string literal, for the statements that take no parameters (ATTACH, COPY), or where one would cost the import of pandas."""
    return "'" + str(value).replace("'", "''") + "'"
