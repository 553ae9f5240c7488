"""What a terminal gets and a file does not: colour, and lines that are written over. And texts of others, made safe to show."""

from __future__ import annotations

import os
import unicodedata
from typing import TextIO

import click

# Words that say how something stands, and their colour.
_COLOURS = {
    **dict.fromkeys(("fresh", "good", "published", "passed", "set", "released"), "green"),
    **dict.fromkeys(("stale", "missing", "not set", "held", "running"), "yellow"),
    **dict.fromkeys(("absent", "bad", "failed", "FAILED", "dropped"), "red"),
}


def printable(text: str) -> str:
    """The text with what a terminal would obey written out: escape sequences, and marks that turn the direction of writing round."""
    return "".join(char if char in "\n\t" or not unicodedata.category(char).startswith("C") else char.encode("unicode_escape").decode("ascii") for char in text)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream, on a terminal that can write over a line."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def takes_colour(stream: TextIO) -> bool:
    """Whether to write colour: to a terminal, unless NO_COLOR (https://no-color.org) is set."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def coloured(word: str) -> str:
    """A word that says how something stands, in its colour; `click.echo` leaves the colour out where none is wanted."""
    return click.style(word, fg=_COLOURS[word]) if word in _COLOURS else word
