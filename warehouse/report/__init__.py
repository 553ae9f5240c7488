"""The morning report: one page of HTML that holds all it needs, in English and Chinese, made from the published build.

`content` reads what is said, `figures` how numbers are written, `charts` draws, `words.yml` has the words of both languages,
`page.html.jinja` and `style.css` are the page.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from warehouse.connection import connect_published
from warehouse.page_script import page_script
from warehouse.report import charts
from warehouse.report.content import Chart, Report, Text, compose, say, texts_in_chinese, word
from warehouse.report.figures import LANGUAGES, Figure, Language
from warehouse.settings import Settings

FOLDER = Path(__file__).parent


def write_report(settings: Settings, not_fetched: Sequence[str] = (), target: Path | None = None) -> Path:
    """Write the report on the published build to `target`, or to `report/index.html` of the home; returns its path.

    `not_fetched` are lines on providers that did not answer. The page appears in one step. Raises WrongUse when nothing is published.
    """
    with connect_published(settings) as connection:
        page = render(compose(connection, not_fetched))
    path = target or settings.report_path
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path


def render(report: Report) -> str:
    """The page of a report. Raises KeyError when a text has no words, jinja2.UndefinedError when the page asks for what is not there."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=select_autoescape(default=True, default_for_string=True), undefined=StrictUndefined, trim_blocks=True
    )
    environment.tests |= {"figure": lambda value: isinstance(value, Figure), "words": lambda value: isinstance(value, Text)}
    environment.filters["keyed"] = keyed
    script, script_hash = page_script()
    return environment.get_template("page.html.jinja").render(
        report=report,
        languages=LANGUAGES,
        say=say,
        drawn=drawn,
        style=Markup((FOLDER / "style.css").read_text(encoding="utf-8").strip()),
        script=Markup(script),
        script_hash=script_hash,
    )


def keyed(key: Mapping[str, Any]) -> str:
    """The key of a row as text, a part a line, so that a page can be checked against the marts."""
    return "\n".join(f"{name}={value}" for name, value in key.items())


def drawn(chart: Chart, language: Language) -> Markup:
    """A chart as it stands in the page of a language."""
    name, spoken = f"{language}-{chart.name}", f"{chart.note(language)} {chart.spoken(language)}".strip()
    words = {} if language == "en" else texts_in_chinese() | _own_words(chart)
    return Markup(charts.for_page(chart.svg, name, chart.title(language), spoken, lambda label: words.get(label) or word(label)(language)))


def _own_words(chart: Chart) -> dict[str, str]:
    """What the chart's own numbers are called and how they are written, English to Chinese."""
    cells = [cell for row in chart.numbers.rows for cell in row]
    named = {cell.en: cell.zh for cell in cells if isinstance(cell, Text)}
    return named | {cell.text("en"): cell.text("zh") for cell in cells if isinstance(cell, Figure)}
