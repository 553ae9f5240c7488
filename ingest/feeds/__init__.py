"""The feeds: one module a provider, each with a tuple `FEEDS` of declarations."""

from __future__ import annotations

import importlib
from pathlib import Path

from ingest.feed import Feed

PROVIDERS: tuple[str, ...] = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))

FEEDS: dict[str, Feed] = {feed.name: feed for provider in PROVIDERS for feed in importlib.import_module(f"ingest.feeds.{provider}").FEEDS}


def feeds_of(provider: str) -> list[Feed]:
    """Feeds of one provider. Raises KeyError when there is no such provider."""
    if provider not in PROVIDERS:
        raise KeyError(f"no provider {provider!r}; there are {', '.join(PROVIDERS)}")
    return [feed for feed in FEEDS.values() if feed.provider == provider]
