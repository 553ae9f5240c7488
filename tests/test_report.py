"""The morning report: its numbers are those of the marts, and the page works in a browser, on paper, and for those who cannot see it."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from tests.conftest import browser
from tests.published_readers import publish_one
from warehouse.cli import main
from warehouse.connection import connect_published
from warehouse.report import charts, content, render
from warehouse.report.content import CORE_BLOCKS, Report, Text, compose
from warehouse.report.figures import LANGUAGES, MINUS, text
from warehouse.settings import Settings

SECTIONS = ["headline", "blocks", "map", "valuation", "scenarios", "claims", "freshness"]
CHARTS = {
    *("index", "contributions", "flow", "destinations", "reserves", "premium", "implied", "repricing"),
    *("retreat", "shock-1998-replay", "shock-commercial-property", "shock-technology-earnings", "spillover", "defence"),
    *(f"block-{block}" for block in content.BLOCKS),
}
NAMES_OF_REGIMES = ("orderly_retreat", "calm", "inflow", "contagion")


class Page(HTMLParser):
    """What the tests ask of a page: its numbers, ids, headings and charts, language by language."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.language = ""
        self.numbers: list[tuple[str, dict[str, str], str]] = []
        self.ids: list[str] = []
        self.labels: set[str] = set()
        self.headings: dict[str, list[int]] = {language: [] for language in LANGUAGES}
        self.charts: dict[str, list[dict[str, str]]] = {language: [] for language in LANGUAGES}
        self.cells_without_scope = 0
        self._number: dict[str, str] | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attributes}
        self.language = of.get("data-language", self.language)
        if "id" in of:
            self.ids.append(of["id"])
        self.labels |= set(of.get("aria-labelledby", "").split())
        if re.fullmatch(r"h\d", tag):
            self.headings[self.language].append(int(tag[1]))
        if tag == "svg":
            self.charts[self.language].append(of)
        if tag == "th" and "scope" not in of:
            self.cells_without_scope += 1
        if tag == "data":
            self._number = of
            self.numbers.append((self.language, of, ""))

    def handle_data(self, data: str) -> None:
        if self._number is not None:
            language, of, shown = self.numbers[-1]
            self.numbers[-1] = (language, of, shown + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "data":
            self._number = None


@pytest.fixture(scope="module")
def written(sample_home: Path) -> str:
    """The page that the refresh has written."""
    return (sample_home / "report" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(written: str) -> Page:
    return Page(written)


@pytest.fixture(scope="module")
def report_and_terms(sample_home: Path) -> tuple[Report, set[str]]:
    """The report, and the terms in it that are the same in both languages."""
    lacking = set()
    word = content.word

    def noted(term: object) -> Text:
        if word(term).en == word(term).zh:
            lacking.add(str(term))
        return word(term)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "word", noted)
        with connect_published(Settings(home_setting=sample_home)) as connection:  # type: ignore[call-arg]
            return compose(connection), lacking


@pytest.fixture(scope="module")
def report(report_and_terms: tuple[Report, set[str]]) -> Report:
    return report_and_terms[0]


def number_in(shown: str) -> tuple[float, float] | None:
    """The number a text says, and half a unit of its last digit; None for a dash."""
    if shown == "–":
        return None
    found = re.search(r"[\d,]+(?:\.(\d+))?", shown)
    assert found, shown
    names = {"tn": 1e12, "bn": 1e9, "mn": 1e6, "万亿": 1e12, "亿": 1e8, "万": 1e4, "%": 0.01, "个百分点": 0.01, " points": 0.01}
    rest = shown[found.end() :].removesuffix("美元")
    scale = names[rest] if rest else 1
    size = float(found[0].replace(",", ""))
    sign = -1 if shown.startswith(MINUS) else 1
    return sign * size * scale, 0.5 * scale * 10.0 ** -len(found[1] or "")


def test_every_number_is_that_of_the_mart_it_names(page: Page, sample_home: Path) -> None:
    assert len(page.numbers) > 900
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as connection:

        def value_of(table: str, column: str, key: str) -> Any:
            parts = [part.split("=", 1) for part in key.split("\n")]
            where = " and ".join(f"lower({name}::varchar) = lower(?)" for name, _ in parts)
            if column == "count(*)":
                return connection.execute(f"select count(*) from {table} where {where}", [value for _, value in parts]).fetchall()[0][0]
            if (table, key) not in rows:
                result = connection.execute(f"select * from {table} where {where}", [value for _, value in parts])
                names = [name for name, *_ in result.description or []]
                (row,) = result.fetchall()
                rows[table, key] = dict(zip(names, row, strict=True))
            return rows[table, key][column]

        for language, of, shown in page.numbers:
            expected = value_of(of["data-table"], of["data-column"], of["data-key"])
            if "data-less" in of and expected is not None:
                less = value_of(of["data-table"], of["data-column"], of["data-less"])
                expected = None if less is None else expected - less
            if expected is None:
                assert (of["value"], shown) == ("", "–"), of
                continue
            assert float(of["value"]) == pytest.approx(expected, rel=1e-12), of
            said = number_in(shown)
            assert said is not None, of
            value = expected / 100 if of["data-column"].endswith("_percent") and "%" in shown else expected
            assert abs(said[0] - value) <= said[1] * 1.000001, (language, of, shown)
    assert len(rows) > 200


def test_both_languages_show_the_same_numbers_and_charts(page: Page) -> None:
    shown = {language: [of for of_language, of, _ in page.numbers if of_language == language] for language in LANGUAGES}
    assert shown["en"] == shown["zh"]
    for language in LANGUAGES:
        assert {chart["aria-labelledby"].split("-title")[0].removeprefix(f"{language}-") for chart in page.charts[language]} == CHARTS


def test_the_report_has_its_parts(report: Report) -> None:
    assert [section.name for section in report.sections] == SECTIONS
    assert not [section.name for section in report.sections if section.is_empty]
    assert [part.name for part in report.sections[1].parts] == [f"block-{block}" for block in content.BLOCKS]
    headline = report.sections[0]
    assert [tile.label.en for tile in headline.tiles] == ["Retreat Index", "Regime", "Since the trading day before", "Since a week before"]
    assert report.sample and report.regime in NAMES_OF_REGIMES
    (ledger,) = report.sections[5].tables
    assert len(ledger.rows) == 55


def test_the_blocks_add_up_to_the_index(report: Report) -> None:
    tiles = {tile.label.en: tile.value for tile in report.sections[0].tiles}
    points = [part.tiles[0].value for part in report.sections[1].parts if part.tiles]
    assert len(points) == len(CORE_BLOCKS)
    assert sum(figure.value for figure in points) == pytest.approx(tiles["Retreat Index"].value - 50, abs=1e-9)  # type: ignore[union-attr]


def test_every_term_has_its_chinese(report_and_terms: tuple[Report, set[str]]) -> None:
    lacking = report_and_terms[1]
    assert lacking == set()
    texts = content._words()["texts"]
    assert [key for key, both in texts.items() if not re.search(r"[\u4e00-\u9fff]", both["zh"])] == []
    code = "".join(path.read_text(encoding="utf-8") for path in Path(content.__file__).parent.glob("*.*") if path.suffix in (".py", ".jinja"))
    stems = {key.partition(".")[0] for key in re.findall(r'say\(f?"([\w.{}\[\]]+)"', code)} | {"column"}
    assert {key.partition(".")[0] for key in texts} == stems


def test_the_page_needs_nothing_but_itself(written: str) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", written))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"<(?:link(?! rel=\"icon\" href=\"data:,\")|img|iframe|object|embed)\b|\bsrc=|@import|url\((?!#)", written)
    (policy,) = re.findall(r"script-src '([^']+)'", written)
    (script,) = re.findall(r"<script>(.*?)</script>", written, re.DOTALL)
    assert policy == "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert written.count("every figure on this page is invented") == 1


def test_the_page_can_be_read_aloud_and_by_keyboard(page: Page, written: str) -> None:
    assert len(page.ids) == len(set(page.ids)), sorted({name for name in page.ids if page.ids.count(name) > 1})
    assert page.labels <= set(page.ids)
    assert page.cells_without_scope == 0
    for language in LANGUAGES:
        levels = page.headings[language]
        assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
        assert all(chart["role"] == "img" for chart in page.charts[language])
    assert len(re.findall(r"<title id=", written)) == len(re.findall(r"<desc id=", written)) == 2 * len(CHARTS)
    assert all(re.search(r"\S", spoken) for spoken in re.findall(r"<desc id=[^>]+>([^<]*)</desc>", written))
    wide = re.findall(r'<div class="wide"[^>]*>', written)
    assert wide and all('tabindex="0"' in box and "aria-label=" in box for box in wide)


def luminance(colour: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    digits = colour if len(colour) == 7 else "#" + "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_and_lines_stand_out_in_light_dark_and_print(written: str) -> None:
    palettes = [dict(re.findall(r"--([\w-]+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", written, re.DOTALL)]
    assert len(palettes) == 3
    light = palettes[0]

    def contrast(palette: dict[str, str], one: str, other: str) -> float:
        low, high = sorted(luminance((light | palette)[name]) for name in (one, other))
        return (high + 0.05) / (low + 0.05)

    for palette in palettes:
        for words in ("ink", "faint", "accent"):
            if words in palette:
                assert min(contrast(palette, words, ground) for ground in ("paper", "card")) >= 4.5, (words, palette)
        assert contrast(palette, "mark-ink", "mark") >= 4.5
        # WCAG 2.1 asks 3 of what carries meaning; orange and sky are areas that stand beside a line, or the fifth and sixth series
        assert all(contrast(palette, colour, "card") >= 3 for colour in ("blue", "green", "purple", "red"))


def test_the_same_build_has_the_same_page(report: Report, written: str) -> None:
    assert render(report) == written


def test_what_comes_from_outside_is_escaped(report: Report) -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    freshness = replace(report.sections[-1], lead=[Text(f"Not fetched: {hostile}", f"Not fetched: {hostile}")])
    shown = render(replace(report, sections=[*report.sections[:-1], freshness]))
    assert hostile not in shown and shown.count("<script") == 1
    assert shown.count("Not fetched: &lt;script&gt;") == len(LANGUAGES)
    drawing = charts.for_page(charts.bars([charts.Bar(hostile, 1.0), charts.Bar("$x_1$", 2.0)], str), "name", hostile, hostile, str)
    assert "<script" not in drawing and "<img" not in drawing and drawing.count("&lt;script&gt;") == 3
    assert ">$x_1$<" in drawing


def test_a_build_without_marts_has_a_page_that_says_so(tmp_path: Path) -> None:
    settings = Settings(home_setting=tmp_path / "home", source="sample")  # type: ignore[call-arg]
    build = publish_one(settings)
    done = CliRunner().invoke(main, ["report", "--output", str(tmp_path / "reports" / "today.html")], env={"EBBTIDE_HOME": str(settings.home)})
    assert (done.exit_code, done.output.strip()) == (0, str(tmp_path / "reports" / "today.html"))
    shown = (tmp_path / "reports" / "today.html").read_text(encoding="utf-8")
    assert build in shown and "No Retreat Index" in shown
    assert shown.count("No figures: none of the feeds") == 5
    assert not settings.report_path.exists()


def test_a_rollback_rewrites_the_report(tmp_path: Path) -> None:
    settings = Settings(home_setting=tmp_path / "home", source="sample")  # type: ignore[call-arg]
    builds = [publish_one(settings), publish_one(settings)]
    environment = {"EBBTIDE_HOME": str(settings.home)}
    assert CliRunner().invoke(main, ["report"], env=environment).output.strip() == str(settings.report_path)
    assert f"Build {builds[1]}" in settings.report_path.read_text(encoding="utf-8")
    done = CliRunner().invoke(main, ["rollback", builds[0]], env=environment)
    assert done.exit_code == 0 and "is about it, too" in done.output
    assert f"Build {builds[0]}" in settings.report_path.read_text(encoding="utf-8")


def test_without_a_build_the_command_says_what_to_do(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["report"], env={"EBBTIDE_HOME": str(tmp_path / "home")})
    assert done.exit_code == 2 and "make refresh" in done.output


@pytest.mark.parametrize(
    ("value", "unit", "english", "chinese"),
    [
        (None, "USD", "–", "–"),
        (float("nan"), "index", "–", "–"),
        (-39_207_300_000.0, "USD", f"{MINUS}$39.2bn", f"{MINUS}392.1亿美元"),
        (2.08e12, "USD", "$2.08tn", "2.08万亿美元"),
        (539e6, "USD", "$539.0mn", "5.4亿美元"),
        (12.0, "USD", "$12", "12美元"),
        (0.0339109, "share", "3.39%", "3.39%"),
        (0.000227, "share", "0.0227%", "0.0227%"),
        (0.05, "rate", "5.00%", "5.00%"),
        (37.43991, "percent", "37.4%", "37.4%"),
        (-0.0477, "share change", f"{MINUS}4.77 points", f"{MINUS}4.77个百分点"),
        (2.958, "score", "+2.96", "+2.96"),
        (-0.001, "score", "0.00", "0.00"),
        (96.3024, "index", "96.3", "96.3"),
        (55.0, "count", "55", "55"),
        (1_588_445.0, "number", "1,588,445", "1,588,445"),
        (0.95, "number", "0.95", "0.95"),
        (0.0, "number", "0", "0"),
    ],
)
def test_numbers_as_people_write_them(value: float | None, unit: str, english: str, chinese: str) -> None:
    assert (text(value, unit, "en"), text(value, unit, "zh")) == (english, chinese)


# --- in a browser -------------------------------------------------------------------------------------------------------------

WIDTHS = (360, 768, 1440)
# Frames of the widths of a phone, a tablet and a desk, in each language: what is wider than its frame is told, with the browser's own errors.
FRAMES = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><pre id="said"></pre><script>
const said = {wide: [], shown: [], language: []};
const open = (width, language) => new Promise((done) => {
  const frame = document.createElement("iframe");
  frame.style.cssText = `width:${width}px;height:900px;border:0`;
  frame.onload = () => {
    const page = frame.contentDocument;
    const root = page.documentElement;
    if (root.scrollWidth > width) said.wide.push([width, language, root.scrollWidth]);
    for (const chart of page.querySelectorAll(`.page[data-language="${language}"] svg`))
      for (const label of chart.querySelectorAll("text")) {
        const box = label.getBoundingClientRect(), card = chart.getBoundingClientRect();
        if (box.left < card.left - 3 || box.right > card.right + 3) said.wide.push([width, language, label.textContent]);
      }
    said.shown.push([...page.querySelectorAll(".page")].filter((part) => part.getClientRects().length).map((part) => part.dataset.language).join());
    said.language.push(root.lang);
    page.getElementById(language === "en" ? "zh" : "en").click();
    said.shown.push([...page.querySelectorAll(".page")].filter((part) => part.getClientRects().length).map((part) => part.dataset.language).join());
    said.language.push(root.lang);
    frame.remove();
    done();
  };
  frame.src = `index.html#${language}`;
  document.body.append(frame);
});
(async () => {
  for (const width of WIDTHS) for (const language of ["en", "zh"]) await open(width, language);
  document.getElementById("said").textContent = JSON.stringify(said);
})();
</script>"""


@pytest.fixture
def served(written: str, tmp_path: Path) -> Iterator[str]:
    """The page and its frames at an address of this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "index.html").write_text(written, encoding="utf-8")
    (folder / "frames.html").write_text(FRAMES.replace("WIDTHS", str(list(WIDTHS))), encoding="utf-8")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_nothing_overflows_and_no_error_in_the_browser(chromium: str, served: str, tmp_path: Path) -> None:
    done = browser(chromium, tmp_path, "--virtual-time-budget=60000", "--dump-dom", f"{served}/frames.html")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    (told,) = re.findall(r'<pre id="said">(.+?)</pre>', done.stdout)
    said = json.loads(told.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    assert said["wide"] == []
    assert said["shown"] == ["en", "zh", "zh", "en"] * len(WIDTHS)
    assert said["language"] == ["en", "zh-Hans", "zh-Hans", "en"] * len(WIDTHS)


def test_it_prints(chromium: str, served: str, tmp_path: Path) -> None:
    browser(chromium, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'report.pdf'}", f"{served}/index.html#en")
    printed = (tmp_path / "report.pdf").read_bytes()
    pages = len(re.findall(rb"/Type\s*/Page\b", printed))
    assert printed.startswith(b"%PDF") and 5 <= pages <= 25
