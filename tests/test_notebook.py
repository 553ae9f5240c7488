"""docs/questions.ipynb answers five questions of docs/questions.md, with the statements of the page, in a Jupyter kernel."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT
from tests.test_questions import QUESTIONS

NOTEBOOK = ROOT / "docs" / "questions.ipynb"


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_its_statements_are_those_of_the_page_and_no_answer_is_kept(notebook: nbformat.NotebookNode) -> None:
    statements = {question.text: question.sql for question in QUESTIONS}
    asked = [(cell.source.partition("\n")[0].removeprefix("## "), after) for cell, after in zip(notebook.cells, notebook.cells[1:], strict=False)]
    asked = [(text, after) for text, after in asked if text in statements]
    assert len(asked) == 5 == sum(cell.source.startswith("## ") for cell in notebook.cells)
    for text, after in asked:
        (sql,) = re.findall(r'(?s)ask\("""\n(.*?)\n"""\)', after.source)
        assert sql == statements[text], text
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs and cell.execution_count is None, "clear the outputs: they belong to a build"


def test_it_answers_on_the_published_build(notebook: nbformat.NotebookNode, sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_HOME", str(sample_home))
    # what IPython and Jupyter keep of a session goes to a folder of this test
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    run = NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT / "docs")}}).execute()
    answers = [
        output.data["text/html"] for cell in run.cells if "= ask(" in cell.source for output in cell.get("outputs", []) if "text/html" in output.get("data", {})
    ]
    charts = [output for cell in run.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    assert len(answers) == 5 and all(answer.count("<tr") > 1 for answer in answers)
    assert len(charts) == 3
    assert "orderly_retreat" in answers[0]
    # a warning is for the reader too
    assert not [output.text for cell in run.cells for output in cell.get("outputs", []) if output.output_type == "stream"]
