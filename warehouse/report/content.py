"""What the morning report says: each part read from the published marts, in the order of the page."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import yaml

from warehouse.report import charts
from warehouse.report.charts import Bar, Line
from warehouse.report.figures import Figure, Language, Published, Row, text

INDEX = "signals.fct_retreat_index_daily"
SIGNAL = "signals.fct_signal_daily"
CORE_BLOCKS = ("hedging", "leverage", "flows", "positioning", "impact")
BLOCKS = (*CORE_BLOCKS, "drivers", "destinations")
CONTRIBUTIONS = [f"{block}_contribution" for block in CORE_BLOCKS]
REGIME_COLOURS = {"orderly_retreat": charts.ORANGE, "contagion": charts.RED, "inflow": charts.GREEN}
SHOWN = timedelta(days=731)  # two years of history in the charts of signals
LONG_SHOWN = timedelta(days=3653)
NEWS = timedelta(days=7)


@dataclass(frozen=True)
class Text:
    """The same words in both languages."""

    en: str
    zh: str

    def __call__(self, language: Language) -> str:
        return self.en if language == "en" else self.zh


@functools.cache
def _words() -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("words.yml").read_text(encoding="utf-8"))
    return read


def say(key: str) -> Text:
    """A text of the page. Raises KeyError when words.yml has none of that name."""
    found = _words()["texts"][key]
    return Text(found["en"], found["zh"])


@functools.cache
def texts_in_chinese() -> dict[str, str]:
    """The English texts of the page with their Chinese."""
    return {found["en"]: found["zh"] for found in _words()["texts"].values()}


def word(term: object) -> Text:
    """A term that the marts use, with its Chinese; a term that words.yml does not have stays as it is."""
    plain = str(term)
    return Text(plain.replace("_", " "), _words()["terms"].get(plain, plain))


Cell = Text | Figure | date | None


@dataclass(frozen=True)
class Table:
    """A table; `key_columns` are the first ones, which head the rows."""

    title: Text
    columns: Sequence[Text]
    rows: Sequence[Sequence[Cell]]
    numeric: frozenset[int] = frozenset()
    folded: bool = False


@dataclass(frozen=True)
class Tile:
    """A number that stands by itself, with what it is."""

    label: Text
    value: Figure | Text
    note: Text | date | None = None


@dataclass(frozen=True)
class Chart:
    """A chart with its title, how to read it, its numbers as a table, and what it shows in words for those who do not see it."""

    name: str
    title: Text
    note: Text
    svg: str
    numbers: Table
    spoken: Text = Text("", "")


@dataclass
class Section:
    """A part of the page."""

    name: str
    title: Text
    lead: list[Text] = field(default_factory=list)
    tiles: list[Tile] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    parts: list[Section] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether the marts of the part hold nothing."""
        return not (self.tiles or self.charts or self.tables or any(not part.is_empty for part in self.parts))


@dataclass(frozen=True)
class Report:
    """The whole report. Grain of its numbers: those of the marts they come from."""

    build: Row
    sample: bool
    regime: str | None
    sections: list[Section]

    @property
    def traced(self) -> str:
        """A number of the page as `ebbtide trace` takes it."""
        for section in self.sections:
            for tile in section.tiles:
                if isinstance(tile.value, Figure) and tile.value.table == INDEX:
                    return f"{INDEX} observation_date={tile.value.key['observation_date']}"
        return "MODEL COLUMN=VALUE"


def table(title: Text, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, folded: bool = False) -> Table:
    """A table whose columns are named by keys of words.yml; columns of figures are set to the right."""
    kept = [tuple(row) for row in rows]
    numeric = frozenset(at for at in range(len(columns)) if any(isinstance(row[at], Figure) for row in kept))
    return Table(title, [say(f"column.{name}") for name in columns], kept, numeric, folded)


def writer(unit: str) -> Callable[[float], str]:
    """How a chart writes the numbers of its axis."""
    return lambda value: text(value, unit, "en")


def _weekly(rows: Sequence[Row]) -> list[Row]:
    """The last row of each week, so that a chart of years stays light."""
    last: dict[tuple[int, int], Row] = {}
    for row in rows:
        last[row["observation_date"].isocalendar()[:2]] = row
    return list(last.values())


def _from_to(label: Text, first: Row, last: Row, column: str, unit: str) -> Text:
    """What a line does, in a sentence."""
    start, end = first.figure(column, unit), last.figure(column, unit)
    days = first["observation_date"], last["observation_date"]
    return Text(
        f"{label.en}: {start.text('en')} on {days[0]}, {end.text('en')} on {days[1]}.",
        f"{label.zh}：{days[0]}为{start.text('zh')}，{days[1]}为{end.text('zh')}。",
    )


def _joined(sentences: Sequence[Text]) -> Text:
    return Text(" ".join(sentence.en for sentence in sentences), "".join(sentence.zh for sentence in sentences))


def compose(connection: duckdb.DuckDBPyConnection, not_fetched: Sequence[str] = ()) -> Report:
    """Everything the page shows, from the published build; `not_fetched` are lines on providers that did not answer."""
    published = Published(connection)
    (build,) = published.rows(
        "meta.build", ["build_id"], ["source", "as_of", "finished_at", "code_version"], "where status = 'published' order by build_id desc limit 1"
    )
    days = published.rows(
        INDEX,
        ["observation_date"],
        ["retreat_index", "regime", "blocks_out", "live_core_blocks", "evidence_en", "evidence_zh", "speed", "breadth", *CONTRIBUTIONS],
        "where retreat_index is not null order by observation_date",
    )
    sections = [
        headline(published, days),
        blocks(published, days),
        capital_map(published),
        valuation(published),
        scenarios(published),
        claims(published),
        freshness(published, not_fetched),
    ]
    return Report(build, build["source"] == "sample", days[-1]["regime"] if days else None, sections)


# --- the headline -------------------------------------------------------------------------------------------------------------


def _on_or_before(days: Sequence[Row], day: date) -> Row | None:
    return next((row for row in reversed(days) if row["observation_date"] <= day), None)


def headline(published: Published, days: Sequence[Row]) -> Section:
    """Index and regime, what changed since the day and the week before, and the alerts that are new."""
    section = Section("headline", say("headline.title"))
    if not days:
        section.lead.append(say("headline.none"))
        return section
    today = days[-1]
    day = today["observation_date"]
    yesterday = days[-2] if len(days) > 1 else None
    week = _on_or_before(days, day - NEWS)
    section.lead.append(Text(today["evidence_en"], today["evidence_zh"]))
    section.tiles = [
        Tile(say("headline.index"), today.figure("retreat_index", "index"), day),
        Tile(say("headline.regime"), word(today["regime"]), _since(days)),
        *(
            Tile(say(f"headline.{name}"), today.figure("retreat_index", "points", before), _regime_change(before, today))
            for name, before in (("day", yesterday), ("week", week))
            if before
        ),
    ]
    shown = _weekly([row for row in days if row["observation_date"] > day - SHOWN])
    daily = [row for row in days if row["observation_date"] > day - SHOWN]
    section.charts = [
        Chart(
            "index",
            say("headline.chart"),
            say("headline.chart_note"),
            charts.lines(
                [Line("", [row["observation_date"] for row in daily], [row["retreat_index"] for row in daily])], writer("count"), level=50, bands=_bands(daily)
            ),
            table(
                say("headline.chart"),
                ["day", "index", "regime"],
                [(row["observation_date"], row.figure("retreat_index", "index"), word(row["regime"])) for row in reversed(shown[-13:])],
                folded=True,
            ),
            _from_to(say("headline.index"), shown[0], shown[-1], "retreat_index", "index"),
        ),
        _changes(today, yesterday, week),
    ]
    section.tables = [*_alerts(published, day)]
    return section


def _since(days: Sequence[Row]) -> Text:
    regime = days[-1]["regime"]
    start = days[-1]["observation_date"]
    for row in reversed(days):
        if row["regime"] != regime:
            break
        start = row["observation_date"]
    return Text(f"since {start}", f"自{start}起")


def _regime_change(before: Row, today: Row) -> Text:
    day, regime = before["observation_date"], word(before["regime"])
    if before["regime"] == today["regime"]:
        return Text(f"since {day}; same regime", f"较{day}；状态未变")
    return Text(f"since {day}; the regime was {regime.en}", f"较{day}；当时状态为{regime.zh}")


def _bands(days: Sequence[Row]) -> list[tuple[date, date, str]]:
    """Spans of days in a regime that has a colour."""
    bands: list[tuple[date, date, str]] = []
    for row, after in zip(days, [*days[1:], days[-1]], strict=True):
        colour = REGIME_COLOURS.get(row["regime"])
        if colour is None:
            continue
        start, end = row["observation_date"], after["observation_date"]
        if bands and bands[-1][1] == start and bands[-1][2] == colour:
            bands[-1] = (bands[-1][0], end, colour)
        else:
            bands.append((start, end, colour))
    return bands


def _changes(today: Row, yesterday: Row | None, week: Row | None) -> Chart:
    """What each block adds to the index, and what it added before."""
    shown = [(say(f"headline.{name}_of"), row) for name, row in (("today", today), ("day", yesterday), ("week", week)) if row]
    rows: list[list[Cell]] = []
    for block, column in zip(CORE_BLOCKS, CONTRIBUTIONS, strict=True):
        rows.append([say(f"block.{block}"), today.figure(column, "points")])
        rows[-1] += [today.figure(column, "points", before) if before else None for before in (yesterday, week)]
    return Chart(
        "contributions",
        say("headline.contributions"),
        say("headline.contributions_note"),
        charts.grouped_bars(
            [say(f"block.{block}").en for block in CORE_BLOCKS],
            {name.en: [row[column] or 0.0 for column in CONTRIBUTIONS] for name, row in shown},
            writer("points"),
        ),
        table(say("headline.contributions"), ["block", "contribution", "change_day", "change_week"], rows),
    )


def _alerts(published: Published, day: date) -> Iterator[Table]:
    columns = ["severity", "reason_en", "reason_zh", "end_date", "trading_days"]
    key = ["signal_id", "rule", "start_date"]
    order = "order by case severity when 'critical' then 0 when 'warning' then 1 else 2 end, start_date desc, signal_id, rule"
    new = published.rows("signals.fct_signal_alert", key, columns, f"where start_date > ? and start_date <= ? {order}", [day - NEWS, day])
    old = published.rows("signals.fct_signal_alert", key, columns, f"where start_date <= ? and end_date is null {order}", [day - NEWS])
    for name, alerts, folded in (("new", new, False), ("on", old, True)):
        if alerts:
            rows = [(row["start_date"], word(row["severity"]), Text(row["reason_en"], row["reason_zh"])) for row in alerts]
            yield table(say(f"alerts.{name}"), ["since", "severity", "alert"], rows, folded=folded)


# --- the seven blocks ---------------------------------------------------------------------------------------------------------


def blocks(published: Published, days: Sequence[Row]) -> Section:
    """Seven blocks of signals: how far each signal points out, today and over two years."""
    section = Section("blocks", say("blocks.title"), [say("blocks.lead")])
    newest = published.newest(SIGNAL)
    if newest is None:
        return section
    signals = published.rows("signals.dim_signal", ["signal_id"], ["name_en", "name_zh", "block", "unit"], "where is_measured order by signal_id")
    values = published.rows(
        SIGNAL,
        ["observation_date", "signal_id"],
        ["value", "z_score", "contribution", "change_4w", "highest_since", "lowest_since", "source_observation_date", "is_live"],
        "where observation_date = ?",
        [newest],
    )
    history = published.rows(SIGNAL, ["observation_date", "signal_id"], ["z_score"], "where observation_date > ? order by observation_date", [newest - SHOWN])
    today = {row["signal_id"]: row for row in values}
    past: dict[str, list[Row]] = {}
    for row in history:
        past.setdefault(row["signal_id"], []).append(row)
    for block in BLOCKS:
        members = [signal for signal in signals if signal["block"] == block and signal["signal_id"] in today]
        members.sort(key=lambda signal: -(today[signal["signal_id"]]["z_score"] or -9))
        if members:
            section.parts.append(_block(block, members, today, past, days[-1] if days else None))
    return section


def _block(block: str, members: Sequence[Row], today: dict[str, Row], past: dict[str, list[Row]], index: Row | None) -> Section:
    names = {signal["signal_id"]: Text(signal["name_en"], signal["name_zh"]) for signal in members}
    part = Section(f"block-{block}", say(f"block.{block}"), [say(f"block.{block}_note")])
    if index is not None and block in CORE_BLOCKS:
        part.tiles.append(Tile(say("blocks.contribution"), index.figure(f"{block}_contribution", "points"), index["observation_date"]))
    rows = []
    for signal in members:
        now = today[signal["signal_id"]]
        rows.append(
            (
                names[signal["signal_id"]],
                now.figure("value", _unit(signal["unit"])),
                word(signal["unit"]),
                now.figure("z_score", "score"),
                now.figure("contribution", "points") if block in CORE_BLOCKS else None,
                now["source_observation_date"],
            )
        )
    drawn = [(names[name], _weekly(past.get(name, []))) for name in names]
    drawn = [(name, weeks) for name, weeks in drawn if any(row["z_score"] is not None for row in weeks)]
    columns = ["signal", "value", "unit", "score", "contribution", "observed"]
    if block not in CORE_BLOCKS:
        columns.remove("contribution")
        rows = [(*row[:4], row[5]) for row in rows]  # type: ignore[misc]
    numbers = table(say(f"block.{block}"), columns, rows)
    if not drawn:
        part.tables.append(numbers)
        return part
    part.charts.append(
        Chart(
            f"block-{block}",
            say("blocks.chart"),
            say("blocks.chart_note"),
            charts.ridges([Line(name.en, [row["observation_date"] for row in weeks], [row["z_score"] for row in weeks]) for name, weeks in drawn]),
            numbers,
            _joined([_from_to(name, weeks[0], weeks[-1], "z_score", "score") for name, weeks in drawn]),
        )
    )
    return part


def _unit(unit: str) -> str:
    """The unit of a signal as `figures.text` knows it: fractions are shown as percent."""
    if unit == "share points":
        return "share change"
    return "share" if unit.startswith("share") else "number"


# --- where it goes ------------------------------------------------------------------------------------------------------------


def capital_map(published: Published) -> Section:
    """Where money went: dollars out of US shares against dollars seen arriving, destinations, reserves, foreigners, sovereign funds."""
    section = Section("map", say("map.title"), [say("map.lead")])
    _reconciled(published, section)
    _destinations(published, section)
    _foreigners(published, section)
    _reserves(published, section)
    _sovereign(published, section)
    return section


def _reconciled(published: Published, section: Section) -> None:
    name = "migration.fct_retreat_reconciliation_monthly"
    month = published.newest(name, "is_complete")
    rows = published.rows(
        name,
        ["observation_date", "side", "item"],
        ["amount_usd", "amount_12m_usd"],
        "where observation_date = ? order by list_position(['out', 'arrived', 'residual'], side), amount_usd desc",
        [month],
    )
    if not rows or month is None:
        return
    title = say("map.flow")
    left = [(row["item"], row["amount_usd"]) for row in rows if row["side"] == "out" and (row["amount_usd"] or 0) > 0]
    right = [(row["item"], row["amount_usd"]) for row in rows if row["side"] == "arrived" and (row["amount_usd"] or 0) > 0]
    # money that goes the other way stands on the other side
    left += [(row["item"], -row["amount_usd"]) for row in rows if row["side"] == "arrived" and (row["amount_usd"] or 0) < 0]
    right += [(row["item"], -row["amount_usd"]) for row in rows if row["side"] == "out" and (row["amount_usd"] or 0) < 0]
    gap = sum(amount for _, amount in left) - sum(amount for _, amount in right)
    (right if gap > 0 else left).append(("not explained", abs(gap)))
    numbers = table(
        title,
        ["side", "item", "month", "twelve_months"],
        [(word(row["side"]), word(row["item"]), row.figure("amount_usd", "USD"), row.figure("amount_12m_usd", "USD")) for row in rows],
    )
    summary = Text(f"Amounts of the month that ends on {month}. {say('map.flow_note').en}", f"截至{month}当月的金额。{say('map.flow_note').zh}")
    section.charts.append(Chart("flow", title, summary, charts.flows(left, right, writer("USD")), numbers))


def _destinations(published: Published, section: Section) -> None:
    name = "migration.fct_capital_destination_monthly"
    month = published.newest(name, "share_of_inflows > 0")
    rows = published.rows(
        name,
        ["observation_date", "destination"],
        ["indicator", "standardised_inflow", "share_of_inflows", "inflow_usd"],
        "where observation_date = ? and standardised_inflow is not null order by standardised_inflow desc",
        [month],
    )
    if not rows or month is None:
        return
    numbers = table(
        say("map.destinations"),
        ["destination", "standardised", "share_of_inflows", "inflow"],
        [
            (word(r["destination"]), r.figure("standardised_inflow", "score"), r.figure("share_of_inflows", "share"), r.figure("inflow_usd", "USD"))
            for r in rows
        ],
    )
    summary = Text(f"Month that ends on {month}. {say('map.destinations_note').en}", f"截至{month}当月。{say('map.destinations_note').zh}")
    bars = [Bar(row["destination"], row["standardised_inflow"]) for row in rows]
    section.charts.append(Chart("destinations", say("map.destinations"), summary, charts.bars(bars, writer("score")), numbers))


def _foreigners(published: Published, section: Section) -> None:
    name = "scenarios.fct_cross_border_monitor_monthly"
    rows = published.rows(
        name,
        ["observation_date", "direction", "instrument"],
        ["flow_12m_usd", "deviation", "episode", "episode_start"],
        "where direction = 'foreign holdings of US securities' and observation_date = ? order by flow_12m_usd",
        [published.newest(name)],
    )
    if rows:
        section.tables.append(
            table(
                say("map.foreigners"),
                ["instrument", "bought_12m", "deviation", "episode", "since", "day"],
                [
                    (
                        word(r["instrument"]),
                        r.figure("flow_12m_usd", "USD"),
                        r.figure("deviation", "score"),
                        word(r["episode"]),
                        r["episode_start"],
                        r["observation_date"],
                    )
                    for r in rows
                ],
            )
        )


def _reserves(published: Published, section: Section) -> None:
    rows = published.rows(
        "migration.fct_reserve_currency_quarterly",
        ["observation_date", "currency"],
        ["share", "share_change_4q", "quantity_effect_4q", "exchange_rate_effect_4q"],
        "where currency = 'US dollar' and share is not null order by observation_date",
    )
    if not rows:
        return
    shown = [row for row in rows if row["observation_date"] > rows[-1]["observation_date"] - LONG_SHOWN]
    numbers = table(
        say("map.reserves"),
        ["day", "share", "change_year", "by_quantity", "by_rates"],
        [
            (
                r["observation_date"],
                r.figure("share", "share"),
                r.figure("share_change_4q", "share change"),
                r.figure("quantity_effect_4q", "share change"),
                r.figure("exchange_rate_effect_4q", "share change"),
            )
            for r in reversed(shown[-8:])
        ],
        folded=True,
    )
    line = Line("", [row["observation_date"] for row in shown], [row["share"] for row in shown])
    summary = _from_to(say("map.reserves"), shown[0], shown[-1], "share", "share")
    section.charts.append(Chart("reserves", say("map.reserves"), summary, charts.lines([line], writer("share")), numbers))


def _sovereign(published: Published, section: Section) -> None:
    rows = published.rows(
        "migration.fct_sovereign_fund_weight",
        ["observation_date", "fund", "asset_class", "country", "basis"],
        ["weight", "weight_change_1y", "holdings_usd"],
        """
        where country = 'United States' and asset_class in ('equities', 'US-listed equities')
        qualify row_number() over (partition by fund, asset_class order by observation_date desc) = 1 order by fund
        """,
    )
    if rows:
        section.tables.append(
            table(
                say("map.sovereign"),
                ["fund", "us_weight", "change_year", "holdings", "day"],
                [
                    (
                        word(r["fund"]),
                        r.figure("weight", "share"),
                        r.figure("weight_change_1y", "share change"),
                        r.figure("holdings_usd", "USD"),
                        r["observation_date"],
                    )
                    for r in rows
                ],
            )
        )


# --- what it does to prices -----------------------------------------------------------------------------------------------------


def valuation(published: Published) -> Section:
    """What prices mean: premium, discount rates, what a fall is made of, multiples."""
    section = Section("valuation", say("valuation.title"), [say("valuation.lead")])
    premium = published.rows(
        "valuation.fct_equity_risk_premium_monthly",
        ["source_table", "observation_date"],
        ["implied_premium", "bond_rate"],
        "where source_table = 'premium by month' and implied_premium is not null order by observation_date",
    )
    if premium:
        shown = [row for row in premium if row["observation_date"] > premium[-1]["observation_date"] - LONG_SHOWN]
        days = [row["observation_date"] for row in shown]
        numbers = table(
            say("valuation.premium"),
            ["day", "premium", "bond_rate"],
            [(r["observation_date"], r.figure("implied_premium", "rate"), r.figure("bond_rate", "rate")) for r in reversed(shown[-13:])],
            folded=True,
        )
        series = [
            Line(say(f"column.{name}").en, days, [row[column] for row in shown])
            for name, column in (("premium", "implied_premium"), ("bond_rate", "bond_rate"))
        ]
        summary = _joined(
            [_from_to(say(f"column.{n}"), shown[0], shown[-1], c, "rate") for n, c in (("premium", "implied_premium"), ("bond_rate", "bond_rate"))]
        )
        section.charts.append(Chart("premium", say("valuation.premium"), summary, charts.lines(series, writer("share")), numbers))
    _implied(published, section)
    _repricing(published, section)
    _multiples(published, section)
    return section


def _implied(published: Published, section: Section) -> None:
    name = "valuation.fct_implied_discount_rate"
    rows = published.rows(
        name,
        ["observation_date", "symbol"],
        ["implied_discount_rate", "price", "status"],
        "where observation_date = ? order by implied_discount_rate nulls last, symbol",
        [published.newest(name)],
    )
    known = [row for row in rows if row["implied_discount_rate"] is not None]
    if not known:
        return
    numbers = table(
        say("valuation.implied"),
        ["company", "implied_rate", "price", "status"],
        [(word_as_is(r["symbol"]), r.figure("implied_discount_rate", "rate"), r.figure("price", "ratio"), word(r["status"])) for r in rows],
        folded=True,
    )
    bars = [Bar(row["symbol"], row["implied_discount_rate"]) for row in known]
    section.charts.append(Chart("implied", say("valuation.implied"), say("valuation.implied_note"), charts.bars(bars, writer("rate")), numbers))


def _repricing(published: Published, section: Section) -> None:
    rows = published.rows(
        "valuation.fct_repricing_attribution",
        ["symbol", "period_start", "period_end", "kind"],
        ["price_from", "price_to", "price_change_usd", "rate_effect_usd", "cash_flow_effect_usd", "residual_usd", "share_explained_by_rate"],
        "where kind = 'article' and rate_effect_usd is not null order by symbol limit 1",
    )
    if not rows:
        return
    (row,) = rows
    effects = ("rate_effect_usd", "cash_flow_effect_usd", "residual_usd")
    span = f"{row['period_start']} – {row['period_end']}"
    title = Text(f"{say('valuation.repricing').en}: {row['symbol']}, {span}", f"{say('valuation.repricing').zh}：{row['symbol']}，{span}")
    numbers = table(
        title, ["item", "dollars_a_share"], [(say(f"valuation.{column}"), row.figure(column, "ratio")) for column in ("price_from", *effects, "price_to")]
    )
    bars = [Bar(say(f"valuation.{column}").en, row[column]) for column in effects]
    section.charts.append(Chart("repricing", title, say("valuation.repricing_note"), charts.bars(bars, writer("ratio")), numbers))


def _multiples(published: Published, section: Section) -> None:
    name = "valuation.fct_pe_compression"
    columns = ["median_pe", "median_pe_before", "weighted_pe", "weighted_pe_before", "market_value_at_stake_by_median_usd", "comparison_date"]
    rows = published.rows(name, ["observation_date", "universe"], columns, "where observation_date = ? order by universe", [published.newest(name)])
    if rows:
        section.tables.append(
            table(
                say("valuation.multiples"),
                ["universe", "median_pe", "before", "weighted_pe", "before", "at_stake", "compared_with"],
                [
                    (
                        word(r["universe"]),
                        r.figure("median_pe", "index"),
                        r.figure("median_pe_before", "index"),
                        r.figure("weighted_pe", "index"),
                        r.figure("weighted_pe_before", "index"),
                        r.figure("market_value_at_stake_by_median_usd", "USD"),
                        r["comparison_date"],
                    )
                    for r in rows
                ],
            )
        )


# --- what may come ------------------------------------------------------------------------------------------------------------


def scenarios(published: Published) -> Section:
    """Orderly retreat, shocks, spillovers, what a defence takes off the tail, and what supervisors watch."""
    section = Section("scenarios", say("scenarios.title"), [say("scenarios.lead")])
    _retreat(published, section)
    _shocks(published, section)
    _spillover(published, section)
    _defence(published, section)
    _supervision(published, section)
    return section


def _retreat(published: Published, section: Section) -> None:
    name = "scenarios.fct_retreat_path"
    rows = published.rows(
        name,
        ["pace", "is_hedged", "observation_date"],
        ["stock_left_usd", "price_change_mild", "price_change", "price_change_severe", "share_of_market_sold"],
        "where not is_hedged and price_change is not null order by pace, observation_date",
    )
    if not rows:
        return
    paces = sorted({row["pace"] for row in rows})
    by_pace = {pace: [row for row in rows if row["pace"] == pace] for pace in paces}
    last = [by_pace[pace][-1] for pace in paces]
    series = [Line(_pace(pace).en, [row["observation_date"] for row in by_pace[pace]], [row["price_change"] for row in by_pace[pace]]) for pace in paces]
    numbers = table(
        say("scenarios.retreat"),
        ["pace", "day", "stock_left", "price_mild", "price_middle", "price_severe"],
        [
            (
                _pace(r["pace"]),
                r["observation_date"],
                r.figure("stock_left_usd", "USD"),
                r.figure("price_change_mild", "share"),
                r.figure("price_change", "share"),
                r.figure("price_change_severe", "share"),
            )
            for r in last
        ],
    )
    section.charts.append(Chart("retreat", say("scenarios.retreat"), say("scenarios.retreat_note"), charts.lines(series, writer("share")), numbers))


def _pace(pace: float) -> Text:
    return Text(f"{pace:.0%} a year", f"每年{pace:.0%}")


def _shocks(published: Published, section: Section) -> None:
    rows = published.rows(
        "scenarios.fct_contagion_path",
        ["shock", "asset", "day"],
        ["price_change_low", "price_change", "price_change_high", "is_shocked"],
        "where day = 21 order by shock, price_change",
    )
    for shock in dict.fromkeys(row["shock"] for row in rows):
        of_shock = [row for row in rows if row["shock"] == shock]
        title = Text(f"{say('scenarios.shock').en}: {word(shock).en}", f"{say('scenarios.shock').zh}：{word(shock).zh}")
        numbers = table(
            title,
            ["asset", "low", "middle", "high"],
            [
                (
                    word(r["asset"]),
                    r.figure("price_change_low", "share"),
                    r.figure("price_change", "share"),
                    r.figure("price_change_high", "share"),
                )
                for r in of_shock
            ],
            folded=True,
        )
        bars = [Bar(row["asset"], row["price_change"], row["price_change_low"], row["price_change_high"]) for row in of_shock]
        section.charts.append(Chart(f"shock-{shock.replace(' ', '-')}", title, say("scenarios.shock_note"), charts.bars(bars, writer("share")), numbers))


def _spillover(published: Published, section: Section) -> None:
    name = "scenarios.fct_spillover"
    rows = published.rows(
        name,
        ["observation_date", "asset", "from_asset"],
        ["net_percent", "from_others_percent", "to_others_percent", "total_percent"],
        "where observation_date = ? and asset = from_asset order by net_percent desc",
        [published.newest(name)],
    )
    if not rows:
        return
    section.tiles.append(Tile(say("scenarios.spillover_total"), rows[0].figure("total_percent", "percent"), rows[0]["observation_date"]))
    numbers = table(
        say("scenarios.spillover"),
        ["asset", "net", "to_others", "from_others"],
        [
            (
                word(r["asset"]),
                r.figure("net_percent", "points"),
                r.figure("to_others_percent", "percent"),
                r.figure("from_others_percent", "percent"),
            )
            for r in rows
        ],
        folded=True,
    )
    bars = [Bar(row["asset"], row["net_percent"]) for row in rows]
    section.charts.append(Chart("spillover", say("scenarios.spillover"), say("scenarios.spillover_note"), charts.bars(bars, writer("points")), numbers))


def _defence(published: Published, section: Section) -> None:
    rows = published.rows(
        "scenarios.fct_defence",
        ["portfolio", "sample", "horizon_days"],
        ["expected_shortfall", "shortfall_taken_off", "largest_drawdown", "carry"],
        "where horizon_days = 21 order by portfolio",
    )
    tail = {row["portfolio"]: row for row in rows if row["sample"] == "contagion" and row["expected_shortfall"] is not None}
    calm = {row["portfolio"]: row for row in rows if row["sample"] == "calm"}
    if not tail:
        return
    ordered = sorted(tail.values(), key=lambda row: -row["expected_shortfall"])
    numbers = table(
        say("scenarios.defence"),
        ["portfolio", "shortfall", "taken_off", "drawdown", "carry_calm"],
        [
            (
                word(r["portfolio"]),
                r.figure("expected_shortfall", "share"),
                r.figure("shortfall_taken_off", "share change"),
                r.figure("largest_drawdown", "share"),
                calm[r["portfolio"]].figure("carry", "rate") if r["portfolio"] in calm else None,
            )
            for r in ordered
        ],
    )
    bars = [Bar(row["portfolio"], row["expected_shortfall"]) for row in ordered]
    section.charts.append(Chart("defence", say("scenarios.defence"), say("scenarios.defence_note"), charts.bars(bars, writer("share")), numbers))


def _supervision(published: Published, section: Section) -> None:
    firms = published.rows(
        "scenarios.fct_minsky_quarterly",
        ["observation_date"],
        ["firms", "hedge_share", "speculative_share", "ponzi_share", "margin_debt_to_output"],
        "where firms > 0 order by observation_date desc limit 1",
    )
    for row in firms:
        section.tiles += [
            Tile(say(f"scenarios.{column}"), row.figure(column, "share"), row["observation_date"])
            for column in ("speculative_share", "ponzi_share", "margin_debt_to_output")
            if row[column] is not None
        ]
    name = "scenarios.fct_derivatives_concentration_weekly"
    high = published.rows(
        name,
        ["observation_date", "contract_code", "report_scope", "report"],
        ["contract_name", "largest_four_share", "rank_in_history"],
        "where observation_date = ? and is_high order by rank_in_history desc limit 10",
        [published.newest(name)],
    )
    if high:
        section.tables.append(
            table(
                say("scenarios.concentration"),
                ["contract", "largest_four", "rank_in_history", "day"],
                [
                    (
                        word_as_is(r["contract_name"]),
                        r.figure("largest_four_share", "share"),
                        r.figure("rank_in_history", "share"),
                        r["observation_date"],
                    )
                    for r in high
                ],
            )
        )


# --- claims -------------------------------------------------------------------------------------------------------------------


def claims(published: Published) -> Section:
    """Each claim of the article: claimed, measured, verdict."""
    section = Section("claims", say("claims.title"), [say("claims.lead")])
    rows = published.rows(
        "signals.fct_claim_check",
        ["claim_id", "variant"],
        ["statement", "quote_zh", "claimed_from", "claimed_to", "measured_from", "measured_to", "unit", "verdict", "why", "part"],
        "where is_used order by split_part(claim_id, '-', 1), cast(split_part(claim_id, '-', 2) as integer)",
    )
    if not rows:
        return section
    counted = [(verdict, sum(row["verdict"] == verdict for row in rows)) for verdict in ("confirmed", "refuted", "not measurable", "scenario")]
    counts = Text(
        f"{len(rows)} claims: " + ", ".join(f"{count} {verdict}" for verdict, count in counted if count) + ".",
        f"共{len(rows)}条：" + "，".join(f"{word(verdict).zh}{count}条" for verdict, count in counted if count) + "。",
    )
    section.lead.append(counts)
    section.tables.append(
        table(
            say("claims.table"),
            ["claim", "statement", "claimed", "measured", "verdict", "why"],
            [
                (
                    word_as_is(row["claim_id"]),
                    Text(row["statement"], row["quote_zh"] or row["statement"]),
                    row.figure("claimed_to", _claim_unit(row["unit"])),
                    row.figure("measured_to", _claim_unit(row["unit"])),
                    word(row["verdict"]),
                    Text(row["why"], row["why"]),
                )
                for row in rows
            ],
        )
    )
    return section


def _claim_unit(unit: str | None) -> str:
    plain = unit or ""
    if plain.startswith("USD"):
        return "USD"
    return "share" if plain.startswith("share") else "number"


# --- freshness and gates --------------------------------------------------------------------------------------------------------


def freshness(published: Published, not_fetched: Sequence[str]) -> Section:
    """How fresh each feed is, what the gates found, and which providers did not answer."""
    section = Section("freshness", say("freshness.title"), [say("freshness.lead"), *(Text(line, line) for line in not_fetched)])
    feeds = published.rows(
        "meta.feed_status",
        ["feed"],
        ["provider", "status", "cadence", "last_observation", "last_edition_at"],
        "order by case status when 'stale' then 0 when 'absent' then 1 else 2 end, feed",
    )
    results = published.rows(
        "quality.validation_result", ["build_id", "stage", "suite", "expectation"], ["success", "severity", "table_name", "observed_value", "description"]
    )
    counts = {status: sum(row["status"] == status for row in feeds) for status in ("fresh", "stale", "absent")}
    met = sum(bool(row["success"]) for row in results)
    section.tiles = [
        *(Tile(say(f"freshness.{status}"), Figure(count, "count", "meta.feed_status", "count(*)", {"status": status})) for status, count in counts.items()),
        Tile(say("freshness.met"), Figure(met, "count", "quality.validation_result", "count(*)", {"success": True})),
        Tile(say("freshness.not_met"), Figure(len(results) - met, "count", "quality.validation_result", "count(*)", {"success": False})),
    ]
    failed = [row for row in results if not row["success"]]
    if failed:
        section.tables.append(
            table(
                say("freshness.failures"),
                ["stage", "severity", "table", "check", "found"],
                [
                    (
                        word(r["stage"]),
                        word(r["severity"]),
                        word_as_is(r["table_name"]),
                        Text(r["description"], r["description"]),
                        word_as_is(r["observed_value"]),
                    )
                    for r in sorted(failed, key=lambda r: (r["severity"], r["table_name"], r["expectation"]))
                ],
            )
        )

    def listed(rows: Sequence[Row]) -> list[Sequence[Cell]]:
        return [
            (
                word_as_is(r["feed"]),
                word(r["status"]),
                word(r["cadence"]),
                r["last_observation"],
                r["last_edition_at"].date() if isinstance(r["last_edition_at"], datetime) else None,
            )
            for r in rows
        ]

    columns = ["feed", "freshness", "cadence", "last_observation", "last_file"]
    late = [row for row in feeds if row["status"] == "stale"]
    if late:
        section.tables.append(table(say("freshness.late"), columns, listed(late)))
    if feeds:
        section.tables.append(table(say("freshness.feeds"), columns, listed(feeds), folded=True))
    return section


def word_as_is(name: object) -> Text:
    """A name that is the same in both languages: of a feed, a table."""
    return Text(str(name), str(name))
