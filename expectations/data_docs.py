"""Data Docs that open without a network: Great Expectations' pages with local style, and an index of the build.

The stock pages load style sheets, scripts and a logo from public hosts and fill their index by script; offline they are bare and
the index is empty. Here every reference to a host is dropped, `data_docs.css` is inlined, and the index is plain HTML.
"""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.check import STAGES, BuildUnderCheck, Stage

if TYPE_CHECKING:
    from expectations.gate import CheckResult

_STYLE = Path(__file__).with_name("data_docs.css")

# Whole elements that need a network or a script library, and what is left of the stock style sheet's pictures.
_DROPPED = (
    re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<link\b[^>]*>", re.IGNORECASE),
    re.compile(r"<nav class=\"navbar navbar-expand-md.*?</nav>\s*</div>\s*</nav>|<footer>.*?</footer>", re.DOTALL | re.IGNORECASE),
    re.compile(
        r"<div class=\"card mb-3\">\s*<div class=\"card-header p-2\">\s*<strong>Actions</strong>.*?(?=<div class=\"card d-md-block)",
        re.DOTALL,
    ),
    re.compile(r"<style>.*?</style>", re.DOTALL | re.IGNORECASE),
)


@cache
def _page_view() -> Any:
    """One view for all pages: each new one compiles its 16 templates again (0.25 s a page)."""
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def render_page(result: Any) -> str:
    """Great Expectations' page for one suite's validation result, without anything from a host."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    page: str = _page_view().render(ValidationResultsPageRenderer(run_info_at_end=True).render(result))
    for dropped in _DROPPED:
        page = dropped.sub("", page)
    # the link to the suite's own page, which is not written: the checks are all on this one
    page = re.sub(r'<a href="[^"#]*expectations/[^"]*"\s*>(.*?)</a>', r"\1", page, flags=re.DOTALL)
    return page.replace("</head>", f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>", 1)


def write_data_docs(folder: Path, build: BuildUnderCheck, stage: Stage, results: Sequence[CheckResult], pages: Mapping[str, str], checked_at: datetime) -> Path:
    """Write the pages of this stage and the index; pages of this and later stages from before are removed.

    Returns the index. The pages are those of the newest build; earlier results stay in `quality.validation_result`.
    """
    for later in STAGES[STAGES.index(stage) :]:
        shutil.rmtree(folder / later, ignore_errors=True)
        (folder / f"{later}.fragment").unlink(missing_ok=True)
    (folder / stage).mkdir(parents=True, exist_ok=True)
    by_suite: dict[str, list[CheckResult]] = {}
    for result in results:
        by_suite.setdefault(result.suite, []).append(result)
    for suite, page in pages.items():
        status = _status(by_suite[suite])
        head = (
            f'<div class="container-fluid"><p><a href="../index.html">All suites</a> · build {html.escape(build.build_id)} · '
            f'<span class="{status}">{status}</span></p>{_found(by_suite[suite])}</div>'
        )
        before, body, after = re.split(r"(<body[^>]*>)", page, maxsplit=1)
        (folder / stage / f"{suite}.html").write_text(before + body + head + after, encoding="utf-8")
    (folder / f"{stage}.fragment").write_text(_stage_table(build, stage, by_suite, set(pages), checked_at), encoding="utf-8")
    parts = [path.read_text(encoding="utf-8") for name in STAGES if (path := folder / f"{name}.fragment").exists()]
    world = " (sample world)" if build.source == "sample" else ""
    index = folder / "index.html"
    index.write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="UTF-8">\n<title>Ebbtide: quality gates</title>\n'
        f'<style>\n{_STYLE.read_text(encoding="utf-8")}</style>\n</head>\n<body>\n<div class="container-fluid">\n'
        f"<h1>Quality gates</h1>\n<p>Build {html.escape(build.build_id)}{world}, as of {build.as_of:%Y-%m-%d %H:%M} UTC.</p>\n"
        + "\n".join(parts)
        + "\n</div>\n</body>\n</html>\n",
        encoding="utf-8",
    )
    return index


def _status(results: Sequence[CheckResult]) -> str:
    if any(not r.success and r.severity == "critical" for r in results):
        return "failed"
    if any(not r.success for r in results):
        return "warning"
    return "absent" if results and all(r.is_skipped for r in results) else "passed"


def _stage_table(build: BuildUnderCheck, stage: Stage, by_suite: Mapping[str, Sequence[CheckResult]], pages: set[str], checked_at: datetime) -> str:
    lines = []
    for suite in sorted(by_suite, key=lambda name: (["failed", "warning", "passed", "absent"].index(_status(by_suite[name])), name)):
        results = by_suite[suite]
        status = _status(results)
        name = f'<a href="{stage}/{html.escape(suite)}.html">{html.escape(suite)}</a>' if suite in pages else html.escape(suite)
        failed = "<br>".join(html.escape(f"{r.expectation}: {r.observed_value}") for r in results if not r.success or r.is_skipped)
        lines.append(f'<tr><td class="{status}">{status}</td><td>{name}</td><td>{sum(not r.is_skipped for r in results)}</td><td>{failed}</td></tr>')
    return (
        f"<h2>{stage}</h2>\n<p>Build {html.escape(build.build_id)}, checked {checked_at:%Y-%m-%d %H:%M:%S} UTC</p>\n"
        '<table class="table">\n<thead><tr><th>Status</th><th>Suite</th><th>Checks</th><th>Found</th></tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody>\n</table>"
    )


def _found(results: Sequence[CheckResult]) -> str:
    """What the failed checks found, with the sample of rows Great Expectations' own table leaves out."""
    blocks = []
    for result in results:
        if result.success:
            continue
        heading = f"{result.severity}: {result.expectation}"
        table = ""
        if result.sample:
            names = list(result.sample[0])
            head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
            body = "".join("<tr>" + "".join(f"<td>{html.escape(str(row[name]))}</td>" for name in names) + "</tr>" for row in result.sample)
            table = f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        blocks.append(f"<h5>{html.escape(heading)}</h5><p>{html.escape(result.description)} Found: {html.escape(result.observed_value)}.</p>{table}")
    return "".join(blocks)
