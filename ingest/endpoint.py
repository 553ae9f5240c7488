"""Where a live format is asked for, as a pattern: the addresses of its requests, `{}` where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice, takewhile

from ingest.feed import FetchWindow, Format, Request
from ingest.feeds import PROVIDERS, provider_of

# Windows that share no part of a date; the first reaches back far enough for archives that are only asked for then.
_WINDOWS = ((date(2005, 1, 3), date(2006, 2, 4)), (date(2021, 6, 15), date(2021, 6, 18)), (date(2023, 10, 26), date(2023, 11, 27)))
MOST = 400  # requests looked at


def endpoints(declared: Format) -> list[str]:
    """Address patterns of a live format, one a host and depth of path; none for another."""
    if not declared.requests:
        return []
    settings = {key.setting for provider in PROVIDERS for key in provider_of(provider).keys}
    found: list[Request] = []
    # with every key set, then with none: some formats stand in for those that need one
    for keys in (dict.fromkeys(settings, "key"), {}):
        for start, end in _WINDOWS:
            found.extend(islice(declared.requests(FetchWindow(start, end + timedelta(days=1), keys)), MOST))
        if found:
            break
    groups: dict[tuple[str, int, bool], list[Request]] = {}
    for request in found:
        groups.setdefault((request.url.split("/")[2], request.url.count("/"), request.body is not None), []).append(request)
    return [("POST " if posts else "") + _pattern(requests) for (_, _, posts), requests in groups.items()]


def _pattern(requests: Sequence[Request]) -> str:
    parts = zip(*(request.url.split("/") for request in requests), strict=True)
    query = "&".join(f"{name}={value}" for name, value in _shared(request.params for request in requests).items())
    return "/".join(_merged(part) for part in parts) + (f"?{query}" if query else "")


def _shared(params: Iterable[Mapping[str, str]]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for each in params:
        for name, value in each.items():
            values.setdefault(name, []).append(value)
    return {name: _merged(same) for name, same in values.items()}


def _merged(texts: Sequence[str]) -> str:
    """The text all share at the start and at the end, `{}` between."""
    first = texts[0]
    if all(text == first for text in texts):
        return first
    start = _common_start(texts).rstrip("0123456789")
    end = _common_start([text[len(start) :][::-1] for text in texts])[::-1].lstrip("0123456789")
    return f"{start}{{}}{end}"


def _common_start(texts: Sequence[str]) -> str:
    return "".join(letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False)))
