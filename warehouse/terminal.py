"""Texts of others on a terminal."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """The text with what a terminal would obey written out: escape sequences, and marks that turn the direction of writing round."""
    return "".join(char if char in "\n\t" or not unicodedata.category(char).startswith("C") else char.encode("unicode_escape").decode("ascii") for char in text)
