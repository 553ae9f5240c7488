"""Every command and statement of the documentation runs: here, on the refreshed sample world, or in another test that is named.

A command that only looks is typed here as it stands, and what the page shows of its answer must be in what it prints: each line, in order, but for its
digits and spaces; a line `...` stands for lines left out. Every other command is listed in `ELSEWHERE`, by page, with the test that runs it or the reason
why none does. A command that is in neither fails, and so does a line of the list that fits no command any more.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from tests.conftest import ROOT
from warehouse.cli import main

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

# What changes nothing, and is typed here.
EBBTIDE = ("query", "doctor", "feeds", "claims", "trace", "builds", "quarantine list")
LOOKS = (*(f"ebbtide {name}" for name in EBBTIDE), "sha256sum", "grep")

REFRESH = ".ci/run types it; tests/test_refresh.py runs what it runs"
OPERATIONS = "tests/test_operations.py types it, in the situation it is meant for"
SUPERSET = "needs an environment of its own, made by hand for tests/superset.py"
DOCKER = "needs Docker; tests/test_compose.py runs what the services run"

# page: beginning of a command: the test that runs it, or why none does
ELSEWHERE: dict[str, dict[str, str]] = {
    "README.md": {
        "make refresh SOURCE=replay:": "tests/test_realdata.py replays a folder",
        "make refresh SOURCE=live": "needs the providers; tests/test_live_source.py asks simulated ones",
        "make refresh": REFRESH,
        "make test": "is what runs this",
    },
    "CONTRIBUTING.md": {
        "make refresh": REFRESH,
        "make test": "is what runs this",
        "make lint test": ".ci/run runs both",
        "make lint": ".ci/run runs it",
        "make docs": "tests/test_site.py makes the site",
        ".ci/run": "is what runs this; tests/test_docs.py reads it",
        ".venv/bin/pre-commit install": "changes the clone it is typed in; tests/test_docs.py compares the hooks with make lint",
        ".venv/bin/python -m warehouse.docs": "tests/test_contributing.py runs it in a copy of the project",
        "ebbtide feeds --provider harbour": "tests/test_contributing.py runs it in a copy of the project",
    },
    "docs/tutorial.md": {"make refresh": REFRESH},
    "docs/notifications.md": {
        "export ": "sets a variable; tests/test_notifications.py does",
        "make refresh": REFRESH,
    },
    "docs/compose.md": {
        "umask 077": "tests/test_compose.py types it",
        "echo ": "tests/test_compose.py types those that make secrets",
        "make up": DOCKER,
        "docker compose exec -T postgres ": "tests/test_airflow_stack.py types it, without the container",
        "docker compose run --rm --no-deps -T scheduler tar ": "tests/test_airflow_stack.py types it, without the container",
        "docker compose ": DOCKER,
        "git pull": "changes the clone it is typed in",
    },
    "docs/lake.md": {
        "export ": "sets a variable; tests/test_lake.py does",
        "make refresh": REFRESH,
        "ebbtide lake builds": "tests/test_lake.py",
    },
    "docs/speed.md": {"make bench": "measures for an hour; tests/test_benchmarks.py checks what it computes"},
    "docs/sizing.md": {".venv-spark/bin/python -m benchmarks.sizing": "measures for minutes"},
    "docs/spark.md": {
        "make spark": "makes an environment of 480 MB, in which tests/test_spark.py runs",
        ".venv-spark/bin/python -m ": "tests/test_spark.py builds and compares as they do",
        "ebbtide refresh": REFRESH,
    },
    "docs/report.md": {"ebbtide report --open": "opens a browser", "ebbtide report": "tests/test_report.py"},
    "docs/bi.md": {
        "export ": "sets a variable; tests/test_bi.py does",
        "ebbtide publish": "tests/test_bi.py",
        "python3 -m venv superset": SUPERSET,
        "superset/bin/pip install ": SUPERSET,
        "python -m tests.superset ": SUPERSET,
    },
    "docs/command-line.md": {"ebbtide ": "tests/test_cli.py compares the page with a transcript"},
    "docs/quality.md": {"ebbtide quarantine release": "tests/test_quarantine.py", "ebbtide quarantine drop": "tests/test_quarantine.py"},
    "docs/operations.md": dict.fromkeys(
        (
            "ebbtide backfill",
            "ebbtide refresh",
            "EBBTIDE_MEMORY_LIMIT=2GB ebbtide refresh",
            "ebbtide gate raw",
            "ebbtide quarantine drop",
            "ebbtide quarantine release",
            "ebbtide rollback",
            "mkdir ",
            "mv ",
        ),
        OPERATIONS,
    ),
}


@dataclass(frozen=True)
class Typed:
    """A command of a page, without its comment, and the lines that the page shows below it."""

    page: str
    command: str
    shown: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.command}"


def typed(page: Path) -> Iterator[Typed]:
    """The commands of a page: lines after `$` in console blocks, all lines of shell blocks."""
    for language, block in re.findall(r"(?ms)^```(console|bash|sh)\n(.*?)^```$", page.read_text(encoding="utf-8")):
        commands: list[tuple[str, list[str]]] = []
        for line in block.splitlines():
            if language != "console" or line.startswith("$ "):
                commands.append((re.sub(r"\s+#\s.*", "", line.removeprefix("$ ")).replace(".venv/bin/ebbtide", "ebbtide"), []))
            else:
                assert commands, f"{page.name} shows {line!r} before any command"
                commands[-1][1].append(line)
        yield from (Typed(str(page.relative_to(ROOT)), command, tuple(shown)) for command, shown in commands)


COMMANDS = [command for page in PAGES for command in typed(page)]


def listed(command: Typed) -> list[str]:
    """The line of the list that stands for a command: the longest that fits."""
    fits = [beginning for beginning in ELSEWHERE.get(command.page, {}) if command.command.startswith(beginning)]
    return [max(fits, key=len)] if fits else []


# a command that stands on more pages is typed once, with what is shown most of
NOT_LISTED = list({command.command: command for command in sorted(COMMANDS, key=lambda each: len(each.shown)) if not listed(command)}.values())


def test_every_command_is_typed_here_or_listed() -> None:
    unknown = [str(command) for command in NOT_LISTED if not command.command.startswith(LOOKS)]
    assert not unknown, f"neither do these only look (LOOKS), nor does ELSEWHERE say which test runs them: {unknown}"


def test_the_list_names_commands_and_tests_that_are_there() -> None:
    used = {(command.page, beginning) for command in COMMANDS for beginning in listed(command)}
    assert {(page, beginning) for page, beginnings in ELSEWHERE.items() for beginning in beginnings} == used
    for reason in {reason for beginnings in ELSEWHERE.values() for reason in beginnings.values()}:
        for path in re.findall(r"tests/\w+\.py", reason):
            assert (ROOT / path).exists(), f"{path} is not there"


def shape(line: str) -> str:
    """A line but for its digits and spaces: the world of the tests begins later than the one of the pages, so its figures differ."""
    return re.sub(r"[-\d.,]*\d", "#", "".join(line.replace("-----", "").split()))


@pytest.mark.parametrize("command", [command for command in NOT_LISTED if command.command.startswith(LOOKS)], ids=str)
def test_command_does_what_the_page_shows(command: Typed, sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "sample").symlink_to(sample_home)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EBBTIDE_HOME", str(sample_home))
    monkeypatch.setenv("COLUMNS", "120")  # the terminal that the pages were written on
    if command.command.startswith("ebbtide "):
        result = CliRunner().invoke(main, shlex.split(command.command)[1:], catch_exceptions=False)
        code, printed = result.exit_code, result.output
    else:
        done = subprocess.run(["bash", "-c", command.command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
        code, printed = done.returncode, done.stdout
    assert code == 0, printed
    rest = iter([shape(line) for line in printed.splitlines()])
    for line in command.shown:
        # looking goes on from the line that was found last
        assert line == "..." or shape(line) in rest, f"{command} does not print {line!r} there:\n{printed}"


def statements() -> list[tuple[str, str]]:
    """Statements of the pages by page, but for those of test_questions.py, test_lake.py, the guide's model (test_contributing.py) and on tables of Spark."""
    pages = [page for page in PAGES if page.name not in ("questions.md", "lake.md", "spark.md", "CONTRIBUTING.md")]
    return [(str(page.relative_to(ROOT)), sql) for page in pages for sql in re.findall(r"(?ms)^```sql\n(.*?)^```$", page.read_text(encoding="utf-8"))]


def test_statements_run(sample_home: Path) -> None:
    found = statements()
    assert {"docs/dictionary.md", "docs/quality.md"} <= {page for page, _ in found}
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as published:
        for page, sql in found:
            for statement in duckdb.extract_statements(sql):
                try:
                    published.execute(statement)
                except duckdb.Error as error:
                    pytest.fail(f"{page}: {sql}\n{error}")
