"""The site of the documentation works from the file system, and the data dictionary says what the published database holds."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import duckdb
import pytest

from tests.conftest import ROOT, browser
from warehouse import site
from warehouse.dictionary import dictionary_page


class Page(HTMLParser):
    """What a page loads by itself, what it links to, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.linked: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attributes if value}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a":
            self.linked |= {found["href"]} if "href" in found else set()
        elif found.get("rel") not in ("canonical", "next", "prev", "search", "index", "author"):
            self.loaded |= {found[name] for name in ("src", "href", "data") if name in found}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "docs"
    site.pages(folder)
    return folder


def test_every_page_is_made_loads_nothing_from_elsewhere_and_links_to_what_is_there(built: Path) -> None:
    sources = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")]
    made = {path: Page(path) for path in built.rglob("*.html") if path.parent != built / "dbt"}
    assert {source.relative_to(ROOT).with_suffix(".html") for source in sources} <= {path.relative_to(built) for path in made}
    for path, page in made.items():
        name = path.relative_to(built)
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{name} loads {address}"
            if not address.startswith("data:"):
                assert (path.parent / unquote(urlsplit(address).path)).exists(), f"{name} loads {address}, which is not there"
        for address in page.linked:
            target = urlsplit(address)
            if target.scheme or target.netloc:
                continue
            linked = (path.parent / unquote(target.path)).resolve() if target.path else path
            if linked == built / "dbt" / "index.html":
                continue  # dbt writes it, below
            assert linked.exists(), f"{name} links to {address}, which is not there"
            if target.fragment and linked in made:
                assert unquote(target.fragment) in made[linked].anchors, f"{name} links to {address}, which has no such part"
    styles = "".join(path.read_text(encoding="utf-8") for path in (built / "_static").rglob("*.css"))
    assert not re.findall(r"url\(['\"]?(?:https?:)?//", styles)


def test_the_navigation_has_every_page_of_the_index(built: Path) -> None:
    index = (built / "docs" / "index.html").read_text(encoding="utf-8")
    sidebar = index.partition('class="sidebar-tree"')[2].partition("</aside>")[0]
    assert re.findall(r'class="caption-text">([^<]+)<', sidebar) == ["Tutorial", "How to", "Reference", "Explanation", "Models"]
    rows = re.findall(r"(?m)^\| \[([^\]]+)\]\(([^)]+)\.md\)", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    for text, path in rows:
        assert f'href="{path}.html">{text}<' in sidebar, f"{text} is not in the navigation"


def test_the_search_finds_a_column(built: Path) -> None:
    index = (built / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    dictionary = found["docnames"].index("docs/dictionary")
    for word in ("margin", "debt", "margin_debt_usd"):
        pages = found["terms"][word]
        assert dictionary in (pages if isinstance(pages, list) else [pages])


def test_the_box_of_the_dictionary_leaves_the_rows_with_the_words(built: Path, chromium: str, tmp_path: Path) -> None:
    done = browser(chromium, tmp_path, "--virtual-time-budget=20000", "--dump-dom", f"{(built / 'docs' / 'dictionary.html').as_uri()}?rows=margin+debt")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    rows = re.findall(r"(?s)<tr[^>]*>.*?</tr>", done.stdout.partition("<article")[2])
    shown = [row for row in rows if "<td" in row and 'hidden=""' not in row.partition(">")[0]]
    assert 3 <= len(shown) < 20 < len(rows)
    assert all("margin" in row.lower() and "debt" in row.lower() for row in shown)
    assert any("margin_debt_usd" in row for row in shown)


def test_dbts_pages_hold_every_mart_with_its_types_and_send_nothing(built: Path, sample_home: Path) -> None:
    site.models(built, sample_home / "published" / "current.duckdb")
    page = (built / "dbt" / "index.html").read_text(encoding="utf-8")
    assert '"send_anonymous_usage_stats": false' in page
    assert not Page(built / "dbt" / "index.html").loaded
    decoder = json.JSONDecoder()
    catalog, _ = decoder.raw_decode(page, page.index('{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/catalog'))
    marts = {path.stem for path in (ROOT / "dbt_project" / "models" / "marts").rglob("*.sql")}
    assert {node.rpartition(".")[2] for node in catalog["nodes"]} == marts
    assert catalog["nodes"]["model.ebbtide.fct_signal_daily"]["columns"]["z_score"]["type"] == "DOUBLE"


def unescaped(markdown: str) -> str:
    return re.sub(r"\\([|<*])", r"\1", markdown)


def test_the_dictionary_is_the_published_database(sample_home: Path) -> None:
    page = dictionary_page()
    tables = dict(re.findall(r"(?ms)^## (\w+\.\w+)\n\n(.*?)(?=^## |\Z)", page))
    told = {}
    for name, text in tables.items():
        for cells in (row.split(" | ") for row in re.findall(r"(?m)^\| (`\w+` \| .*) \|$", text)):
            told[name, cells[0], cells[1]] = cells[-1]
    feeds = {name: set(re.findall(r"\(feeds\.md#(\w+)\)", text)) for name, text in tables.items()}
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as published:
        columns = published.execute(
            "select schema_name || '.' || table_name, column_name, data_type, comment from duckdb_columns() where not internal"
        ).fetchall()
        held = dict(published.execute("select schema_name || '.' || table_name, comment from duckdb_tables()").fetchall())
        lineage = dict(published.execute("select model, list(distinct feed) from meta.lineage group by model").fetchall())
    found = {(table, f"`{column}`", kind.lower()): comment for table, column, kind, comment in columns}
    assert told.keys() == found.keys()
    for column, comment in found.items():
        # the dictionary adds the values that a column may have
        assert unescaped(told[column]).startswith(" ".join(comment.split())), column
    for name, comment in held.items():
        assert " ".join(comment.split()) in unescaped(tables[name])
    assert {name: behind for name, behind in feeds.items() if behind} == {name: set(behind) for name, behind in lineage.items()}
