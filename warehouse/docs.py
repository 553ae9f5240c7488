"""Pages made from the code: docs/feeds.md and docs/bring-your-own.md from the declarations, docs/settings.md from the settings, docs/commands.md from the help
of the commands, docs/dictionary.md from the models and the build record; and what a feed lacks.

`python -m warehouse.docs` writes the pages. With `--check` it writes nothing, and ends with 1 when a page is out of date or a
feed lacks a part.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import yaml

from ingest.feed import Access, Delay, Feed, PublicationLag
from ingest.feeds import FEEDS, provider_of
from ingest.feeds.own import SERIES
from warehouse.cli import main as main_command
from warehouse.dictionary import dictionary_page
from warehouse.markdown import MADE, plain, table
from warehouse.settings import REPOSITORY, Settings

# Variables of the Makefile; a variable it lets the caller set and that is not here fails `settings_page`.
_MAKE_VARIABLES = {
    "PYTHON": "Python that makes `.venv`: 3.11, 3.12 or 3.13",
    "SOURCE": "where bytes come from, passed on as `EBBTIDE_SOURCE`: `sample`, `live` or `replay:FOLDER`",
}

_ACCESS = {
    Access.LIVE: "live: fetched from the provider",
    Access.REPLAY: "replay: no longer served, or fetched in another form; saved files are read",
    Access.BRING_YOUR_OWN: "bring your own: licence or log-in keeps it from being fetched",
}


# --- pages ------------------------------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Text of every page that is made from code, by its path below the repository."""
    return {
        "docs/feeds.md": feeds_page(FEEDS),
        "docs/settings.md": settings_page(),
        "docs/bring-your-own.md": own_page(FEEDS),
        "docs/dictionary.md": dictionary_page(),
        "docs/commands.md": commands_page(),
    }


def commands_page() -> str:
    """The help of every command as Markdown, subcommands after their group."""
    parts = [
        "# Commands",
        "<!-- Made by `python -m warehouse.docs`; edit warehouse/cli.py, not this page. -->",
        "What `ebbtide COMMAND --help` says. [The command line](command-line.md) shows some of them at work, and tells of exit codes, JSON and completion.",
    ]
    return "\n\n".join([*parts, *_help(main_command, "ebbtide", None)]) + "\n"


def _help(command: click.Command, name: str, parent: click.Context | None) -> list[str]:
    context = click.Context(command, parent=parent, info_name=name, terminal_width=100, help_option_names=["-h", "--help"])
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    parts = [f"## {context.command_path}", f"```text\n{text}\n```"]
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            parts += _help(command.commands[each], each, context)
    return parts


def own_page(feeds: Mapping[str, Feed]) -> str:
    """What a user may bring as Markdown: files of providers that cannot be fetched, then the series of one's own and their layout."""
    files = (
        [f"[{feed.name}](feeds.md#{feed.name})", f"`{declared.name}`", declared.description, feed.licence]
        for feed in (feeds[name] for name in sorted(feeds))
        for declared in feed.formats
        if declared.access is Access.BRING_YOUR_OWN and feed.name != "own_series"
    )
    series = (
        [f"`{name}`", each.description, each.unit, str(each.cadence), _lag(each.lag), each.source, each.serves, each.stand_in] for name, each in SERIES.items()
    )
    return (
        "\n\n".join(
            [
                "# Bring your own",
                MADE,
                "Some figures cannot be fetched: a licence forbids it, a log-in or a captcha guards them, or they stand on paper. Put such files "
                "into `$EBBTIDE_HOME/own`, and the next live refresh takes them beside what it fetches; or replay a folder of them, "
                "`make refresh SOURCE=replay:FOLDER`. A file is known by what it holds, wherever it lies in the folder; one that no feed reads is named. "
                "Without them everything works, and what they would measure says what stands in for them. See that your licence allows what you do.",
                "## Files of providers",
                table(("feed", "format", "files", "licence"), files),
                "## Series of one's own",
                "Any name, UTF-8, a comma between fields, one line a series and date:",
                "```text\nseries_id,observation_date,value,published_at\nvietnam_foreign_ownership,2022-12-31,0.2,2023-01-20\n```",
                "`observation_date` is the day, or the end of the month, quarter or year. `published_at` may be left out: then the lag below says when the "
                "value became known. A day alone stands for its end, a time is UTC where it names no zone. A later file with another value is a new "
                "version from its own edition on. A line of a series that is not listed is quarantined; `ebbtide quarantine list` shows why.",
                table(("series", "what", "unit", "cadence", "known after", "where to get it", "serves", "without it"), series),
            ]
        )
        + "\n"
    )


def feeds_page(feeds: Mapping[str, Feed]) -> str:
    """The feeds as Markdown: first all of them, then each with its lag rule, formats and columns."""
    ordered = [feeds[name] for name in sorted(feeds)]
    overview = ([f"[{f.name}](#{f.name})", f.title, f.provider, str(f.cadence), _lag(f.lag), ", ".join(f.key)] for f in ordered)
    parts = [
        "# Feeds",
        MADE,
        "A feed is one kind of record a provider publishes. It lands in the table `raw.<feed>`, which keeps every version of a row. "
        "An observation becomes known (`_available_at`) at the provider's own time where the feed carries one, otherwise by the "
        "publication lag below. Times are local to the zone named. [Architecture](architecture.md) tells the rules, "
        "`ebbtide feeds` how fresh each feed is.",
        "Some licences allow personal use only: check them before you pass data on.",
        table(("feed", "what", "provider", "cadence", "publication lag", "key"), overview),
        *_how_availability_is_determined(ordered),
        *(_feed(feed) for feed in ordered),
    ]
    return "\n\n".join(parts) + "\n"


def _how_availability_is_determined(feeds: Sequence[Feed]) -> list[str]:
    """The section on when observations count as known; nothing where there are no feeds."""
    if not feeds:
        return []
    return [
        "## How each feed's availability is determined",
        "What decides when the first version of an observation counts as known, in this order: the provider's own time where the row carries one; "
        "the time of the file where it was fetched before the rule's time, or where the file before lacked what was due; the rule. "
        "A later version is known with the edition that brings it. "
        "Exceptions are observations for which the rule was not kept; they count from the day on which they came.",
        table(("feed", "known by", "rule", "source", "exceptions, with source"), (row for feed in feeds for row in _availability(feed))),
    ]


def _availability(feed: Feed) -> list[list[str]]:
    """A row a rule of the feed: its own, that of a cadence, that of the series that share one."""
    if feed.filing_of:
        return [[feed.name, f"the filing it is a line of, in {feed.filing_of}", "", "", ""]]
    if feed.vintage_column:
        known = f"`{feed.vintage_column}`, its end; else the rule"
    elif feed.published_column:
        known = f"`{feed.published_column}`, unless {feed.bulk_after_days} days later than the rule (a bulk load); else the rule"
    else:
        known = "the rule"
    rules = [("", feed.lag), *((f"{cadence} series", lag) for cadence, lag in feed.lag_by_cadence.items())]
    rules += [(", ".join(names), lag) for lag, names in _shared(feed.lag_by).items()]
    return [[f"{feed.name}" + (f": {what}" if what else ""), known, _lag(lag), lag.source, "; ".join(map(_delay, lag.delays))] for what, lag in rules]


def _delay(delay: Delay) -> str:
    """The span of what came late and of when it came, and who says so."""
    observed, came = zip(*delay.published, strict=True)
    what = str(observed[0]) if len(observed) == 1 else f"{len(observed)} from {min(observed)} to {max(observed)}"
    when = str(min(came)) if min(came) == max(came) else f"{min(came)} to {max(came)}"
    return f"{what} came {when}" + (f" at {delay.at}" if delay.at else "") + f" ({delay.source})"


def _feed(feed: Feed) -> str:
    facts = [
        f"* Provider: `{feed.provider}`, <{feed.url}>",
        f"* Licence: {feed.licence}",
        f"* Cadence: {feed.cadence}" + (f"; observed on each {feed.dated}" if feed.dated != "any day" else ""),
        f"* Publication lag: {_lag(feed.lag)}" + (f" ({feed.lag.source})" if feed.lag.source else ""),
        *(f"* Publication lag of other {cadence} series: {_lag(lag)}" for cadence, lag in feed.lag_by_cadence.items()),
        *(f"* Publication lag of {', '.join(names)}: {_lag(lag)}" for lag, names in _shared(feed.lag_by).items()),
        f"* Key: {', '.join(f'`{name}`' for name in feed.key)}",
    ]
    if any(declared.access is Access.LIVE for declared in feed.formats):
        limit = provider_of(feed.provider)
        facts.append(f"* Requests: at most {limit.requests_a_second:g} a second" + (f" ({limit.limit_source})" if limit.limit_source else ""))
    if feed.vintage_column:
        facts.append(f"* Vintages: `{feed.vintage_column}`")
    if feed.published_column:
        facts.append(f"* Provider's publication time: `{feed.published_column}`")
    formats = table(("format", "access", "files"), ([f"`{f.name}`", _ACCESS[f.access], f.description] for f in feed.formats))
    columns = table(("column", "type", "unit", "meaning"), ([f"`{c.name}`", c.type, c.unit, c.description] for c in feed.columns))
    return "\n\n".join([f"## {feed.name}", plain(f"{feed.title}. {feed.description}"), "\n".join(facts), formats, columns])


def _shared(lags: Mapping[str, PublicationLag]) -> dict[PublicationLag, list[str]]:
    """Names by the lag they share."""
    found: dict[PublicationLag, list[str]] = {}
    for name, lag in lags.items():
        found.setdefault(lag, []).append(name)
    return found


def _lag(lag: PublicationLag) -> str:
    return str(lag).replace(" 24:00", " end of the day")


def settings_page(makefile: Path = REPOSITORY / "Makefile") -> str:
    """The settings as Markdown: environment variables, then variables of the make line.

    Raises ValueError when the Makefile has a variable that this module does not describe.
    """
    defaults = dict(re.findall(r"(?m)^(\w+) \?= (.*)$", makefile.read_text(encoding="utf-8")))
    if unknown := set(defaults) ^ set(_MAKE_VARIABLES):
        raise ValueError(f"describe in warehouse/docs.py what these variables of the Makefile do, or remove them there: {', '.join(sorted(unknown))}")
    settings = []
    for name, field in Settings.model_fields.items():
        variable = "EBBTIDE_HOME" if name == "home_setting" else f"EBBTIDE_{name.upper()}"
        default = "" if field.default is None else f"`{field.default}`"
        settings.append([f"`{variable}`", default, field.description or ""])
    return (
        "\n\n".join(
            [
                "# Settings",
                MADE,
                "Everything is set by environment variables; none is needed for the sample world. `ebbtide doctor` shows what is in force "
                "and which keys are set, without showing the keys.",
                table(("variable", "default", "meaning"), settings),
                "## On the make line",
                table(("variable", "default", "meaning"), ([f"`{name}`", f"`{defaults[name]}`", text] for name, text in _MAKE_VARIABLES.items())),
                "`make refresh SOURCE=replay:FOLDER` takes a relative folder from where it is typed. "
                "A home belongs to one kind of source: another kind is refused.",
            ]
        )
        + "\n"
    )


def outdated(root: Path = REPOSITORY) -> list[str]:
    """Pages below `root` whose text is not what the code makes, as messages that say what to do."""
    return [
        f"{path} is out of date: run `python -m warehouse.docs`"
        for path, text in pages().items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


# --- what a feed lacks ------------------------------------------------------------------------------------------------


def missing_parts(root: Path = REPOSITORY, feeds: Mapping[str, Feed] = FEEDS) -> list[str]:
    """What each feed lacks of: declaration, source, staging model, its YAML entry, files in the sample world.

    Returns one message a missing part, naming the feed and the place; nothing when all is there. The suites of the gates are
    derived from the declaration and the YAML, so they cannot be missing when these are there.
    """
    folder = root / "dbt_project" / "models" / "staging"
    sources: dict[str, dict[str, object]] = {}
    models: dict[str, dict[str, object]] = {}
    for path in sorted(folder.rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        raw = (source for source in content.get("sources") or [] if source.get("schema") == "raw")
        sources |= {table["name"]: table for source in raw for table in source["tables"]}
        models |= {model["name"]: model for model in content.get("models") or []}
    readers: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.sql")):
        for name in re.findall(r"""source\(\s*['"]\w+['"]\s*,\s*['"](\w+)['"]""", path.read_text(encoding="utf-8")):
            readers.setdefault(name, []).append(path.stem)
    found = [
        f"{name}: no declaration in ingest/feeds, but a source in dbt_project/models/staging"
        for name in sorted((set(sources) | set(readers)) - set(feeds) - {"build_in_progress"})
    ]
    sampled = _sampled(feeds)
    for name, feed in feeds.items():
        place = f"dbt_project/models/staging/{feed.provider}"
        if name not in sources:
            found.append(f"{name}: no source in {place}/_{feed.provider}__sources.yml")
        else:
            listed = {column["name"] for column in sources[name].get("columns") or []}  # type: ignore[attr-defined]
            found += [f"{name}: column {c.name} is not in the source of {place}" for c in feed.columns if c.name not in listed]
        if name not in readers:
            found.append(f"{name}: no staging model in {place} reads it")
        found += [f"{name}: model {model} has no entry in a YAML file of {place}" for model in readers.get(name, []) if model not in models]
        if name not in sampled:
            found.append(f"{name}: the sample world has no file of it: add a writer to ingest/sample and its line to _WRITERS")
    return found


def _sampled(feeds: Mapping[str, Feed]) -> set[str]:
    """Feeds of which the sample world has at least one file."""
    from ingest.sample import END, render

    return {name for name in feeds if next(iter(render(END, first_year=END.year - 1, feeds={name})), None)}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them and the feeds' parts; returns the exit code."""
    if list(arguments) == ["--check"]:
        findings = [*outdated(), *missing_parts()]
        print("\n".join(findings) or "pages up to date, no feed lacks a part")
        return bool(findings)
    if arguments:
        print("python -m warehouse.docs [--check]", file=sys.stderr)
        return 2
    for path, text in pages().items():
        (REPOSITORY / path).write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
