"""How Sphinx makes the site of these pages: `make docs`. The pages are the Markdown of the repository, as it stands."""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.application import Sphinx

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = ["*.md", "docs/*.md", "docs/decisions/*.md"]

project = "Ebbtide"
extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = PAGES
exclude_patterns = [".*", "var"]
# dbt's SQL holds templates
suppress_warnings = ["misc.highlighting_failure"]
# anchors of headings are those of code hosts
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Ebbtide"
html_extra_path = ["site/start"]
html_static_path = ["site/static"]
templates_path = ["site/templates"]
html_js_files = ["filter.js"]
html_css_files = ["site.css"]
html_sidebars = {
    "**": ["sidebar/brand.html", "sidebar/search.html", "sidebar/scroll-start.html", "sidebar/navigation.html", "models.html", "sidebar/scroll-end.html"]
}
html_copy_source = False
html_use_index = False
html_show_copyright = False
# summaries in the search would be fetched, which browsers forbid for files
html_show_search_summary = False


def navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Give index pages the navigation that their tables of links hold: a part for each heading, in the order of the rows."""
    if page not in (root_doc, "docs/decisions/README"):
        return
    for part in re.split(r"(?m)^(?=## )", source[0]):
        heading = re.match(r"## (.+)", part)
        pages = re.findall(r"(?m)^\| \[([^\]]+)\]\(([^)#]+)\.md\)", part)
        if pages:
            caption = f":caption: {heading[1]}\n" if heading else ""
            entries = "\n".join(f"{text} <{path}>" if page == root_doc else path for text, path in pages)
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n{caption}\n{entries}\n```\n"


def setup(app: Sphinx) -> None:
    app.connect("source-read", navigation)
