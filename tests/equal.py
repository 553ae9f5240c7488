"""Whether two relations are equal: same keys; text, dates, integers and booleans equal; floats within a tolerance.

DuckDB's parallel and windowed sums differ in the last bits from run to run, so floats may differ by 1e-9 relative or 1e-12 absolute.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

RELATIVE = 1e-9
ABSOLUTE = 1e-12
SHOWN = 10
FLOATS = ("DOUBLE", "FLOAT")


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _types(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"describe select * from {relation}").fetchall()}


def assert_equal(connection: duckdb.DuckDBPyConnection, left: str, right: str, keys: Sequence[str], *, ignore: Sequence[str] = ()) -> None:
    """Raise AssertionError with the first differences unless two relations hold the same rows.

    Parameters
    ----------
    left, right
        Table names or subqueries in parentheses.
    keys
        Columns that identify a row; a null key equals a null key. The keys must be unique on both sides. Rows whose keys have a float among them are paired
        in its order, as the float may differ like any other.
    ignore
        Columns that may differ, or that one side may lack.
    """
    types = {side: {n: t for n, t in _types(connection, side).items() if n not in ignore} for side in (left, right)}
    assert types[left] == types[right], f"columns differ: {sorted(set(types[left].items()) ^ set(types[right].items()))}"
    key_list = ", ".join(_name(key) for key in keys)
    for side in (left, right):
        repeated = connection.execute(f"select {key_list}, count(*) from {side} group by all having count(*) > 1 limit {SHOWN}").fetchall()
        assert not repeated, f"{side}: the key ({key_list}) stands more than once: {repeated}"
    exact = [key for key in keys if types[left][key] not in FLOATS]
    inexact = [_name(key) for key in keys if key not in exact]
    place = f"row_number() over (partition by {', '.join(map(_name, exact)) or 'true'} order by {', '.join(inexact)})" if inexact else "1"
    same_key = " and ".join(["lhs._place = rhs._place", *(f"lhs.{_name(key)} is not distinct from rhs.{_name(key)}" for key in exact)])
    compared = {name: type_ for name, type_ in types[left].items() if name not in exact}
    differences = ["case when lhs._here is null then '(row missing on the left)' when rhs._here is null then '(row missing on the right)' end"]
    for column, type_ in compared.items():
        one, other = f"lhs.{_name(column)}", f"rhs.{_name(column)}"
        equal = f"{one} is not distinct from {other}"
        if type_ in FLOATS:
            near = f"abs({one} - {other}) <= greatest({ABSOLUTE}, {RELATIVE} * greatest(abs({one}), abs({other})))"
            finite = f"coalesce(isfinite({one}) and isfinite({other}), false)"
            equal = f"({equal} or ({finite} and {near}))"
        shown = f"'{column}: ' || coalesce({one}::varchar, 'null') || ' / ' || coalesce({other}::varchar, 'null')"
        differences.append(f"case when lhs._here and rhs._here and not ({equal}) then {shown} end")
    shown_keys = ", ".join(f"coalesce(lhs.{_name(key)}, rhs.{_name(key)}) as {_name(key)}" for key in keys)
    found = connection.execute(
        f"""
        with differences as (
            select {shown_keys}, nullif(concat_ws('; ', {", ".join(differences)}), '') as difference
            from (select *, true as _here, {place} as _place from {left}) as lhs
            full join (select *, true as _here, {place} as _place from {right}) as rhs on {same_key}
        )
        select *, count(*) over () as differing from differences where difference is not null order by {key_list} limit {SHOWN}
        """
    ).fetchall()
    if found:
        lines = "\n".join(f"  {dict(zip(keys, row[: len(keys)], strict=True))}: {row[-2]}" for row in found)
        raise AssertionError(f"{found[0][-1]} rows differ ({left} / {right}), the first {len(found)}:\n{lines}")
