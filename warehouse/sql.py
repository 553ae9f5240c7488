"""Names and texts in SQL: the one place that quotes them; and a transaction. Values go in as parameters wherever a statement takes any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def quote(identifier: str) -> str:
    """An SQL identifier in double quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(value: str | Path) -> str:
    """An SQL string literal, for the statements that take no parameters (ATTACH, COPY), or where one would cost the import of pandas."""
    return "'" + str(value).replace("'", "''") + "'"


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All that is done in the block, or nothing of it. What went wrong is raised as it is, though the transaction may be gone with it."""
    import duckdb

    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("rollback")
        raise
