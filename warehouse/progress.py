"""How far a fetch is: a bar a feed on a terminal, plain lines elsewhere, and the log of the task in an Airflow worker.

A terminal gets bars only where a command has said that it is one (`shown_on`): what a worker writes is a log file, in which the
control characters of a bar would be noise.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from warehouse.terminal import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ingest.source import Step

_log = logging.getLogger(__name__)
_stream: TextIO | None = None


@contextmanager
def shown_on(stream: TextIO) -> Iterator[None]:
    """Show the progress of fetches in this block on `stream`."""
    global _stream
    before, _stream = _stream, stream
    try:
        yield
    finally:
        _stream = before


class Telling(Protocol):
    """Where steps and remarks go."""

    def step(self, step: Step) -> None:
        """Show how far a feed is."""

    def say(self, line: str) -> None:
        """Show a remark."""


@contextmanager
def fetching() -> Iterator[Telling]:
    """The way to tell of the fetches in this block."""
    if _stream is None or not is_terminal(_stream):
        lines = _Lines(_stream)
        try:
            yield lines
        finally:
            lines.end()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("  {task.fields[feed]:<30}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    # the standard streams may be a log file while a task runs: they are left alone
    with Progress(*columns, console=Console(file=_stream), redirect_stdout=False, redirect_stderr=False) as progress:
        yield _Bars(progress)


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show on a terminal that a command of unknown length is at work, beside what it prints; nothing elsewhere."""
    if not is_terminal(sys.stderr):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{what} ..."):
        yield


def _megabytes(step: Step) -> str:
    of = f" of {step.length / 1e6:,.1f}" if step.length else ""
    return f"{step.name} {step.received / 1e6:,.1f}{of} MB"


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.bars: dict[str, TaskID] = {}

    def step(self, step: Step) -> None:
        if step.feed not in self.bars:
            self.bars[step.feed] = self.progress.add_task("", feed=step.feed, total=step.known)
        said = _megabytes(step) if step.received else ("" if step.done == step.known else step.name)
        self.progress.update(self.bars[step.feed], completed=step.done, total=step.known, description=said)

    def say(self, line: str) -> None:
        self.progress.console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


class _Lines:
    """A line a feed when it ends, and one every hundred requests or hundred megabytes of those that take long."""

    EVERY = 100

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream
        self.last: Step | None = None
        self.megabytes = 0

    def say(self, line: str) -> None:
        if self.stream:
            print(f"  {line}", file=self.stream, flush=True)
        else:
            _log.info(line)

    def step(self, step: Step) -> None:
        if self.last and self.last.feed != step.feed:
            self.end()
        if step.received:
            reached = int(step.received / 1e6) // self.EVERY
            if reached > self.megabytes:
                self.say(f"{step.feed}: {_megabytes(step)}")
            self.megabytes = reached
        elif step.done and step.done % self.EVERY == 0 and step.done < step.known and (self.last is None or self.last.done != step.done):
            self.say(f"{step.feed}: {step.done:,} of {step.known:,} requests")
        self.last = step

    def end(self) -> None:
        if self.last:
            of = f" of {self.last.known:,}" if self.last.done < self.last.known else ""
            self.say(f"{self.last.feed}: {self.last.done:,}{of} requests")
        self.last, self.megabytes = None, 0
