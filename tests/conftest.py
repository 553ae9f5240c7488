"""Fixtures shared by the tests: homes of their own, a refresh of the sample world, real provider files where there are any."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
EBBTIDE = Path(sys.executable).with_name("ebbtide")

# Years of the sample world in tests: enough for every window of the index (3 years, a gap, and 2 years of scale) before the retreat.
FIRST_YEAR = "2016"


# A home of the whole sample world that this checkout has refreshed, where there is one: it spares the tests a refresh of minutes.
WHOLE_SAMPLE = os.environ.get("EBBTIDE_WHOLE_SAMPLE")

# Files that take longest, in that order: they start first, so that the two test processes end together. The second needs no refreshed
# sample world, which the first makes meanwhile.
LONGEST = (
    "test_refresh",
    "test_gate",
    "test_lake",
    "test_airflow_stack",
    "test_mutation",
    "test_dbt_project",
    "test_faults",
    "test_bad_input",
    "test_operations",
    "test_fuzz",
    "test_site",
    "test_realdata",
    "test_contributing",
    "test_sample",
    "test_dags",
)


TARGETS = ("duckdb", "lake", "spark")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", choices=TARGETS, help="only the tests of one target of the dbt project: files of DuckDB, the lake, Spark; default all")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the target that is asked for, and order the test files by how long they take."""
    if target := config.getoption("--target"):
        kept = [item for item in items if next((name for name in TARGETS if item.get_closest_marker(name)), "duckdb") == target]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True)
def no_caller_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes the caller's home, whatever the caller has set."""
    for name in [name for name in os.environ if name.startswith("EBBTIDE_") and name not in ("EBBTIDE_REALDATA", "EBBTIDE_WHOLE_SAMPLE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("EBBTIDE_HOME", str(tmp_path / "home"))


def environment(home: Path, **settings: object) -> dict[str, str]:
    """The caller's environment without settings of Ebbtide or Airflow, with the home and those that are given."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("EBBTIDE_", "AIRFLOW"))}
    return others | {"EBBTIDE_HOME": str(home)} | {f"EBBTIDE_{name}": str(value) for name, value in settings.items()}


def command(*arguments: str, home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `ebbtide` as a user would, in a process of its own."""
    of_tests = environment(home, **{"SAMPLE_FIRST_YEAR": FIRST_YEAR, **settings})
    return subprocess.run([str(EBBTIDE), *arguments], env=of_tests, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, Callable[[Path], None]], Path]:
    """A folder that is made once for all test processes: `shared(name, make)` returns it, made by the first that asks."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if worker_id != "master" else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder = root / name
        with FileLock(root / f"{name}.lock"):
            if not (folder / ".made").exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                (folder / ".made").touch()
        return folder

    return made


def refreshed(folder: Path, first_year: str = FIRST_YEAR) -> None:
    """Refresh `folder/home` from the sample world by `ebbtide refresh`; what it prints lies in `folder/output.txt`."""
    done = command("refresh", home=folder / "home", SAMPLE_FIRST_YEAR=first_year)
    (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def sample_home(shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A home refreshed from the sample world; tests read it and leave it as it is."""
    return shared("sample", refreshed) / "home"


@pytest.fixture(scope="session")
def whole_sample(shared: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """A home refreshed from the whole sample world, which begins before the low of 2009; `.ci/run` names the one it has refreshed. It is read only."""
    return Path(WHOLE_SAMPLE) if WHOLE_SAMPLE else shared("whole_sample", lambda folder: refreshed(folder, "2004")) / "home"


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return found or pytest.skip("no Chromium on this machine: install the package chromium")


def browser(program: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run headless Chromium with a profile of its own and without calls home."""
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    quiet += ["--disable-component-update", "--disable-sync", f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr"]
    return subprocess.run([program, *quiet, *arguments], capture_output=True, text=True, timeout=180, check=True)


@pytest.fixture(scope="session")
def realdata() -> Iterator[Path]:
    """The folder of real provider files; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("EBBTIDE_REALDATA", ROOT.parent / "shared" / "realdata"))
    if not folder.is_dir():
        pytest.skip(f"no real provider files in {folder}; set EBBTIDE_REALDATA to their folder")
    yield folder
