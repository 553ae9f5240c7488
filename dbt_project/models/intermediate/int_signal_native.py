# grain: signal, native observation: judged by the window before it, with the chart of its drift
import numpy as np
import pandas as pd

from warehouse.retreat import Yardstick, score


def model(dbt, session):
    dbt.config(materialized="table")
    observation = dbt.ref("int_signal_observation").df().sort_values(["signal_id", "native_number"])
    yardstick = dbt.config.get("robust_z")
    clip = dbt.config.get("z_clip")
    judged = [judge(rows, Yardstick(**yardstick[cadence]), clip) for cadence, rows in observation.groupby("cadence")]
    native = pd.concat(judged) if judged else judge(observation, Yardstick(**yardstick["daily"]), clip)
    # pandas has neither dates nor, in an empty column, text
    types = {"signal_id": "varchar", "source_observation_date": "date", "known_day": "date", "z_status": "varchar"}
    return session.from_df(native).project(f"* replace ({', '.join(f'cast({name} as {kind}) as {name}' for name, kind in types.items())})")


def judge(rows, yardstick, clip):
    """Score of the signals of one cadence: `rows` are ordered by signal and native observation."""
    signal, number = pd.factorize(rows["signal_id"])[0], rows["native_number"].to_numpy() - 1
    signed = np.full((signal.max(initial=-1) + 1, number.max(initial=-1) + 1), np.nan)
    direction = rows["direction"].to_numpy()
    signed[signal, number] = direction * rows["value"].to_numpy()
    found = score(signed, yardstick, clip)
    observations = found.observations[signal, number]
    scale = found.scale[signal, number]
    enough = observations >= yardstick.minimum
    return rows.drop(columns="cadence").assign(
        median_before=np.where(enough, direction * found.median[signal, number], np.nan),
        observations_before=observations,
        scale=scale,
        z_status=np.where(~enough, "short history", np.where(np.isnan(scale), "flat", "computed")),
        z_score=found.z_score[signal, number],
        persistence=found.persistence[signal, number],
        cusum=found.cusum[signal, number],
        cusum_threshold=found.threshold[signal, number],
        is_frozen=found.is_frozen[signal, number],
    )
