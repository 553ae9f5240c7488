"""Keeping secrets out of texts and files: the one place that knows in which forms a secret may turn up."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "***"


def forms(secret: str) -> list[str]:
    """A secret as it may stand in a text: plain, quoted for an address, and in base64; the longest first."""
    encoded = base64.b64encode(secret.encode()).decode()
    return sorted({secret, quote(secret), quote(secret, safe=""), quote_plus(secret), encoded, encoded.rstrip("=")}, key=lambda form: (-len(form), form))


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with every form of every secret replaced by `***`."""
    for form in _forms(secrets):
        text = text.replace(form, MASK)
    return text


def holds_secret(content: bytes, secrets: Iterable[str]) -> bool:
    """Whether bytes hold a form of a secret."""
    return any(form.encode() in content for form in _forms(secrets))


def _forms(secrets: Iterable[str]) -> list[str]:
    return [form for secret in secrets if secret.strip() for form in forms(secret.strip())]
