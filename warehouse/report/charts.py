"""Charts of the report: matplotlib's SVG, made to take the page's colours and language.

A chart is drawn once. Its colours become variables of the style sheet, so that it follows dark mode and print; its texts stay
text, so that they can be searched, read aloud and put into the other language.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"

# Okabe and Ito (2008), told apart by people who do not see all colours; the page has lighter ones for dark mode
INK, FAINT, GRID, PAPER = "#1a1a1a", "#6b6b6b", "#d9d9d9", "#ffffff"
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"
SERIES = (BLUE, RED, GREEN, PURPLE, ORANGE, SKY)
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 3)))
VARIABLES = {
    INK: "--ink", FAINT: "--faint", GRID: "--grid", PAPER: "--card",
    BLUE: "--blue", ORANGE: "--orange", GREEN: "--green", PURPLE: "--purple", SKY: "--sky", RED: "--red",
}  # fmt: skip

WIDTH = 5.2  # inches of 72 units each: a card on a phone shows a chart a little smaller, one on a desk larger
SIZE = 11.5

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ebbtide",
    "font.family": "DejaVu Sans",
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "xtick.labelsize": SIZE,
    "ytick.labelsize": SIZE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
    "axes.edgecolor": GRID,
    "grid.color": GRID,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "savefig.transparent": True,
    "path.simplify": True,
    # a label with two dollar signs is no formula
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Line:
    """A line of a chart over time."""

    label: str
    days: Sequence[date]
    values: Sequence[float | None]


@dataclass(frozen=True)
class Bar:
    """A horizontal bar, with a range where low and high are known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


@contextmanager
def _drawing(height: float) -> Iterator[tuple[Axes, list[str]]]:
    drawn: list[str] = []
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        yield figure.subplots(), drawn
        target = io.StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        drawn.append(target.getvalue())


def _plain(axes: Axes, grid: str) -> None:
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.grid(visible=True, axis=grid, linewidth=0.7)  # type: ignore[arg-type]
    axes.tick_params(length=0)
    axes.set_axisbelow(True)


def _over_time(axes: Axes) -> None:
    locator = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    # numbers only: they read alike in every language
    formats = ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S"]
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, formats=formats, zero_formats=formats, offset_formats=[""] * 6, show_offset=False))


def lines(series: Sequence[Line], write: Callable[[float], str], *, level: float | None = None, bands: Sequence[tuple[date, date, str]] = ()) -> str:
    """Lines over time, each named at its end; `level` is a line to compare with, `bands` are spans of days with a colour of this module."""
    with _drawing(2.7) as (axes, drawn):
        _plain(axes, "y")
        for start, end, colour in bands:
            axes.axvspan(date2num(start), date2num(end), color=colour, alpha=0.18, linewidth=0)
        if level is not None:
            axes.axhline(level, color=FAINT, linewidth=0.8)
        for number, line in enumerate(series):
            values = [float("nan") if value is None else value for value in line.values]
            axes.plot(date2num(line.days), values, color=SERIES[number % 6], linestyle=DASHES[number % 6], linewidth=1.6, label=line.label)
        _over_time(axes)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
        if len(series) > 1:
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0, handlelength=2.2)
    return drawn[0]


def ridges(series: Sequence[Line], limit: float = 4) -> str:
    """Scores over time, a strip each under its name: above its line says that capital leaves, below that it stays."""
    step = 2.9 * limit  # room of a strip: as much again for its name
    with _drawing(0.62 * len(series) + 0.35) as (axes, drawn):
        _plain(axes, "x")
        first = min(line.days[0] for line in series)
        for number, line in enumerate(series):
            base = -step * number
            days = date2num(line.days)
            values = [0.0 if value is None else max(-limit, min(limit, value)) for value in line.values]
            axes.fill_between(days, base, [base + max(value, 0) for value in values], color=RED, linewidth=0)
            axes.fill_between(days, base, [base + min(value, 0) for value in values], color=SKY, linewidth=0)
            axes.axhline(base, color=FAINT, linewidth=0.6)
            axes.text(date2num(first), base + 1.1 * limit, line.label, va="bottom")
        axes.set_xlim(date2num(first), date2num(max(line.days[-1] for line in series)))
        axes.set_ylim(-step * (len(series) - 1) - limit, 1.9 * limit)
        axes.set_yticks([])
        _over_time(axes)
    return drawn[0]


def bars(series: Sequence[Bar], write: Callable[[float], str]) -> str:
    """Horizontal bars from zero, the first on top, each with its value, and its range as a thin line; where signs differ, those above zero are red."""
    with _drawing(0.36 * len(series) + 0.3) as (axes, drawn):
        _plain(axes, "x")
        places = list(range(len(series)))
        signs_differ = min(bar.value for bar in series) < 0
        axes.barh(places, [bar.value for bar in series], height=0.62, color=[RED if bar.value > 0 and signs_differ else BLUE for bar in series])
        ends: list[float] = []
        for place, bar in zip(places, series, strict=True):
            if bar.low is not None and bar.high is not None:
                axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.1, solid_capstyle="butt")
            known = [0.0, bar.value, *(end for end in (bar.low, bar.high) if end is not None)]
            ends += [min(known), max(known)]
            right = bar.value >= 0
            axes.annotate(
                write(bar.value),
                (max(known) if right else min(known), place),
                xytext=(4 if right else -4, 0),
                textcoords="offset points",
                va="center",
                ha="left" if right else "right",
            )
        room = (max(ends) - min(ends)) * 0.28 or 1.0
        axes.set_xlim(min(ends) - (room if signs_differ else 0), max(ends) + (room if max(ends) > 0 else 0))
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.set_yticks(places, [bar.label for bar in series])
        axes.set_ylim(len(series) - 0.4, -0.6)
        axes.set_xticks([])
    return drawn[0]


def grouped_bars(labels: Sequence[str], groups: Mapping[str, Sequence[float]], write: Callable[[float], str]) -> str:
    """Horizontal bars of several dates or kinds under each label."""
    with _drawing(0.24 * len(labels) * len(groups) + 0.8) as (axes, drawn):
        _plain(axes, "x")
        height = 0.8 / len(groups)
        for number, (name, values) in enumerate(groups.items()):
            places = [place - 0.4 + height * (number + 0.5) for place in range(len(labels))]
            axes.barh(places, values, height=height * 0.9, color=SERIES[number % 6], label=name)
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, borderaxespad=0, handlelength=1)
    return drawn[0]


def flows(sources: Sequence[tuple[str, float]], targets: Sequence[tuple[str, float]], write: Callable[[float], str]) -> str:
    """What goes out on the left, where it arrives on the right, as bands whose height is the amount. Both sides add up to the same."""
    total = sum(amount for _, amount in sources)
    gap = total * 0.06
    with _drawing(0.5 * max(len(sources), len(targets)) + 1.0) as (axes, drawn):
        axes.axis("off")
        axes.set_xlim(0, 1)
        height = total + gap * (max(len(sources), len(targets)) - 1)
        axes.set_ylim(height, 0)
        middle = (height - total) / 2
        for parts, edge, centre, colour in ((sources, 0.3, 0.47, RED), (targets, 0.7, 0.53, BLUE)):
            place, inner = (height - total - gap * (len(parts) - 1)) / 2, middle
            for name, amount in parts:
                half = (edge + centre) / 2
                top, bottom = (
                    [(edge, place), (half, place), (half, inner), (centre, inner)],
                    [(centre, inner + amount), (half, inner + amount), (half, place + amount), (edge, place + amount)],
                )
                path = Path([*top, *bottom, top[0]], [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY])
                axes.add_patch(PathPatch(path, facecolor=colour, alpha=0.45, linewidth=0))
                left = edge < centre
                axes.text(edge - 0.015 if left else edge + 0.015, place + amount / 2 - height * 0.028, name, ha="right" if left else "left", va="center")
                axes.text(
                    edge - 0.015 if left else edge + 0.015,
                    place + amount / 2 + height * 0.038,
                    write(amount),
                    ha="right" if left else "left",
                    va="center",
                    color=FAINT,
                )
                place, inner = place + amount + gap, inner + amount
        axes.add_patch(
            PathPatch(Path([(0.47, middle), (0.53, middle), (0.53, middle + total), (0.47, middle + total), (0.47, middle)]), facecolor=FAINT, linewidth=0)
        )
    return drawn[0]


def for_page(svg: str, name: str, title: str, summary: str, words: Callable[[str], str]) -> str:
    """An SVG as it stands in the page: colours as variables, texts put through `words`, ids of its own, named for those who do not see it."""
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag == f"{{{SVG}}}metadata":
                parent.remove(child)
    for element in root.iter():
        if element.tag == f"{{{SVG}}}text" and element.text:
            element.text = words(element.text)
            element.set("style", _page_font(element.get("style", "")))
        for attribute, value in element.attrib.items():
            if attribute == "id":
                element.set(attribute, f"{name}-{value}")
            elif attribute == f"{{{XLINK}}}href":
                element.set(attribute, value.replace("#", f"#{name}-"))
            elif "url(#" in value:
                element.set(attribute, value.replace("url(#", f"url(#{name}-"))
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-summary")
    for place, (tag, content) in enumerate((("title", title), ("desc", summary))):
        element = ElementTree.Element(f"{{{SVG}}}{tag}", {"id": f"{name}-{'summary' if tag == 'desc' else tag}"})
        element.text = content
        root.insert(place, element)
    return ElementTree.tostring(root, encoding="unicode")


def _page_font(style: str) -> str:
    """A text's style with the page's own font."""
    size = re.search(r"(\d+(?:\.\d+)?)px", style)
    rest = re.sub(r"font(-\w+)?:[^;]*;?\s*", "", style)
    return f"font: {size[1] if size else SIZE}px var(--font); {rest}"
