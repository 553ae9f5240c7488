"""The questions of docs/questions.md are answered by the published marts of the sample world, each by one short statement."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
import yaml

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "questions.md"
MARTS = ROOT / "dbt_project" / "models" / "marts"


@dataclass(frozen=True)
class Question:
    """A question of the page, the section it stands in, and its statement."""

    section: str
    text: str
    sql: str

    def __str__(self) -> str:
        return self.text


def questions() -> list[Question]:
    found = []
    for section in re.split(r"(?m)^## ", PAGE.read_text(encoding="utf-8"))[1:]:
        for text, sql in re.findall(r"(?ms)^### (.+?)$.*?^```sql\n(.*?)^```$", section):
            found.append(Question(section.partition("\n")[0], text, sql.strip()))
    return found


QUESTIONS = questions()


def marts() -> set[str]:
    """Marts with their schema."""
    return {f"{path.parent.name}.{path.stem}" for path in [*MARTS.rglob("*.sql"), *MARTS.rglob("*.py")]}


def tables(sql: str) -> set[str]:
    """Tables a statement reads, with their schema."""
    return set(re.findall(r"(?:from|join) (\w+\.\w+)", sql))


@pytest.fixture(scope="module")
def published(sample_home: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True)


def test_there_are_twenty_questions_and_each_stands_alone() -> None:
    assert len(QUESTIONS) >= 20
    assert len({question.text for question in QUESTIONS}) == len(QUESTIONS)
    assert PAGE.read_text(encoding="utf-8").count("\n### ") == len(QUESTIONS), "a question has no statement"


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
def test_question_is_answered_by_one_short_statement(published: duckdb.DuckDBPyConnection, question: Question) -> None:
    assert len(question.sql.splitlines()) < 15
    assert len(duckdb.extract_statements(question.sql)) == 1
    answer = published.execute(question.sql)
    columns = [column[0] for column in answer.description]
    rows = answer.fetchall()
    assert rows, "no row answers the question"
    empty = [name for place, name in enumerate(columns) if all(row[place] is None for row in rows)]
    assert not empty, f"columns without a value: {', '.join(empty)}"


def test_every_mart_answers_a_question() -> None:
    read = set().union(*(tables(question.sql) for question in QUESTIONS))
    assert marts() <= read, f"no question reads {', '.join(sorted(marts() - read))}"


def test_exposures_are_the_sections_of_the_page() -> None:
    """What dbt's graph shows as read by analysts is what the statements read."""
    exposures = yaml.safe_load((MARTS / "_exposures.yml").read_text(encoding="utf-8"))["exposures"]
    told = {exposure["label"]: {re.sub(r"ref\('(\w+)'\)", r"\1", ref) for ref in exposure["depends_on"]} for exposure in exposures}
    asked: dict[str, set[str]] = {}
    for question in QUESTIONS:
        asked.setdefault(question.section, set()).update(table.partition(".")[2] for table in tables(question.sql))
    assert told == asked
