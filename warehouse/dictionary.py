"""The data dictionary, docs/dictionary.md: every table and column of the published database, from the YAML of the marts and the comments of the record."""

from __future__ import annotations

import csv
import functools
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence

from expectations.project import Column, Model, feeds_behind, read_models
from warehouse.dbt import SIGNALS
from warehouse.markdown import MADE, plain, table
from warehouse.publish import record_columns

_SCHEMAS = {
    "signals": "is capital leaving: signals, the index, alerts, flows, positions, the claims ledger",
    "migration": "where it goes: destinations, cross-border flows, reserves, turnover",
    "valuation": "what prices mean then: discount rates, values, multiples",
    "scenarios": "what may come: paths, spillovers, defences, supervision",
    "meta": "the build itself: files, feeds, lineage, quarantine",
    "quality": "what was checked",
}


@functools.cache
def dictionary_page() -> str:
    """The published database as Markdown: an overview, then each table with grain, feeds and columns, then the signals.

    Raises ValueError when a mart stands in a schema that this module does not describe.
    """
    models = read_models()
    marts = sorted((model for model in models.values() if model.layer == "marts"), key=lambda model: (list(_SCHEMAS).index(_known(model.schema)), model.name))
    record = [(name, comment, list(rows)) for (name, comment), rows in itertools.groupby(record_columns(), key=lambda row: row[:2])]
    overview = [
        *([_link(f"{mart.schema}.{mart.name}"), ", ".join(mart.grain), _first_sentence(mart.description)] for mart in marts),
        *([_link(name), _grain(comment), _first_sentence(comment)] for name, comment, _ in record),
    ]
    return (
        "\n\n".join(
            [
                "# Data dictionary",
                MADE,
                "Every table and column of `published/current.duckdb`, which is what BI tools see. The same texts are comments in the database. "
                "Schemas: " + "; ".join(f"`{schema}` ({what})" for schema, what in _SCHEMAS.items()) + ". "
                "The columns of raw tables are on the page [Feeds](feeds.md), those of the models between in dbt's pages of the site.",
                "To look for something: the site that `make docs` makes has a box on this page that leaves only the rows with the words you type. In SQL:",
                "```sql\nselect schema_name, table_name, column_name, data_type, comment\nfrom duckdb_columns()\n"
                "where not internal and concat_ws(' ', table_name, column_name, comment) ilike '%margin%'\norder by all\n```",
                "Shares and rates are fractions (0.05 is 5%) unless the unit says otherwise, times are UTC, the key of a table is what no two rows share.",
                "## Tables",
                table(("table", "key", "what"), overview),
                *(_mart(mart, models) for mart in marts),
                *(_record(name, comment, rows) for name, comment, rows in record),
                "## Signals",
                "The rows of `signals.dim_signal`. Each is measured in `signals.fct_signal_daily`, where `signal_id` says which one a row is about.",
                table(("signal_id", "what", "block", "unit", "cadence", "feed", "formula"), _signals()),
            ]
        )
        + "\n"
    )


def _known(schema: str) -> str:
    if schema not in _SCHEMAS:
        raise ValueError(f"say in warehouse/dictionary.py what the schema {schema} holds")
    return schema


def _mart(mart: Model, models: Mapping[str, Model]) -> str:
    feeds = ", ".join(f"[{feed}](feeds.md#{feed})" for feed in sorted(feeds_behind(mart, models, through_macros=True)))
    facts = [f"* Key: {', '.join(f'`{name}`' for name in mart.grain)}", *([f"* Feeds: {feeds}"] if feeds else [])]
    columns = ([f"`{column.name}`", column.type, column.unit, _meaning(column)] for column in mart.columns)
    return "\n\n".join([f"## {mart.schema}.{mart.name}", plain(mart.description), "\n".join(facts), table(("column", "type", "unit", "meaning"), columns)])


def _meaning(column: Column) -> str:
    return column.description + (f" One of: {', '.join(column.values)}." if column.values else "")


def _record(name: str, comment: str, rows: Iterable[Sequence[str]]) -> str:
    columns = ([f"`{column}`", kind.lower(), meaning] for _, _, column, kind, meaning in rows)
    return "\n\n".join([f"## {name}", plain(f"{comment}."), table(("column", "type", "meaning"), columns)])


def _signals() -> Iterable[list[str]]:
    with SIGNALS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            measured = "" if row["is_measured"] == "true" else " (not measured)"
            yield [f"`{row['signal_id']}`", row["name_en"] + measured, row["block"], row["unit"], row["cadence"], row["feed"], row["formula"]]


def _link(name: str) -> str:
    return f"[{name}](#{name.replace('.', '')})"


def _first_sentence(text: str) -> str:
    return re.split(r"\.(?= [A-Z]|$)", " ".join(text.split()), maxsplit=1)[0]


def _grain(comment: str) -> str:
    return comment.partition("Grain: ")[2]
