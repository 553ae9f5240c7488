"""CONTRIBUTING.md, "Add a feed in 15 minutes": its blocks, applied to a copy of the project, give a feed that is whole."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.feed import Feed
from warehouse.docs import missing_parts
from warehouse.settings import REPOSITORY

PARTS = ("dags", "dbt_project", "docs", "expectations", "ingest", "warehouse", "Makefile", "pyproject.toml")
GUIDE = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Add a feed in 15 minutes")[2]
WHOLE_FILES = re.findall(r"(?ms)^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", GUIDE)
INSERTIONS = re.findall(r"(?ms)^In `([\w/.]+)`, below `([^`]+)`:\n\n```\w+\n(.*?)^```$", GUIDE)

NO_SAMPLE = "harbour_ships: the sample world has no file of it: add a writer to ingest/sample and its line to _WRITERS"

# Loads the feed's sample files, builds its staging model and runs the raw gate, in the process of the copy.
LOAD_AND_STAGE = """
import json
from expectations.gate import run_gate, stage_suites, read_build
from ingest.feeds import FEEDS
from warehouse import refresh
from warehouse.connection import connect
from warehouse.dbt import run_dbt
from warehouse.settings import load_settings

settings = load_settings()
refresh.open_build()
refresh.fetch("harbour")
refresh.load()
run_dbt(["build", "--select", "stg_harbour__ships"], warehouse=settings.warehouse_path, mart=settings.next_mart_path)
with connect(settings, read_only=True) as connection:
    file = connection.execute("select rows_read, rows_loaded, status from meta.file where feed = 'harbour_ships'").fetchall()
    staged = connection.execute("select count(*), min(cargo_tonnes) from staging.stg_harbour__ships").fetchone()
build = read_build(settings.warehouse_path, settings.warehouse_path, FEEDS)
suites = {s.name: len(s.checks) for stage in ("raw", "staging") for s in stage_suites(stage, build, FEEDS)}
gate = run_gate("raw", warehouse=settings.warehouse_path, mart=None, quality_dir=settings.quality_dir)
failed = [str(r) for r in gate.results if r.suite == "raw.harbour_ships" and not r.success]
print(json.dumps({"file": file, "staged": staged, "suites": suites, "failed": failed}))
"""


def copy_of_the_project(folder: Path) -> Path:
    """The parts of the project a feed touches, without what tools leave behind."""
    ignored = shutil.ignore_patterns("__pycache__", "target", "logs", "*.duckdb")
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy(source, folder / part)
    return folder


def follow_the_guide(root: Path) -> None:
    """Apply the guide's blocks to a copy of the project."""
    for path, content in WHOLE_FILES:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    for path, anchor, content in INSERTIONS:
        before, found, after = (root / path).read_text(encoding="utf-8").partition(f"\n{anchor}\n")
        assert found, f"{path} has no line {anchor!r}: mend the guide"
        (root / path).write_text(f"{before}{found}{content}{after}", encoding="utf-8")


def run(root: Path, *arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the copy's Python code, in a home of its own and without the caller's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EBBTIDE_")}
    environment |= {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", "EBBTIDE_HOME": str(home or root / "home"), "EBBTIDE_SAMPLE_FIRST_YEAR": "2021"}
    return subprocess.run([sys.executable, *arguments], cwd=root, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_of_the_project(tmp_path_factory.mktemp("project"))
    follow_the_guide(root)
    return root


def test_guide_has_the_steps() -> None:
    assert [path for path, _ in WHOLE_FILES] == [
        "ingest/feeds/harbour.py",
        "ingest/sample/harbour.py",
        "dbt_project/models/staging/harbour/stg_harbour__ships.sql",
        "dbt_project/models/staging/harbour/_harbour__sources.yml",
        "dbt_project/models/staging/harbour/_harbour__models.yml",
    ]
    assert {path for path, _, _ in INSERTIONS} == {"ingest/sample/__init__.py"}


def test_feed_of_the_guide_is_whole_and_documented(project: Path) -> None:
    written = run(project, "-m", "warehouse.docs")
    assert written.returncode == 0, written.stderr
    checked = run(project, "-m", "warehouse.docs", "--check")
    assert not checked.stderr, checked.stderr
    # what another feed lacks is told by test_no_feed_lacks_a_part
    assert [line for line in checked.stdout.splitlines() if "harbour" in line or "docs/" in line.split(" ")[0]] == []
    assert "## harbour_ships" in (project / "docs" / "feeds.md").read_text(encoding="utf-8")


def test_feed_of_the_guide_is_listed(project: Path) -> None:
    listed = run(project, "-m", "warehouse.cli", "feeds", "--provider", "harbour", "--json", home=project / "empty")
    assert listed.returncode == 0, listed.stderr
    (feed,) = json.loads(listed.stdout)
    assert (feed["feed"], feed["cadence"], feed["lag"], feed["status"]) == ("harbour_ships", "daily", "1 day, 08:00 New York", "absent")


def test_feed_of_the_guide_loads_stages_and_gets_suites(project: Path) -> None:
    result = run(project, "-c", LOAD_AND_STAGE)
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout.splitlines()[-1])
    ((read, loaded, status),) = found["file"]
    # 2021-01-01 to 2023-12-28: what was published by the end of 2023-12-29
    assert (read, loaded, status) == (1092, 1092, "loaded")
    rows, least_cargo = found["staged"]
    assert rows == 1092
    assert least_cargo > 1000  # tonnes, not thousands of them
    assert found["suites"]["raw.harbour_ships"] > 0
    assert found["suites"]["staging.stg_harbour__ships"] > 0
    assert found["failed"] == []


def feed_of_the_guide(folder: Path) -> dict[str, Feed]:
    """The guide's declaration, imported from a file of its own."""
    path = folder / "harbour.py"
    path.write_text(dict(WHOLE_FILES)["ingest/feeds/harbour.py"], encoding="utf-8")
    specification = importlib.util.spec_from_file_location("harbour", path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return {feed.name: feed for feed in module.FEEDS}


def test_a_step_left_out_is_named(tmp_path: Path) -> None:
    staging = "dbt_project/models/staging/harbour"
    messages = {
        f"{staging}/stg_harbour__ships.sql": f"harbour_ships: no staging model in {staging} reads it",
        f"{staging}/_harbour__sources.yml": f"harbour_ships: no source in {staging}/_harbour__sources.yml",
        f"{staging}/_harbour__models.yml": f"harbour_ships: model stg_harbour__ships has no entry in a YAML file of {staging}",
    }
    declared = feed_of_the_guide(tmp_path)
    for left_out, message in messages.items():
        root = tmp_path / Path(left_out).stem
        for path, content in WHOLE_FILES:
            if path.startswith(staging) and path != left_out:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(content, encoding="utf-8")
        # this process's sample world does not know the guide's writer
        assert missing_parts(root, declared) == [message, NO_SAMPLE]
    assert missing_parts(root, {}) == ["harbour_ships: no declaration in ingest/feeds, but a source in dbt_project/models/staging"]


def test_a_column_left_out_of_the_source_is_named(tmp_path: Path) -> None:
    path = "dbt_project/models/staging/harbour/_harbour__sources.yml"
    (tmp_path / path).parent.mkdir(parents=True)
    content = dict(WHOLE_FILES)[path]
    (tmp_path / path).write_text(re.sub(r".*name: cargo,.*\n", "", content), encoding="utf-8")
    assert "harbour_ships: column cargo is not in the source of dbt_project/models/staging/harbour" in missing_parts(tmp_path, feed_of_the_guide(tmp_path))


def test_no_feed_lacks_a_part() -> None:
    assert missing_parts() == []
