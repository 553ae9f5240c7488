"""A refresh that finds one new day, on a long and on a short history, and against a full build of the long one.

`python -m benchmarks.incremental [--long 20] [--short 3]`: for each history the sample world's files as of its last day but one are refreshed in a home, then
those of the last day come on top and the refresh is timed. A home that has never seen anything then gets all files at once: its build is the full one,
and must hold the same marts, row for row. The files are replayed, so nothing but their number and content differs.
"""

from __future__ import annotations

import csv
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import click
import duckdb

from benchmarks.home import refresh
from benchmarks.result import Result, at_most, show
from expectations.project import read_models
from ingest.sample import END, render
from tests.equal import assert_equal
from warehouse.settings import load_settings

# the shortest world that has an index: its scale needs two years, after a first window of one
SHORT, LONG = 4, 20
# what tells the file a row came from, not what it says
LINEAGE = "file_id"


def save(folder: Path, as_of: datetime, years: int) -> int:
    """Save the files of a world as of a moment, and when each was current; returns how many were not there yet."""
    added = 0
    editions = []
    for file in render(as_of, first_year=END.year - years + 1):
        path = folder / file.feed / f"{file.edition_at:%Y%m%dT%H%M%S}" / file.name
        editions.append((path.relative_to(folder).as_posix(), file.edition_at.isoformat()))
        if not path.exists() or path.read_bytes() != file.content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            added += 1
    with (folder / "manifest.csv").open("a", encoding="utf-8", newline="") as manifest:
        csv.writer(manifest).writerows([*([] if manifest.tell() else [("file", "edition")]), *editions])
    return added


def assert_same_marts(one: Path, other: Path) -> None:
    """Raise AssertionError unless two published builds hold the same rows in every mart."""
    with duckdb.connect() as connection:
        for side, home in (("one", one), ("other", other)):
            connection.execute(f"attach '{home / 'published' / 'current.duckdb'}' as {side} (read_only)")
        for model in read_models().values():
            if model.layer == "marts":
                table = f"{model.schema}.{model.name}"
                assert_equal(connection, f"one.{table}", f"other.{table}", model.grain, ignore=[LINEAGE])


def new_day(folder: Path, years: int) -> float:
    """Seconds of the refresh that finds the last day of a world of some years; its home stays in `folder/home`, its files in `folder/files`."""
    save(folder / "files", END - timedelta(days=1), years)
    replay = f"replay:{folder / 'files'}"
    refresh(folder / "home", SOURCE=replay)
    changed = save(folder / "files", END, years)
    click.echo(f"{years} years: {changed} files of the last day", err=True)
    return refresh(folder / "home", SOURCE=replay)[0]


def results(folder: Path, long: int = LONG, short: int = SHORT) -> list[Result]:
    """The two ratios of docs/speed.md. Raises AssertionError when the refreshed marts differ from those of a full build."""
    few = new_day(folder / "short", short)
    many = new_day(folder / "long", long)
    full, _ = refresh(folder / "full", SOURCE=f"replay:{folder / 'long' / 'files'}")
    assert_same_marts(folder / "long" / "home", folder / "full")
    return [
        at_most(f"incremental: refresh with one new day on {long} years, against {short} years", many, few, many / few, 1.3),
        at_most(f"incremental: refresh with one new day on {long} years, against a full build", many, full, many / full, 0.15),
    ]


@click.command()
@click.option("--long", default=LONG, show_default=True, help="years of the long history")
@click.option("--short", default=SHORT, show_default=True, help="years of the short history")
def main(long: int, short: int) -> None:
    """Refresh with one new day and print how long it took, against a short history and against a full build."""
    with tempfile.TemporaryDirectory() as temporary:
        show(results(Path(temporary), long, short), load_settings().home)


if __name__ == "__main__":
    main()
