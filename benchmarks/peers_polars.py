"""`fct_signal_daily` and `fct_retreat_index_daily` in Polars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from scipy.special import ndtr

from benchmarks.peers_steps import AT_ZERO, DAILY, Method, drift, last_time_as_high, rank_again, spread, without_last_digits


def write_marts(folder: Path, method: Method) -> None:
    """Read the Parquet, compute both marts in Polars and write them."""
    event = pl.read_parquet(folder / "int_signal_event.parquet").sort("signal_id", "available_at")
    signal = pl.read_parquet(folder / "signal.parquet")
    days = pl.scan_parquet(folder / "int_trading_day.parquet")
    native = judge_all(event, signal, method)
    daily = known_on_days(score_events(event, native, method).lazy(), signal.lazy(), days, method).collect()
    index = aggregate_days(daily.lazy(), method).collect()
    of_index = index.lazy().select("observation_date", "scale", "contribution_weight")
    contribution = pl.col("index_weight") * (pl.col("z_score").fill_null(0) / pl.col("scale")) * pl.col("contribution_weight")
    marts = daily.lazy().join(of_index, on="observation_date").with_columns(contribution=contribution)
    marts.select(DAILY).collect().write_parquet(folder / "polars_daily.parquet")
    index.select(method.index_columns).write_parquet(folder / "polars_index.parquet")


def judge_all(event: pl.DataFrame, signal: pl.DataFrame, method: Method) -> pl.DataFrame:
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
    return pl.concat(judge_cadence(rows, str(cadence), method) for (cadence,), rows in native.partition_by("cadence", as_dict=True).items())


def judge_cadence(native: pl.DataFrame, cadence: str, method: Method) -> pl.DataFrame:
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
            native_rank=without_last_digits(pl.col("value")).rolling_rank(window + 1, method="max", min_samples=1).over("signal_id") / pl.col("count"),
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
    computed = pl.concat(found).with_columns(pl.col("cusum").fill_nan(None), pl.col("scale_before").fill_nan(None), is_enough=observations >= minimum)
    computed = computed.with_columns(
        z_status=pl.when(~pl.col("is_enough"))
        .then(pl.lit("short history"))
        .when(pl.col("scale_before").is_null())
        .then(pl.lit("flat"))
        .otherwise(pl.lit("computed")),
        cusum_threshold=pl.Series(np.interp(computed["phi_before"].to_numpy(), method.persistence, method.threshold[cadence])).fill_nan(None),
    ).with_columns(pl.when("is_enough").then(name).alias(name) for name in ("median_before", "scale_before", "cusum_threshold"))
    kept = native.select("signal_id", "source_observation_date", "value", "direction", "number", "first_in_rank", "native_rank")
    return pl.concat([kept, computed.drop("used", "phi_before")], how="horizontal")


def score_events(event: pl.DataFrame, native: pl.DataFrame, method: Method) -> pl.DataFrame:
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
    value = without_last_digits(native["native_value"].to_numpy())
    revised = score.lazy().filter(pl.col("value") != pl.col("native_value")).with_columns(before=pl.col("number") - pl.col("first_in_rank")).collect()
    again = rank_again(value, revised["native_row"].to_numpy(), revised["before"].to_numpy(), without_last_digits(revised["value"].to_numpy()))
    since = []
    own_values = native.select("signal_id", "native_value", "source_observation_date").partition_by("signal_id", as_dict=True)
    for key, rows in score.select("signal_id", "number", "value").partition_by("signal_id", as_dict=True, maintain_order=True).items():
        own, position, shown = own_values[key], rows["number"].to_numpy(), without_last_digits(rows["value"].to_numpy())
        columns = {}
        for name, sign in (("highest_since", 1), ("lowest_since", -1)):
            last = last_time_as_high(sign * without_last_digits(own["native_value"].to_numpy()), position, sign * shown)
            columns[name] = own["source_observation_date"].gather(pl.Series(last).replace(-1, None))
        since.append(pl.DataFrame(columns))
    ranked_again = pl.DataFrame({"row": revised["row"], "rank_again": again})
    score = pl.concat([score, pl.concat(since)], how="horizontal").join(ranked_again, on="row", how="left")
    return score.with_columns(percentile_rank=pl.when("is_enough").then(pl.coalesce("rank_again", "native_rank")))


def known_on_days(score: pl.LazyFrame, signal: pl.LazyFrame, days: pl.LazyFrame, method: Method) -> pl.LazyFrame:
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
        .with_columns(share_of_family=quotient(member_weight, member_weight.sum().over("observation_date", "block", "family")))
    )
    family = (
        daily.group_by("observation_date", "block", "family", "is_core")
        .agg(family_weight=member_weight.max(), family_z=sum_of(pl.col("share_of_family") * z_score))
        .with_columns(share_of_block=quotient(family_weight, family_weight.sum().over("observation_date", "block")))
    )
    is_live_core = pl.col("is_core") & (block_weight > 0)
    block = (
        family.group_by("observation_date", "block", "is_core")
        .agg(block_weight=family_weight.max(), block_z=sum_of(pl.col("share_of_block") * pl.col("family_z")))
        .with_columns(
            share_of_wide=quotient(block_weight, block_weight.sum().over("observation_date")),
            share_of_core=quotient(block_weight, block_weight.sum().over("observation_date", "is_core")),
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


def quotient(dividend: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    return dividend / pl.when(divisor != 0).then(divisor)


def sum_of(values: pl.Expr) -> pl.Expr:
    """Sum of the values there are, null where there are none."""
    return pl.when(values.count() > 0).then(values.sum())


def aggregate_days(daily: pl.LazyFrame, method: Method) -> pl.LazyFrame:
    """One row a trading day: the aggregate over its scale, the index, its blocks."""
    of, z_score = method.of, pl.col("z_score")
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
            aggregate=sum_of(pl.col("index_weight") * z_score),
            wide_aggregate=sum_of(pl.col("wide_weight") * pl.col("wide_z_score")),
            breadth=quotient((has_z & (z_score > of["breadth_z"])).sum(), has_z.sum()),
        )
        .sort("observation_date")
        .with_columns(pl.when(is_enough).then(name).alias(name) for name in ("aggregate", "wide_aggregate"))
        .with_columns(scale=scale("aggregate"), wide_scale=scale("wide_aggregate"))
        .with_columns(z_score=pl.col("aggregate") / pl.col("scale"), wide_z_score=pl.col("wide_aggregate") / pl.col("wide_scale"))
        .with_columns(retreat_index=distribution("z_score"), retreat_index_wide=distribution("wide_z_score"))
        .with_columns(contribution_weight=pl.when(z_score.abs() < 1e-6).then(AT_ZERO).otherwise((pl.col("retreat_index") - 50) / z_score))
        .with_columns((pl.col(name) / pl.col("scale") * pl.col("contribution_weight")).alias(f"{name}_contribution") for name in of["core_blocks"])
    )
