"""The transcript of docs/command-line.md: its commands, run as they stand, and what they print.

    python -m tests.transcript HOME

writes the answers into the page again, from the home of a refreshed sample world.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import EBBTIDE, ROOT

PAGE = ROOT / "docs" / "command-line.md"
_BLOCK = re.compile(r"(?ms)^<!-- in (an empty|a refreshed) home -->\n```console\n(.*?)^```$")


def sessions(page: str) -> list[tuple[str, str]]:
    """Each block of commands that the page runs, with its home: `an empty` or `a refreshed`."""
    return _BLOCK.findall(page)


def commands(session: str) -> list[tuple[str, str]]:
    """The commands of a block, each with its answer as it is printed there."""
    return [(command, answer) for command, _, answer in (part.partition("\n") for part in re.split(r"(?m)^\$ ", session)[1:])]


def answer(command: str, home: Path) -> str:
    """What a command prints, errors included, with the home called as in a checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EBBTIDE_")}
    environment |= {"EBBTIDE_HOME": str(home), "PATH": f"{EBBTIDE.parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120"}
    done = subprocess.run(
        ["bash", "-c", command.replace(".venv/bin/", "")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return re.sub(r"(Ebbtide [\d.]+)\+[\w-]+", r"\1", done.stdout.replace(str(home), "var/sample"))


def told(text: str) -> list[list[str]]:
    """The words of an answer: figures, times, versions and names of builds change from build to build, and columns are as wide as they are."""
    masked = re.sub(r"-+", "-", re.sub(r"\b[0-9a-f]{64}\b|\d[\d.]*\+[\w-]+|\d[\d,.]*\w*", "#", text))
    return [line.split() for line in masked.splitlines()]


def main(home: Path) -> None:
    """Write the page again."""
    with tempfile.TemporaryDirectory() as empty:

        def again(block: re.Match[str]) -> str:
            where = home if block[1] == "a refreshed" else Path(empty) / "home"
            lines = "".join(f"$ {command}\n{answer(command, where)}" for command, _ in commands(block[2]))
            return f"<!-- in {block[1]} home -->\n```console\n{lines}```"

        PAGE.write_text(_BLOCK.sub(again, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
