"""The gates catch what is planted and raise no alarm over sound worlds: a fixed tenth of `make mutation`, and that its count can fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.check import STAGES, Suite
from expectations.gate import run_gate
from tests.mutation import GROUPS, KINDS, Outcome, Plantation, keep, part, sound_world, summary

# Five worlds, the tenth of `make mutation`, would take four minutes of one core: rendering and loading a world is half of its time.
SOUND_WORLDS = 2


@pytest.fixture(scope="module")
def plantation(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Plantation:
    return Plantation(sample_home, tmp_path_factory.mktemp("mutation") / "defects")


@pytest.fixture(scope="module")
def outcomes(plantation: Plantation) -> list[Outcome]:
    """A tenth of the defects: planted, and what found them."""
    catalogue = plantation.defects()
    tenth = [catalogue[place] for place in part("1/10", len(catalogue))]
    return [outcome for planted in plantation.rounds(tenth) for outcome in plantation.plant(planted)]


def test_no_check_fails_on_clean_tables(plantation: Plantation) -> None:
    assert plantation.clean == {stage: set() for stage in STAGES}


def test_every_suite_has_five_defects(plantation: Plantation) -> None:
    planted: dict[str, set[str]] = {suite.name: set() for suites in plantation.suites.values() for suite in suites}
    for defect in plantation.defects():
        planted[defect.target.suite].add(defect.kind)
    assert {suite: kinds for suite, kinds in planted.items() if len(kinds) < 5} == {}


def test_gates_catch_what_is_planted(outcomes: list[Outcome]) -> None:
    """95% of the tenth, and of each part of the gates all but a few: a part has few tables in it."""
    found = summary(outcomes, {})
    assert found["planted"] >= 350
    missed = [str(outcome.defect) for outcome in outcomes if not outcome.is_caught]
    assert found["caught"] >= 0.95 * found["planted"], missed
    assert {outcome.defect.target.group for outcome in outcomes} == set(GROUPS)
    assert {outcome.defect.kind for outcome in outcomes} >= {kind.name for kind in KINDS}
    for group in GROUPS:
        of_group = [outcome.is_caught for outcome in outcomes if outcome.defect.target.group == group]
        assert sum(of_group) >= 0.9 * len(of_group), (group, missed)


def test_suites_without_their_checks_miss(plantation: Plantation, outcomes: list[Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same marts with the check against the build before taken out: what only it can see is missed."""
    only = [o.defect for o in outcomes if o.defect.target.stage == "marts" and o.found_by == ("as_in_build_before",)]
    assert only
    emptied: list[Suite] = [
        replace(suite, checks=tuple(check for check in suite.checks if check.name != "as_in_build_before")) for suite in plantation.suites["marts"]
    ]
    monkeypatch.setitem(plantation.suites, "marts", emptied)
    again = [outcome for planted in plantation.rounds(only) for outcome in plantation.plant(planted)]
    assert [str(outcome.defect) for outcome in again if outcome.is_caught] == []


def test_the_gate_finds_what_its_statements_find(plantation: Plantation) -> None:
    """Defects are judged by the statements of the suites alone; here the marts gate itself judges the same tables."""
    marts = [defect for defect in plantation.defects() if defect.target.stage == "marts"]
    plantation.plant(plantation.rounds(marts)[1])
    place = plantation.folder / "planted" / "models"
    result = run_gate("marts", warehouse=place / "warehouse.duckdb", mart=place / "mart.duckdb", quality_dir=plantation.folder / "quality")
    failed = {(failure.suite, failure.expectation) for failure in result.failures}
    assert len(failed) > 20
    assert failed == plantation.failed("marts", plantation.folder / "planted")


def test_sound_worlds_pass(sample_home: Path) -> None:
    """Worlds without a defect, of other seeds: no critical check fails, at any stage."""
    failed = {seed: found for seed in range(1, SOUND_WORLDS + 1) if (found := sound_world(sample_home, seed))}
    assert failed == {}


def test_figures_are_kept(outcomes: list[Outcome], tmp_path: Path) -> None:
    path = keep(summary(outcomes, {1: [], 2: ["raw.ofr_fsi / has_rows"]}), tmp_path / "home" / "quality")
    assert path == tmp_path / "home" / "quality" / "mutation.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    assert set(found) == {"planted", "caught", "clean_worlds", "clean_failed"}
    assert found["planted"] == len(outcomes) and 0 < found["caught"] <= found["planted"]
    assert (found["clean_worlds"], found["clean_failed"]) == (2, 1)
