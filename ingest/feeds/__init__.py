"""The feeds: one module (or folder of modules) a provider, each with a tuple `FEEDS` of declarations."""

from __future__ import annotations

import importlib
from pathlib import Path

from ingest.feed import Feed, Provider

PROVIDERS: tuple[str, ...] = tuple(
    sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*") if path.suffix == ".py" or (path / "__init__.py").exists())
)

_MODULES = {provider: importlib.import_module(f"ingest.feeds.{provider}") for provider in PROVIDERS}

FEEDS: dict[str, Feed] = {feed.name: feed for module in _MODULES.values() for feed in module.FEEDS}


def provider_of(name: str) -> Provider:
    """What is known of a provider; the careful default where its module says nothing."""
    return getattr(_MODULES[name], "PROVIDER", Provider())


def feeds_of(provider: str) -> list[Feed]:
    """Feeds of one provider. Raises KeyError when there is no such provider."""
    if provider not in PROVIDERS:
        raise KeyError(f"no provider {provider!r}; there are {', '.join(PROVIDERS)}")
    return [feed for feed in FEEDS.values() if feed.provider == provider]
