"""Where the project and its home lie: what commands need to know that must answer at once, without the typed settings."""

from __future__ import annotations

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def home_of(home: str | Path | None, source: str) -> Path:
    """Folder for everything Ebbtide writes: the one that is set, else that of the kind of source in the repository."""
    return Path(home or REPOSITORY / "var" / source.partition(":")[0]).expanduser().resolve()
