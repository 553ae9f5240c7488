"""The marts of the daily signals and of the Retreat Index, from the events of all signals: our models against the same in pandas and in Polars.

`python -m benchmarks.peers [--years N] [--home FOLDER] [--runs N]`. All three read the same rows (`int_signal_event`, the seed `signal`, the trading
days): ours as tables of the warehouse, the peers as Parquet. All three write `fct_signal_daily` and `fct_retreat_index_daily`; every run is compared
value by value. Ours is `dbt run` of the eight models in between, from the start of the first to the end of the last. The peers keep nothing on disk in
between. What depends on the step before (the chart and its freeze, "highest since") has no function in either library: there both peers
share the plain Python below, written for them, over arrays and lists.

Regime and evidence (`int_retreat_regime`, `int_retreat_evidence`) are numpy in our models and would be the same numpy in a peer: they are left out,
and stand ready for our models, which join them.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import duckdb
import numpy as np
import pandas as pd
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtr

from benchmarks.detection import parameters
from benchmarks.result import Result, at_least, show
from benchmarks.signals import feeds_of_signals, load_world
from ingest.sample import END
from warehouse.connection import literal, quote
from warehouse.dbt import run_dbt
from warehouse.retreat import MEAN_TO_SD, MEDIAN_TO_SD, cusum_threshold
from warehouse.settings import Settings, load_settings

MODELS = (
    "int_signal_observation", "int_signal_native", "int_signal_score", "int_signal_extreme", "int_signal_daily", "int_retreat_aggregate",
    "fct_signal_daily", "fct_retreat_index_daily",
)  # fmt: skip
READ = ("int_signal_event", "int_trading_day")
JOINED = ("int_retreat_regime", "int_retreat_evidence")
DAILY = (
    "observation_date", "signal_id", "value", "change_1w", "change_4w", "change_13w", "z_score", "z_status", "percentile_rank", "highest_since",
    "lowest_since", "weight", "is_live", "index_weight", "contribution", "cusum", "cusum_threshold", "is_frozen", "vintage_kind",
    "source_observation_date", "available_at", "file_id", "row_key",
)  # fmt: skip
INDEX = ("observation_date", "retreat_index", "z_score", "scale", "breadth", "live_core_blocks", "retreat_index_wide")
TOLERANCE = 1e-9
DAY = np.timedelta64(1, "D")
# g(Z) where Z is as good as 0: 100 times the normal density at 0
AT_ZERO = 39.894228040143267

Array = np.ndarray


@dataclass(frozen=True)
class Method:
    """Parameters of the dbt project, and the table of thresholds of the chart by persistence and cadence, which ours has in its cache too."""

    of: Mapping[str, Any]
    persistence: Array
    threshold: Mapping[str, Array]

    @classmethod
    def read(cls) -> Method:
        of, persistence = parameters(), np.linspace(0, 0.99, 100)
        return cls(of, persistence, {cadence: cusum_threshold(persistence, yardstick["run_length"]) for cadence, yardstick in of["robust_z"].items()})

    @property
    def index_columns(self) -> list[str]:
        return [*INDEX, *(f"{block}_contribution" for block in self.of["core_blocks"])]


# Input ------------------------------------------------------------------------------------------------------------------------------------------


def build_world(folder: Path, years: int) -> Path:
    """The warehouse of a sample world of so many years, built up to what this benchmark reads; returns its file."""
    settings = Settings.model_validate({"home_setting": folder, "as_of": END, "sample_first_year": END.year - years + 1})
    load_world(settings, feeds_of_signals())
    behind = [f"+{name}" for name in (*READ, *JOINED)]
    run_dbt(
        ["build", "--select", "resource_type:seed", *behind, "--exclude-resource-type", "unit_test", "test"],
        warehouse=settings.warehouse_path,
        mart=settings.next_mart_path,
        target=settings.home / "dbt",
    )
    return settings.warehouse_path


def prepare(built: Path, folder: Path) -> int:
    """Copy from a built warehouse what is read, into `folder/warehouse.duckdb` for ours and as Parquet for the peers; returns the number of events."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"attach {literal(built)} as built (read_only)")
        for schema in ("raw", "meta", "staging", "intermediate"):
            connection.execute(f"create schema {schema}")
        connection.execute("create table meta.build_in_progress as from built.meta.build_in_progress")
        connection.execute("create table staging.signal as from built.staging.signal")
        for name in (*READ, *JOINED):
            connection.execute(f"create table intermediate.{quote(name)} as from built.intermediate.{quote(name)}")
        for schema, name in (("staging", "signal"), *(("intermediate", name) for name in READ)):
            connection.execute(f"copy {schema}.{quote(name)} to {literal(folder / f'{name}.parquet')} (format parquet)")
        row = connection.execute("select count(*) from intermediate.int_signal_event").fetchone()
    assert row is not None
    return int(row[0])


# Ours -------------------------------------------------------------------------------------------------------------------------------------------


def with_models(folder: Path) -> float:
    """Run the models as a refresh does; seconds from the start of the first to the end of the last, as dbt recorded them."""
    (folder / "mart.duckdb").unlink(missing_ok=True)
    run_dbt(["run", "--select", *MODELS], warehouse=folder / "warehouse.duckdb", mart=folder / "mart.duckdb", target=folder / "dbt")
    results = json.loads((folder / "dbt" / "run_results.json").read_text(encoding="utf-8"))["results"]
    moments = [datetime.fromisoformat(step[end]) for result in results for step in result["timing"] for end in ("started_at", "completed_at")]
    return (max(moments) - min(moments)).total_seconds()


# What neither library has a function for, used by both peers, one signal at a time ---------------------------------------------------------------


def spread(values: Array, median: Array, window: int) -> Array:
    """1.4826 x median absolute deviation of the last `window` + 1 values, 1.2533 x the mean one where that is 0, NaN where both are."""
    # values before the first are infinitely far away, and so behind the middle of those that there are
    windows = sliding_window_view(np.concatenate([np.full(window, np.inf), values]), window + 1)
    away = np.abs(windows - median[:, None])
    away.sort(axis=1)
    row, count = np.arange(len(values)), np.minimum(np.arange(1, len(values) + 1), window + 1)
    scale = MEDIAN_TO_SD * (away[row, (count - 1) // 2] + away[row, count // 2]) / 2
    for zero in np.flatnonzero(scale == 0):
        scale[zero] = MEAN_TO_SD * away[zero, : count[zero]].mean()
    return np.where(scale > 0, scale, np.nan)


def drift(signed: Array, median: Array, scale: Array, phi: Array, method: Method, cadence: str) -> tuple[Array, Array, Array]:
    """Page's chart on the residuals of z, and the freeze of the window while it stands high.

    Returns
    -------
    By observation: at which one its window ended (-1: none yet), the chart (NaN: no z), whether the window stood still.
    """
    yardstick, clip = method.of["robust_z"][cadence], method.of["z_clip"]
    gap, freeze = yardstick["gap"], yardstick["freeze"]
    used, cusum, is_frozen = np.full(len(signed), -1), np.full(len(signed), np.nan), np.zeros(len(signed), dtype=bool)
    threshold = np.interp(phi, method.persistence, method.threshold[cadence]).tolist()
    allowed, root = (0.5 * np.sqrt((1 - phi) / (1 + phi))).tolist(), np.sqrt(1 - phi**2).tolist()
    x, middle, width, persistence = signed.tolist(), median.tolist(), scale.tolist(), phi.tolist()
    chart, before, end, frozen_for, is_high, rests = 0.0, None, -1, 0, False, False
    for n in range(gap, len(x)):
        rests = rests and is_high
        if is_high and not rests and frozen_for < freeze:
            end = end if frozen_for else n - gap - 1
            frozen_for += 1
            is_frozen[n] = True
        else:
            rests = rests or is_high
            end, frozen_for = n - gap, 0
        used[n] = end
        z = (x[n] - middle[end]) / width[end]
        if z == z:
            z = min(clip, max(-clip, z))
            if before is not None:
                residual = (z - persistence[end] * before) / root[end]
                chart = min(2 * threshold[end], max(0.0, chart + residual - allowed[end]))
            before = z
            cusum[n] = chart
        is_high = chart > threshold[end] / 2
    return used, cusum, is_frozen


def last_time_as_high(values: Array, position: Array, shown: Array) -> Array:
    """For each value shown at a position, the last position before it with a value no lower; -1 for none. Positions are in order."""
    level, found = values.tolist(), np.full(len(shown), -1)
    # positions whose value is above all later ones: their values, negated, are in order
    stack: list[int] = []
    negated: list[float] = []
    reached = 0
    for number, (place, value) in enumerate(zip(position.tolist(), shown.tolist(), strict=True)):
        while reached < place:
            while negated and -negated[-1] <= level[reached]:
                stack.pop()
                negated.pop()
            stack.append(reached)
            negated.append(-level[reached])
            reached += 1
        at = bisect_right(negated, -value)
        if at:
            found[number] = stack[at - 1]
    return found


def rank_again(values: Array, row: Array, before: Array, shown: Array) -> Array:
    """Share of the `before` values ahead of each row, and of the value shown in its place, that are no higher than that."""
    counts = [int(np.count_nonzero(values[at - n : at] <= value)) for at, n, value in zip(row.tolist(), before.tolist(), shown.tolist(), strict=True)]
    return (1 + np.array(counts, dtype=float)) / (1 + before)


# pandas -----------------------------------------------------------------------------------------------------------------------------------------


def with_pandas(folder: Path, method: Method) -> None:
    """Read the Parquet, compute both marts in pandas and write them."""
    event, signal, days = (pd.read_parquet(folder / f"{name}.parquet") for name in ("int_signal_event", "signal", "int_trading_day"))
    event["source_observation_date"] = pd.to_datetime(event["source_observation_date"])
    day = pd.to_datetime(days["observation_date"])
    event = event.sort_values(["signal_id", "available_at"], ignore_index=True)
    native = pandas_native(event, signal, method)
    daily = pandas_daily(pandas_score(event, native), signal, day, method)
    index = pandas_index(daily, method)
    daily = daily.merge(index[["observation_date", "scale", "contribution_weight"]], on="observation_date")
    daily["contribution"] = daily["index_weight"] * (daily["z_score"].fillna(0) / daily["scale"]) * daily["contribution_weight"]
    daily[list(DAILY)].to_parquet(folder / "pandas_daily.parquet", index=False)
    index[method.index_columns].to_parquet(folder / "pandas_index.parquet", index=False)


def pandas_native(event: pd.DataFrame, signal: pd.DataFrame, method: Method) -> pd.DataFrame:
    """Native observations, ordered by signal and number, judged by the window before them."""
    evening = event.assign(known_day=event["available_at"].dt.normalize()).drop_duplicates(["signal_id", "known_day"], keep="last")
    first = evening.drop_duplicates(["signal_id", "source_observation_date"])
    native = first[["signal_id", "source_observation_date", "value"]].merge(signal[["signal_id", "cadence", "direction"]], on="signal_id")
    native["number"] = native.groupby("signal_id").cumcount()
    return pd.concat([pandas_judged(rows.reset_index(drop=True), cadence, method) for cadence, rows in native.groupby("cadence")], ignore_index=True)


def pandas_judged(native: pd.DataFrame, cadence: str, method: Method) -> pd.DataFrame:
    """The signals of one cadence."""
    yardstick = method.of["robust_z"][cadence]
    window, minimum = yardstick["window"], yardstick["minimum"]
    signal_id = native["signal_id"]

    def rolling(column: pd.Series, size: int, least: int = 1) -> Any:
        return column.groupby(signal_id, sort=False).rolling(size, min_periods=least)

    native["first_in_rank"] = np.maximum(native["number"] - window, 0)
    native["native_rank"] = rolling(native["value"], window + 1).rank(method="max", pct=True).to_numpy()
    signed = native["direction"] * native["value"]
    median = rolling(signed, window + 1, minimum).median().to_numpy()

    # sums are taken of what lies above a signal's first value
    level = signed - signed.groupby(signal_id, sort=False).transform("first")
    by_signal = level.groupby(signal_id, sort=False)
    count = np.minimum(native["number"].to_numpy() + 1, window + 1)
    total = rolling(level, window + 1).sum().to_numpy()
    mean = total / count
    variance = rolling(level**2, window + 1).sum().to_numpy() / count - mean**2
    pairs = rolling(level * by_signal.shift(fill_value=0), window).sum().to_numpy()
    ends = 2 * total - by_signal.shift(window, fill_value=0).to_numpy() - level.to_numpy()
    covariance = (pairs - mean * ends + (count - 1) * mean**2) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = covariance / variance
    phi = np.where(count >= minimum, np.clip(phi + (1 + 3 * phi) / count, 0, 0.99), np.nan)

    signed_values, found = signed.to_numpy(), []
    for rows in native.groupby("signal_id", sort=False).indices.values():
        scale = spread(signed_values[rows], median[rows], window)
        used, cusum, is_frozen = drift(signed_values[rows], median[rows], scale, phi[rows], method, cadence)
        observations = np.where(used >= 0, np.minimum(used, window) + 1, 0)
        enough = observations >= minimum
        found.append(
            pd.DataFrame(
                {
                    "median_before": np.where(enough, median[rows][used], np.nan),
                    "scale_before": np.where(enough, scale[used], np.nan),
                    "phi_before": np.where(enough, phi[rows][used], np.nan),
                    "is_enough": enough,
                    "cusum": cusum,
                    "is_frozen": is_frozen,
                }
            )
        )
    native = pd.concat([native, pd.concat(found, ignore_index=True)], axis=1)
    native["z_status"] = np.where(~native["is_enough"], "short history", np.where(native["scale_before"].isna(), "flat", "computed"))
    native["cusum_threshold"] = np.interp(native["phi_before"], method.persistence, method.threshold[cadence])
    return native


def pandas_score(event: pd.DataFrame, native: pd.DataFrame) -> pd.DataFrame:
    """Events with z, percentile rank, chart and the last times as high and as low."""
    native = native.assign(native_row=np.arange(len(native))).rename(columns={"value": "native_value"})
    score = event.merge(native, on=["signal_id", "source_observation_date"])
    score["z_score"] = (score["direction"] * score["value"] - score["median_before"]) / score["scale_before"]
    score["percentile_rank"] = score["native_rank"]
    revised = score["value"] != score["native_value"]
    value, date = native["native_value"].to_numpy(), native["source_observation_date"].to_numpy()
    again = score[revised]
    score.loc[revised, "percentile_rank"] = rank_again(
        value, again["native_row"].to_numpy(), (again["number"] - again["first_in_rank"]).to_numpy(), again["value"].to_numpy()
    )
    score.loc[~score["is_enough"], "percentile_rank"] = np.nan

    score = score.sort_values("native_row", kind="stable", ignore_index=True)
    rows_of_native, since = native.groupby("signal_id").indices, {name: np.full(len(score), np.datetime64("NaT", "us")) for name in ("highest", "lowest")}
    for signal_id, rows in score.groupby("signal_id").indices.items():
        own = rows_of_native[signal_id]
        position, shown = score["number"].to_numpy()[rows], score["value"].to_numpy()[rows]
        for name, sign in (("highest", 1), ("lowest", -1)):
            last = last_time_as_high(sign * value[own], position, sign * shown)
            since[name][rows] = np.where(last >= 0, date[own][last], np.datetime64("NaT"))
    return score.assign(highest_since=since["highest"], lowest_since=since["lowest"])


def pandas_daily(score: pd.DataFrame, signal: pd.DataFrame, days: pd.Series, method: Method) -> pd.DataFrame:
    """What was known of each signal at the end of each trading day, with its weights."""
    clip = method.of["z_clip"]
    score["z_score"] = score["z_score"].clip(-clip, clip)
    score = score.sort_values("available_at", ignore_index=True)
    ends = days[days + DAY > score["available_at"].min()].sort_values().to_numpy(dtype="datetime64[us]")
    names = score["signal_id"].unique()
    calendar = pd.DataFrame({"observation_date": np.repeat(ends, len(names)), "signal_id": np.tile(names, len(ends))})
    calendar["day_end"] = calendar["observation_date"] + DAY
    daily = pd.merge_asof(calendar, score, left_on="day_end", right_on="available_at", by="signal_id", allow_exact_matches=False)
    daily = daily[daily["available_at"].notna()].merge(signal[["signal_id", "block", "family", "is_core", "cadence_days"]], on="signal_id")
    age = (daily["day_end"] - daily["first_available_at"].dt.floor("s")).dt.total_seconds()
    daily["weight"] = (3 - age / (86400.0 * daily["cadence_days"])).clip(0, 1)
    daily["is_live"] = daily["weight"] > 0
    for weeks in (1, 4, 13):
        daily[f"change_{weeks}w"] = daily["value"] - daily[f"value_{weeks}w_earlier"]
    daily["is_frozen"] = daily["is_frozen"].astype(bool)
    daily["file_id"] = daily["file_id"].astype("int64")

    daily["member_weight"] = daily["weight"].where(daily["z_score"].notna(), 0.0)
    in_family = daily.groupby(["observation_date", "block", "family"], sort=False)["member_weight"]
    daily["share_of_family"] = pandas_quotient(daily["member_weight"], in_family.transform("sum"))
    daily["family_z"] = daily["share_of_family"] * daily["z_score"]
    by_family = daily.groupby(["observation_date", "block", "family", "is_core"], sort=False)
    family = by_family["family_z"].sum(min_count=1).to_frame().assign(family_weight=by_family["member_weight"].max()).reset_index()
    in_block = family.groupby(["observation_date", "block"], sort=False)["family_weight"]
    family["share_of_block"] = pandas_quotient(family["family_weight"], in_block.transform("sum"))
    family["block_z"] = family["share_of_block"] * family["family_z"]
    by_block = family.groupby(["observation_date", "block", "is_core"], sort=False)
    block = by_block["block_z"].sum(min_count=1).to_frame().assign(block_weight=by_block["family_weight"].max()).reset_index()
    block["share_of_wide"] = pandas_quotient(block["block_weight"], block.groupby("observation_date")["block_weight"].transform("sum"))
    block["share_of_core"] = pandas_quotient(block["block_weight"], block.groupby(["observation_date", "is_core"])["block_weight"].transform("sum"))
    live = (block["is_core"] & (block["block_weight"] > 0)).groupby(block["observation_date"]).sum().rename("live_core_blocks")
    flows = block[block["block"] == "flows"].set_index("observation_date")["block_z"].rename("flows_z")

    daily = daily.merge(family[["observation_date", "block", "family", "share_of_block"]], on=["observation_date", "block", "family"])
    daily = daily.merge(block[["observation_date", "block", "share_of_wide", "share_of_core"]], on=["observation_date", "block"])
    daily = daily.join(live, on="observation_date").join(flows, on="observation_date")
    share = daily["share_of_family"] * daily["share_of_block"]
    daily["index_weight"] = (share * daily["share_of_core"]).fillna(0.0).where(daily["is_core"], 0.0)
    daily["wide_weight"] = (share * daily["share_of_wide"]).fillna(0.0)
    flows_out = daily["flows_z"] > method.of["destination_flow_z"]
    destination = daily["z_score"].clip(lower=0).fillna(0.0).where(flows_out, 0.0)
    daily["wide_z_score"] = daily["z_score"].where(daily["block"] != "destinations", destination)
    return daily


def pandas_quotient(dividend: pd.Series, divisor: pd.Series) -> pd.Series:
    return dividend / divisor.where(divisor != 0)


def pandas_index(daily: pd.DataFrame, method: Method) -> pd.DataFrame:
    """One row a trading day: the aggregate over its scale, the index, its blocks."""
    of = method.of
    has_z = daily["is_core"] & daily["is_live"] & daily["z_score"].notna()
    parts = pd.DataFrame(
        {
            "observation_date": daily["observation_date"],
            "live_core_blocks": daily["live_core_blocks"],
            "aggregate": daily["index_weight"] * daily["z_score"],
            "wide_aggregate": daily["wide_weight"] * daily["wide_z_score"],
            "with_z": has_z,
            "high": has_z & (daily["z_score"] > of["breadth_z"]),
        }
    )
    by_day = parts.groupby("observation_date")
    index = by_day[["with_z", "high"]].sum().assign(live_core_blocks=by_day["live_core_blocks"].max())
    index[["aggregate", "wide_aggregate"]] = by_day[["aggregate", "wide_aggregate"]].sum(min_count=1)
    index["breadth"] = pandas_quotient(index["high"], index["with_z"])
    for name in ("", "wide_"):
        aggregate = index[f"{name}aggregate"].where(index["live_core_blocks"] >= of["minimum_core_blocks"])
        squares = (aggregate**2).shift().rolling(of["scale_days"], min_periods=of["scale_minimum_days"])
        index[f"{name}scale"] = np.sqrt(squares.mean()).clip(lower=of["scale_floor"])
        index[f"{name}z_score"] = aggregate / index[f"{name}scale"]
    z = index["z_score"]
    index["retreat_index"], index["retreat_index_wide"] = 100 * ndtr(z), 100 * ndtr(index["wide_z_score"])
    index["contribution_weight"] = ((index["retreat_index"] - 50) / z).where(~(z.abs() < 1e-6), AT_ZERO)
    core = daily[daily["is_core"]]
    blocks = (core["index_weight"] * core["z_score"]).groupby([core["observation_date"], core["block"]]).sum().unstack()
    for name in of["core_blocks"]:
        index[f"{name}_contribution"] = blocks[name].fillna(0) / index["scale"] * index["contribution_weight"]
    return index.reset_index()


# Polars -----------------------------------------------------------------------------------------------------------------------------------------


def with_polars(folder: Path, method: Method) -> None:
    """Read the Parquet, compute both marts in Polars and write them."""
    event = pl.read_parquet(folder / "int_signal_event.parquet").sort("signal_id", "available_at")
    signal = pl.read_parquet(folder / "signal.parquet")
    days = pl.scan_parquet(folder / "int_trading_day.parquet")
    native = polars_native(event, signal, method)
    daily = polars_daily(polars_score(event, native, method).lazy(), signal.lazy(), days, method).collect()
    index = polars_index(daily.lazy(), method).collect()
    of_index = index.lazy().select("observation_date", "scale", "contribution_weight")
    contribution = pl.col("index_weight") * (pl.col("z_score").fill_null(0) / pl.col("scale")) * pl.col("contribution_weight")
    marts = daily.lazy().join(of_index, on="observation_date").with_columns(contribution=contribution)
    marts.select(DAILY).collect().write_parquet(folder / "polars_daily.parquet")
    index.select(method.index_columns).write_parquet(folder / "polars_index.parquet")


def polars_native(event: pl.DataFrame, signal: pl.DataFrame, method: Method) -> pl.DataFrame:
    """Native observations, ordered by signal and number, judged by the window before them."""
    native = (
        event.lazy()
        .select("signal_id", "source_observation_date", "value", known_day=pl.col("available_at").dt.date())
        .unique(["signal_id", "known_day"], keep="last", maintain_order=True)
        .unique(["signal_id", "source_observation_date"], keep="first", maintain_order=True)
        .drop("known_day")
        .join(signal.lazy().select("signal_id", "cadence", "direction"), on="signal_id", maintain_order="left")
        .with_columns(number=pl.int_range(pl.len()).over("signal_id"))
        .collect()
    )
    return pl.concat(polars_judged(rows, str(cadence), method) for (cadence,), rows in native.partition_by("cadence", as_dict=True).items())


def polars_judged(native: pl.DataFrame, cadence: str, method: Method) -> pl.DataFrame:
    """The signals of one cadence."""
    yardstick = method.of["robust_z"][cadence]
    window, minimum = yardstick["window"], yardstick["minimum"]
    level, count, mean, variance = pl.col("level"), pl.col("count"), pl.col("mean"), pl.col("variance")

    def total(column: pl.Expr, size: int) -> pl.Expr:
        return column.rolling_sum(size, min_samples=1).over("signal_id")

    ends = 2 * pl.col("total") - level.shift(window, fill_value=0).over("signal_id") - level
    covariance = (pl.col("pairs") - mean * ends + (count - 1) * mean**2) / count
    phi = pl.col("covariance") / variance
    native = (
        native.lazy()
        .with_columns(
            signed=pl.col("direction") * pl.col("value"),
            count=pl.min_horizontal(pl.col("number") + 1, window + 1),
            first_in_rank=pl.max_horizontal(pl.col("number") - window, 0),
        )
        .with_columns(
            native_rank=pl.col("value").rolling_rank(window + 1, method="max", min_samples=1).over("signal_id") / pl.col("count"),
            median=pl.col("signed").rolling_median(window + 1, min_samples=minimum).over("signal_id"),
            # sums are taken of what lies above a signal's first value
            level=pl.col("signed") - pl.col("signed").first().over("signal_id"),
        )
        .with_columns(
            total=total(level, window + 1),
            squares=total(level**2, window + 1),
            pairs=total(level * level.shift(fill_value=0), window),
        )
        .with_columns(mean=pl.col("total") / count)
        .with_columns(variance=pl.col("squares") / count - mean**2, covariance=covariance)
        .with_columns(phi=pl.when(count >= minimum).then((phi + (1 + 3 * phi) / count).clip(0, 0.99)))
        .collect()
    )
    found = []
    for rows in native.select("signal_id", "signed", "median", "phi").partition_by("signal_id", maintain_order=True):
        signed, median, phi_of = (rows[name].fill_null(np.nan).to_numpy() for name in ("signed", "median", "phi"))
        scale = spread(signed, median, window)
        used, cusum, is_frozen = drift(signed, median, scale, phi_of, method, cadence)
        before = {"median_before": median[used], "scale_before": scale[used], "phi_before": phi_of[used]}
        found.append(pl.DataFrame({**before, "used": used, "cusum": cusum, "is_frozen": is_frozen}))
    observations = pl.when(pl.col("used") >= 0).then(pl.min_horizontal("used", window) + 1).otherwise(0)
    computed = pl.concat(found).with_columns(
        pl.col("cusum").fill_nan(None), pl.col("scale_before").fill_nan(None), is_enough=observations >= minimum, status=pl.lit("computed")
    )
    computed = computed.with_columns(
        z_status=pl.when(~pl.col("is_enough")).then(pl.lit("short history")).when(pl.col("scale_before").is_null()).then(pl.lit("flat")).otherwise("status"),
        cusum_threshold=pl.Series(np.interp(computed["phi_before"].to_numpy(), method.persistence, method.threshold[cadence])).fill_nan(None),
    ).with_columns(pl.when("is_enough").then(name).alias(name) for name in ("median_before", "scale_before", "cusum_threshold"))
    kept = native.select("signal_id", "source_observation_date", "value", "direction", "number", "first_in_rank", "native_rank")
    return pl.concat([kept, computed.drop("status", "used", "phi_before")], how="horizontal")


def polars_score(event: pl.DataFrame, native: pl.DataFrame, method: Method) -> pl.DataFrame:
    """Events with z, percentile rank, chart and the last times as high and as low, ordered by native observation."""
    clip = method.of["z_clip"]
    native = native.rename({"value": "native_value"}).with_row_index("native_row")
    z_score = (pl.col("direction") * pl.col("value") - pl.col("median_before")) / pl.col("scale_before")
    score = (
        event.lazy()
        .join(native.lazy(), on=["signal_id", "source_observation_date"])
        .sort("native_row", maintain_order=True)
        .with_columns(z_score=z_score.clip(-clip, clip))
        .with_row_index("row")
        .collect()
    )
    value = native["native_value"].to_numpy()
    revised = score.lazy().filter(pl.col("value") != pl.col("native_value")).with_columns(before=pl.col("number") - pl.col("first_in_rank")).collect()
    again = rank_again(value, *(revised[name].to_numpy() for name in ("native_row", "before", "value")))
    since = []
    own_values = native.select("signal_id", "native_value", "source_observation_date").partition_by("signal_id", as_dict=True)
    for key, rows in score.select("signal_id", "number", "value").partition_by("signal_id", as_dict=True, maintain_order=True).items():
        own, position, shown = own_values[key], rows["number"].to_numpy(), rows["value"].to_numpy()
        columns = {}
        for name, sign in (("highest_since", 1), ("lowest_since", -1)):
            last = last_time_as_high(sign * own["native_value"].to_numpy(), position, sign * shown)
            columns[name] = own["source_observation_date"].gather(pl.Series(last).replace(-1, None))
        since.append(pl.DataFrame(columns))
    ranked_again = pl.DataFrame({"row": revised["row"], "rank_again": again})
    score = pl.concat([score, pl.concat(since)], how="horizontal").join(ranked_again, on="row", how="left")
    return score.with_columns(percentile_rank=pl.when("is_enough").then(pl.coalesce("rank_again", "native_rank")))


def polars_daily(score: pl.LazyFrame, signal: pl.LazyFrame, days: pl.LazyFrame, method: Method) -> pl.LazyFrame:
    """What was known of each signal at the end of each trading day, with its weights."""
    z_score, member_weight, family_weight, block_weight = (pl.col(name) for name in ("z_score", "member_weight", "family_weight", "block_weight"))
    calendar = (
        days.with_columns(day_end=pl.col("observation_date").cast(pl.Datetime("us")) + pl.duration(days=1))
        .join(score.select("signal_id").unique(), how="cross")
        .sort("day_end")
    )
    age = (pl.col("day_end") - pl.col("first_available_at").dt.truncate("1s")).dt.total_seconds()
    daily = (
        calendar.join_asof(
            score.sort("available_at"),
            left_on="day_end",
            right_on="available_at",
            by="signal_id",
            allow_exact_matches=False,
            coalesce=False,
            check_sortedness=False,
        )
        .filter(pl.col("available_at").is_not_null())
        .join(signal.select("signal_id", "block", "family", "is_core", "cadence_days"), on="signal_id")
        .with_columns(
            *((pl.col("value") - pl.col(f"value_{weeks}w_earlier")).alias(f"change_{weeks}w") for weeks in (1, 4, 13)),
            weight=(3 - age / (86400.0 * pl.col("cadence_days"))).clip(0, 1),
        )
        .with_columns(is_live=pl.col("weight") > 0, member_weight=pl.when(z_score.is_not_null()).then("weight").otherwise(0.0))
        .with_columns(share_of_family=polars_quotient(member_weight, member_weight.sum().over("observation_date", "block", "family")))
    )
    family = (
        daily.group_by("observation_date", "block", "family", "is_core")
        .agg(family_weight=member_weight.max(), family_z=polars_sum(pl.col("share_of_family") * z_score))
        .with_columns(share_of_block=polars_quotient(family_weight, family_weight.sum().over("observation_date", "block")))
    )
    is_live_core = pl.col("is_core") & (block_weight > 0)
    block = (
        family.group_by("observation_date", "block", "is_core")
        .agg(block_weight=family_weight.max(), block_z=polars_sum(pl.col("share_of_block") * pl.col("family_z")))
        .with_columns(
            share_of_wide=polars_quotient(block_weight, block_weight.sum().over("observation_date")),
            share_of_core=polars_quotient(block_weight, block_weight.sum().over("observation_date", "is_core")),
            live_core_blocks=is_live_core.sum().over("observation_date").cast(pl.Int64),
            flows_z=pl.col("block_z").filter(pl.col("block") == "flows").max().over("observation_date"),
        )
    )
    share = pl.col("share_of_family") * pl.col("share_of_block")
    destination = pl.when(pl.col("flows_z") > method.of["destination_flow_z"]).then(z_score.clip(0).fill_null(0.0)).otherwise(0.0)
    return (
        daily.join(family.select("observation_date", "block", "family", "share_of_block"), on=["observation_date", "block", "family"])
        .join(block.drop("is_core"), on=["observation_date", "block"])
        .with_columns(
            index_weight=pl.when("is_core").then((share * pl.col("share_of_core")).fill_null(0.0)).otherwise(0.0),
            wide_weight=(share * pl.col("share_of_wide")).fill_null(0.0),
            wide_z_score=pl.when(pl.col("block") == "destinations").then(destination).otherwise(z_score),
        )
    )


def polars_quotient(dividend: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return dividend / pl.when(divisor != 0).then(divisor)


def polars_sum(values: pl.Expr) -> pl.Expr:
    """Sum of the values there are, null where there are none."""
    return pl.when(values.count() > 0).then(values.sum())


def polars_index(daily: pl.LazyFrame, method: Method) -> pl.LazyFrame:
    """One row a trading day: the aggregate over its scale, the index, its blocks."""
    of, z_score, z = method.of, pl.col("z_score"), pl.col("z_score")
    has_z = pl.col("is_core") & pl.col("is_live") & z_score.is_not_null()
    is_enough = pl.col("live_core_blocks") >= of["minimum_core_blocks"]

    def scale(aggregate: str) -> pl.Expr:
        squares = (pl.col(aggregate) ** 2).shift().rolling_mean(of["scale_days"], min_samples=of["scale_minimum_days"])
        return squares.sqrt().clip(of["scale_floor"])

    def block(name: str) -> pl.Expr:
        return (pl.col("index_weight") * z_score).filter(pl.col("is_core") & (pl.col("block") == name)).sum().alias(name)

    def distribution(name: str) -> pl.Expr:
        return 100 * pl.col(name).map_batches(lambda column: pl.Series(ndtr(column.fill_null(np.nan).to_numpy())).fill_nan(None), return_dtype=pl.Float64)

    return (
        daily.group_by("observation_date")
        .agg(
            pl.col("live_core_blocks").max(),
            *(block(name) for name in of["core_blocks"]),
            aggregate=polars_sum(pl.col("index_weight") * z_score),
            wide_aggregate=polars_sum(pl.col("wide_weight") * pl.col("wide_z_score")),
            breadth=polars_quotient((has_z & (z_score > of["breadth_z"])).sum(), has_z.sum()),
        )
        .sort("observation_date")
        .with_columns(pl.when(is_enough).then(name).alias(name) for name in ("aggregate", "wide_aggregate"))
        .with_columns(scale=scale("aggregate"), wide_scale=scale("wide_aggregate"))
        .with_columns(z_score=pl.col("aggregate") / pl.col("scale"), wide_z_score=pl.col("wide_aggregate") / pl.col("wide_scale"))
        .with_columns(retreat_index=distribution("z_score"), retreat_index_wide=distribution("wide_z_score"))
        .with_columns(contribution_weight=pl.when(z.abs() < 1e-6).then(AT_ZERO).otherwise((pl.col("retreat_index") - 50) / z))
        .with_columns((pl.col(name) / pl.col("scale") * pl.col("contribution_weight")).alias(f"{name}_contribution") for name in of["core_blocks"])
    )


# Comparison -------------------------------------------------------------------------------------------------------------------------------------


def check(folder: Path, peer: str, method: Method) -> int:
    """Compare the marts of a peer with ours: the same rows, every column, figures to 1e-9 of their size; returns the number of values compared.

    Raises
    ------
    ValueError
        When a row is on one side alone or a value differs; the message names the mart and the columns.
    """
    compared = 0
    with duckdb.connect(str(folder / "mart.duckdb"), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        marts = {
            "fct_signal_daily": ("daily", ["observation_date", "signal_id"], DAILY),
            "fct_retreat_index_daily": ("index", ["observation_date"], method.index_columns),
        }
        for mart, (name, key, columns) in marts.items():
            described = connection.execute(f"describe signals.{quote(mart)}").fetchall()
            types = {row[0]: row[1] for row in described}
            theirs = ", ".join(f"cast({quote(column)} as {types[column]}) as {quote(column)}" for column in columns)
            differences = ", ".join(f"count(*) filter (where {_differs(column, types[column])}) as {quote(column)}" for column in columns if column not in key)
            matched = " and ".join(f"ours.{quote(column)} = theirs.{quote(column)}" for column in key)
            relation = connection.execute(f"""
                select
                    count(*) as "rows", count(*) filter (where ours.observation_date is null or theirs.observation_date is null) as unmatched, {differences}
                from signals.{quote(mart)} as ours
                full join (select {theirs} from read_parquet({literal(folder / f"{peer}_{name}.parquet")})) as theirs on {matched}
            """)
            counts = dict(zip([column[0] for column in relation.description], relation.fetchone() or (), strict=True))
            rows, wrong = counts.pop("rows"), {column: count for column, count in counts.items() if count}
            if wrong or not rows:
                raise ValueError(f"{mart} in {peer} differs from ours in {wrong} of {rows:,} rows: the benchmark compares different things, mend one of them")
            compared += rows * len(columns)
    return compared


def _differs(column: str, type_: str) -> str:
    ours, theirs = f"ours.{quote(column)}", f"theirs.{quote(column)}"
    if type_ != "DOUBLE":
        return f"{ours} is distinct from {theirs}"
    return f"({ours} is null) <> ({theirs} is null) or not abs({ours} - {theirs}) <= {TOLERANCE} * greatest(1, abs({ours}))"


# The benchmark ----------------------------------------------------------------------------------------------------------------------------------


def results(folder: Path, built: Path | None = None, years: int = 20, runs: int = 5) -> list[Result]:
    """Run all three in turn, after one turn that is not counted, and compare what they write each time.

    Parameters
    ----------
    built
        Warehouse to take the events from; without one, a sample world of so many `years` is built in the folder.
    """
    method, work = Method.read(), folder / "work"
    work.mkdir(parents=True)
    if built is None:
        (folder / "world").mkdir()
        built = build_world(folder / "world", years)
    events = prepare(built, work)
    peers: dict[str, Callable[[Path, Method], None]] = {"pandas": with_pandas, "polars": with_polars}
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *peers)}
    for run in range(runs + 1):
        taken, compared = {"ours": with_models(work)}, 0
        for name, peer in peers.items():
            began = time.perf_counter()
            peer(work, method)
            taken[name] = time.perf_counter() - began
            compared += check(work, name, method)
        told = ", ".join(f"{name} {value:.2f} s" for name, value in taken.items())
        click.echo(f"{events:,} events, run {run} of {runs}: {told}; {compared:,} values equal{'' if run else ' (not counted)'}", err=True)
        if run:
            for name, value in taken.items():
                seconds[name].append(value)
    own, by_pandas, by_polars = (statistics.median(seconds[name]) for name in ("ours", "pandas", "polars"))
    return [
        at_least(f"Daily signals and index from {events:,} events, speed against pandas", own, by_pandas, by_pandas / own, 5),
        at_least(f"Daily signals and index from {events:,} events, speed against Polars", own, by_polars, by_polars / own, 1),
    ]


@click.command()
@click.option("--years", default=20, show_default=True, help="length of the sample world that is built")
@click.option("--home", type=click.Path(path_type=Path, exists=True, file_okay=False), help="take the events of this home instead; it is only read")
@click.option("--runs", default=5, show_default=True, help="times each is run, in turn; the median counts")
def main(years: int, home: Path | None, runs: int) -> None:
    """Compute the marts of the daily signals in our models, pandas and Polars, and print how fast each is."""
    with tempfile.TemporaryDirectory() as temporary:
        measured = results(Path(temporary), None if home is None else home / "warehouse.duckdb", years, runs)
    show(measured, load_settings().home, "The same marts in pandas and in Polars")


if __name__ == "__main__":
    main()
