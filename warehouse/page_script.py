"""The one script that a page of ours has: it chooses the report's language. Its hash is what browsers are told to run, and nothing else."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path


def page_script() -> tuple[str, str]:
    """The script, and its hash as a content security policy names it."""
    script = (Path(__file__).parent / "report" / "language.js").read_text(encoding="utf-8").strip()
    return script, "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
