"""`fct_signal_daily` and `fct_retreat_index_daily` in pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from benchmarks.peers_steps import AT_ZERO, DAILY, Method, drift, last_time_as_high, rank_again, spread, without_last_digits

DAY = np.timedelta64(1, "D")


def write_marts(folder: Path, method: Method) -> None:
    """Read the Parquet, compute both marts in pandas and write them."""
    event, signal, days = (pd.read_parquet(folder / f"{name}.parquet") for name in ("int_signal_event", "signal", "int_trading_day"))
    event["source_observation_date"] = pd.to_datetime(event["source_observation_date"])
    day = pd.to_datetime(days["observation_date"])
    event = event.sort_values(["signal_id", "available_at"], ignore_index=True)
    native = judge_all(event, signal, method)
    daily = known_on_days(score_events(event, native), signal, day, method)
    index = aggregate_days(daily, method)
    daily = daily.merge(index[["observation_date", "scale", "contribution_weight"]], on="observation_date")
    daily["contribution"] = daily["index_weight"] * (daily["z_score"].fillna(0) / daily["scale"]) * daily["contribution_weight"]
    daily[list(DAILY)].to_parquet(folder / "pandas_daily.parquet", index=False)
    index[method.index_columns].to_parquet(folder / "pandas_index.parquet", index=False)


def judge_all(event: pd.DataFrame, signal: pd.DataFrame, method: Method) -> pd.DataFrame:
    """Native observations, ordered by signal and number, judged by the window before them."""
    evening = event.assign(known_day=event["available_at"].dt.normalize()).drop_duplicates(["signal_id", "known_day"], keep="last")
    first = evening.drop_duplicates(["signal_id", "source_observation_date"])
    native = first[["signal_id", "source_observation_date", "value"]].merge(signal[["signal_id", "cadence", "direction"]], on="signal_id")
    native["number"] = native.groupby("signal_id").cumcount()
    return pd.concat([judge_cadence(rows.reset_index(drop=True), cadence, method) for cadence, rows in native.groupby("cadence")], ignore_index=True)


def judge_cadence(native: pd.DataFrame, cadence: str, method: Method) -> pd.DataFrame:
    """The signals of one cadence."""
    yardstick = method.of["robust_z"][cadence]
    window, minimum = yardstick["window"], yardstick["minimum"]
    signal_id = native["signal_id"]

    def rolling(column: pd.Series, size: int, least: int = 1) -> Any:
        return column.groupby(signal_id, sort=False).rolling(size, min_periods=least)

    native["first_in_rank"] = np.maximum(native["number"] - window, 0)
    native["native_rank"] = rolling(without_last_digits(native["value"]), window + 1).rank(method="max", pct=True).to_numpy()
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


def score_events(event: pd.DataFrame, native: pd.DataFrame) -> pd.DataFrame:
    """Events with z, percentile rank, chart and the last times as high and as low."""
    native = native.assign(native_row=np.arange(len(native))).rename(columns={"value": "native_value"})
    score = event.merge(native, on=["signal_id", "source_observation_date"])
    score["z_score"] = (score["direction"] * score["value"] - score["median_before"]) / score["scale_before"]
    score["percentile_rank"] = score["native_rank"]
    revised = score["value"] != score["native_value"]
    value, date = without_last_digits(native["native_value"].to_numpy()), native["source_observation_date"].to_numpy()
    again = score[revised]
    score.loc[revised, "percentile_rank"] = rank_again(
        value, again["native_row"].to_numpy(), (again["number"] - again["first_in_rank"]).to_numpy(), without_last_digits(again["value"].to_numpy())
    )
    score.loc[~score["is_enough"], "percentile_rank"] = np.nan

    score = score.sort_values("native_row", kind="stable", ignore_index=True)
    rows_of_native, since = native.groupby("signal_id").indices, {name: np.full(len(score), np.datetime64("NaT", "us")) for name in ("highest", "lowest")}
    for signal_id, rows in score.groupby("signal_id").indices.items():
        own = rows_of_native[signal_id]
        position, shown = score["number"].to_numpy()[rows], without_last_digits(score["value"].to_numpy()[rows])
        for name, sign in (("highest", 1), ("lowest", -1)):
            last = last_time_as_high(sign * value[own], position, sign * shown)
            since[name][rows] = np.where(last >= 0, date[own][last], np.datetime64("NaT"))
    return score.assign(highest_since=since["highest"], lowest_since=since["lowest"])


def known_on_days(score: pd.DataFrame, signal: pd.DataFrame, days: pd.Series, method: Method) -> pd.DataFrame:
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
    daily["share_of_family"] = quotient(daily["member_weight"], in_family.transform("sum"))
    daily["family_z"] = daily["share_of_family"] * daily["z_score"]
    by_family = daily.groupby(["observation_date", "block", "family", "is_core"], sort=False)
    family = by_family["family_z"].sum(min_count=1).to_frame().assign(family_weight=by_family["member_weight"].max()).reset_index()
    in_block = family.groupby(["observation_date", "block"], sort=False)["family_weight"]
    family["share_of_block"] = quotient(family["family_weight"], in_block.transform("sum"))
    family["block_z"] = family["share_of_block"] * family["family_z"]
    by_block = family.groupby(["observation_date", "block", "is_core"], sort=False)
    block = by_block["block_z"].sum(min_count=1).to_frame().assign(block_weight=by_block["family_weight"].max()).reset_index()
    block["share_of_wide"] = quotient(block["block_weight"], block.groupby("observation_date")["block_weight"].transform("sum"))
    block["share_of_core"] = quotient(block["block_weight"], block.groupby(["observation_date", "is_core"])["block_weight"].transform("sum"))
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


def quotient(dividend: pd.Series, divisor: pd.Series) -> pd.Series:
    return dividend / divisor.where(divisor != 0)


def aggregate_days(daily: pd.DataFrame, method: Method) -> pd.DataFrame:
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
    index["breadth"] = quotient(index["high"], index["with_z"])
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
