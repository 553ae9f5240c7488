# grain: trading day: evidence that part of the core signals has shifted outwards, and the regime with the conditions it rests on
import numpy as np

from warehouse.retreat import Membership, change_over, regimes, shift_evidence


def model(dbt, session):
    dbt.config(materialized="table")
    rule = dbt.config.get("regime")
    evidence_of = dbt.config.get("shift_evidence")
    aggregate = dbt.ref("int_retreat_aggregate").df().sort_values("observation_date")
    days = aggregate["observation_date"]
    member = dbt.ref("int_signal_daily").project("observation_date, signal_id, block, is_core, z_score, weight").df()
    known_volatility = dbt.ref("int_equity_volatility_daily").df()
    volatility = known_volatility.set_index("observation_date")["volatility"].reindex(days).to_numpy()
    signal = member.drop_duplicates("signal_id").sort_values("signal_id")

    def by_day(column):
        table = member.pivot(index="signal_id", columns="observation_date", values=column)
        return table.reindex(index=signal["signal_id"], columns=days).to_numpy(dtype=np.float64)

    z_score = by_day("z_score")
    membership = Membership(signal["block"].tolist(), signal["is_core"].to_numpy(dtype=bool))
    evidence = shift_evidence(z_score, np.nan_to_num(by_day("weight")), membership, evidence_of)
    index_z = aggregate["z_score"].to_numpy(dtype=np.float64)[None]
    regime = regimes(index_z, evidence[None], aggregate["breadth"].to_numpy(dtype=np.float64)[None], volatility[None], rule)[0]
    daily = aggregate[["observation_date"]].assign(
        speed=change_over(index_z, rule["speed_days"])[0],
        volatility=volatility,
        shift_evidence=evidence,
        regime=np.where(regime == "", None, regime),
    )
    # pandas has neither dates nor, in an empty column, text
    return session.from_df(daily).project("* replace (cast(observation_date as date) as observation_date, cast(regime as varchar) as regime)")
