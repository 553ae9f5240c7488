"""`make bench`: run the benchmarks of speed, all or those that are named, and print one table."""

from __future__ import annotations

import importlib
import tempfile
import time
from pathlib import Path

import click

from benchmarks.result import show
from warehouse.settings import load_settings

# parts of docs/speed.md, and the module that measures each
PARTS = {
    "load": "form_13f",
    "orchestration": "orchestration",
    "incremental": "incremental",
    "peers": "peers",
    "gates": "gates",
    "readers": "readers",
    "growth": "growth",
    "signals": "signals",
}


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: tuple[str, ...]) -> None:
    """Measure PARTS, or everything, in folders of their own; the results go to the table and to bench/latest.json of the home."""
    found = []
    for part in parts or PARTS:
        began = time.monotonic()
        click.echo(f"== {part}", err=True)
        with tempfile.TemporaryDirectory(prefix=f"ebbtide-{part}-") as folder:
            found += importlib.import_module(f"benchmarks.{PARTS[part]}").results(Path(folder))
        click.echo(f"== {part}: {time.monotonic() - began:.0f} s", err=True)
    show(found, load_settings().home)


if __name__ == "__main__":
    main()
