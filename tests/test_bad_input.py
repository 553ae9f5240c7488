"""Bad input: every case on every format it can reach. Nothing is lost, nothing earlier changes, and a message says what is wrong.

The cases are in `bad_input.py`, the good files they are changes of in `good_files.py`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bad_input import CASES, Cut, Restated, problem, store_of, subject_of
from good_files import FIRST_EDITION, FORMATS, good_files


@pytest.mark.parametrize(("feed", "format"), FORMATS, ids=[f"{feed}-{format}" for feed, format in FORMATS])
def test_every_case(feed: str, format: str, tmp_path: Path) -> None:
    good = good_files()[feed, format]
    store = store_of(good, tmp_path)
    subject = subject_of(good, store)
    earlier = store.rows(f'select * from raw."{feed}"')
    edition = FIRST_EDITION
    landed = {}
    before = None
    for name, case in CASES.items():
        content, outcome = case.change(subject), case.outcome_for(subject)
        if content is None or outcome is None or (content == good.content and name != "the same file again"):
            continue  # does not apply, or changes nothing here
        if content == before:
            continue  # the same change as by the case before: no edition of its own
        edition += timedelta(hours=2)
        landed[name] = outcome, store.land_as(good.landed_with, good.format, good.name + case.suffix, content, edition, subject.parameters)
        before = content
        if isinstance(outcome, Restated | Cut):
            before = good.content
            # what a case changed is put right before the next one
            store.land_as(good.landed_with, good.format, good.name, good.content, edition + timedelta(hours=1), subject.parameters)
    store.load()
    assert len(landed) >= 10
    wrong = {}
    for name, (outcome, file) in landed.items():
        record = store.file_of(feed, file)
        reasons = [reason for (reason,) in store.rows(f"select reason from meta.quarantine where file_id = {record['file_id']}")]
        if found := problem(outcome, subject, record, reasons):
            wrong[name] = found
    assert set(map(repr, earlier)) <= set(map(repr, store.rows(f'select * from raw."{feed}"')))  # rows loaded before are all there
    assert not wrong, "\n".join(f"{name}: {found}" for name, found in wrong.items())
