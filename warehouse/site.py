"""The site of the documentation: the pages of docs/ by Sphinx (docs/conf.py), and beside them dbt's pages of every model.

`python -m warehouse.site` makes it in `var/docs`; it works from the file system, without a server or a network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from warehouse.dbt import run_dbt
from warehouse.settings import REPOSITORY, load_settings

SITE = REPOSITORY / "var" / "docs"

# What dbt's page says in its template and browsers ask for all the same: names of icons that are filled in later, an icon that is not there.
_NEVER_THERE = {
    'xlink:href="{{': 'ng-attr-href="{{',
    """<link rel="shortcut icon" href="${require('./assets/favicons/favicon.ico')}"/>""": "",
}


def pages(site: Path) -> None:
    """Make the pages with Sphinx; what it keeps between runs lies beside the site.

    Raises subprocess.CalledProcessError when Sphinx warns, for example of a link that leads nowhere; Sphinx has said so then.
    """
    sphinx = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "--doctree-dir", str(_beside(site) / "doctrees")]
    subprocess.run([*sphinx, "--conf-dir", str(REPOSITORY / "docs"), str(REPOSITORY), str(site)], check=True)


def models(site: Path, published: Path) -> None:
    """Let dbt write its pages to `dbt/index.html` of the site.

    Types of the marts' columns come from `published`, where there is such a file. dbt works on a copy, so that no refresh and no reader waits for it.

    Raises DbtFailed when the project cannot be parsed.
    """
    folder = _beside(site) / "dbt"
    folder.mkdir(parents=True, exist_ok=True)
    mart = folder / "mart.duckdb"
    mart.unlink(missing_ok=True)
    if published.exists():
        shutil.copyfile(published, mart)
    # compiling takes far longer than parsing, and shows little more
    for command in (["parse"], ["docs", "generate", "--static", "--no-compile"]):
        run_dbt(command, warehouse=folder / "warehouse.duckdb", mart=mart, target=folder)
    page = (folder / "static_index.html").read_text(encoding="utf-8")
    for text, instead in _NEVER_THERE.items():
        page = page.replace(text, instead)
    (site / "dbt").mkdir(parents=True, exist_ok=True)
    (site / "dbt" / "index.html").write_text(page, encoding="utf-8")


def _beside(site: Path) -> Path:
    return site.with_name(f".{site.name}")


def main() -> int:
    """Make the site; returns the exit code."""
    try:
        pages(SITE)
    except subprocess.CalledProcessError:
        print("the pages have the faults above: mend them and run `make docs` again", file=sys.stderr)
        return 1
    models(SITE, load_settings().current_path)
    print(f"open {SITE / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
