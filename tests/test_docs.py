"""The documentation says what is true: links lead somewhere, made pages are up to date, named commands exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest
import yaml

from warehouse.cli import main
from warehouse.docs import feeds_page, outdated, pages, settings_page
from warehouse.settings import REPOSITORY

PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
COMMANDS = set(main.commands)
MAKEFILE = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"(?m)^([a-z][\w-]*):", MAKEFILE))


def page_id(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code_in(text: str) -> str:
    """Text of the code spans and blocks of a page, one a line."""
    return "\n".join(re.findall(r"(?ms)^```(?:console|bash|sh)\n(.*?)^```$", text) + re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```$", "", text)))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f"{page_id(page)} links to {target}, which does not exist"
        if anchor:
            assert anchor in anchors(linked), f"{page_id(page)} links to {target}, which has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_make_targets_exist(page: Path) -> None:
    for words in re.findall(r"(?m)(?:^|[ $])make ([^#\n`]+)", code_in(page.read_text(encoding="utf-8"))):
        named = [word for word in words.split() if re.fullmatch(r"[a-z][\w-]*", word)]
        assert set(named) <= TARGETS, f"{page_id(page)} names `make {words.strip()}`"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_and_their_options_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, rest in re.findall(r"(?m)(?:^|[ $/])ebbtide ([a-z][\w-]*)([^\n]*)", code_in(text)):
        if f"No such command '{name}'" in text:
            continue  # the page shows what a slip is answered with
        assert name in COMMANDS, f"{page_id(page)} names `ebbtide {name}`"
        command = main.commands[name]
        if isinstance(command, click.Group) and (word := re.match(r" ([a-z]+)\b", rest)):
            assert word.group(1) in command.commands, f"{page_id(page)} names `ebbtide {name} {word.group(1)}`"
            command = command.commands[word.group(1)]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        named = set(re.findall(r"(?<= )--[a-z][\w-]*", rest.partition("#")[0]))
        assert named <= known, f"{page_id(page)} names `ebbtide {name}` with {named - known}"


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_settings_exist(page: Path) -> None:
    listed = set(re.findall(r"`(EBBTIDE_\w+)`", settings_page()))
    named = set(re.findall(r"\bEBBTIDE_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert named <= listed, f"{page_id(page)} names {named - listed}"


def test_every_command_is_in_the_readme() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    missing = [name for name in COMMANDS if f"ebbtide {name}" not in readme]
    assert not missing, f"README.md does not name {missing}"


def test_every_page_is_in_the_index() -> None:
    for folder in (REPOSITORY / "docs", REPOSITORY / "docs" / "decisions"):
        index = folder / ("index.md" if folder.name == "docs" else "README.md")
        linked = set(re.findall(r"\]\(([^)#\s]+)\)", index.read_text(encoding="utf-8")))
        assert {page.name for page in folder.glob("*.md")} - {index.name} <= linked


def test_made_pages_are_up_to_date() -> None:
    assert outdated() == []


@pytest.mark.parametrize("path", pages())
def test_made_pages_hold_no_html_by_accident(path: str) -> None:
    """A name such as `<symbol>` in a description would be taken for a tag, and not be shown."""
    prose = re.sub(r"(?s)```.*?```|`[^`\n]*`|<!--.*?-->|<https?://[^>]+>", "", pages()[path])
    assert re.findall(r"(?<!\\)<\S+", prose) == []


def test_a_page_out_of_date_is_named(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for path, text in pages().items():
        (tmp_path / path).write_text(text, encoding="utf-8")
    (tmp_path / "docs" / "feeds.md").write_text("# Feeds\n", encoding="utf-8")
    assert outdated(tmp_path) == ["docs/feeds.md is out of date: run `python -m warehouse.docs`"]


def test_a_variable_without_description_is_named(tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text(MAKEFILE + "\nDEPTH ?= 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"describe .*: DEPTH$"):
        settings_page(makefile)


def test_feeds_page_of_no_feeds_has_no_feed() -> None:
    assert "## " not in feeds_page({})


def test_ci_runs_the_commands_of_the_project() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert os.access(script, os.X_OK)
    named = re.findall(r"(?m)^(?:\w+=\S+ )*make ([a-z]+)", script.read_text(encoding="utf-8"))
    assert set(named) == {"lint", "audit", "test", "refresh", "spark"}
    assert set(named) <= TARGETS
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    checks = workflow["jobs"]["checks"]
    assert checks["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert [step["run"] for step in checks["steps"] if "run" in step] == [".ci/run"]
    assert all(re.search(r"@v\d+\.\d+\.\d+$", step["uses"]) for step in checks["steps"] if "uses" in step)


def test_commit_hooks_are_the_commands_of_make_lint() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]
    entries = " ".join(hook["entry"] for hook in hooks[0]["hooks"])
    for tool in ("ruff check", "ruff format", "mypy", "sqlfluff lint"):
        assert f".venv/bin/{tool}" in entries
        assert f"$(BIN)/{tool}" in MAKEFILE
