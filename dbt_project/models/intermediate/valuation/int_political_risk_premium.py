# grain: moment at which a month of geopolitical risk or of the implied premium became known: the premium estimated on the months known by then
import numpy as np
import pandas as pd

from warehouse.risk_premium import political_risk_premium


def model(dbt, session):
    dbt.config(materialized="table")
    observation = dbt.ref("int_political_risk_observation").df()
    rule = dbt.config.get("political_risk")
    found = [
        estimate(vintage[vintage["known_at"] <= moment], moment, rule)
        for _, vintage in observation.groupby("vintage_at")
        for moment in vintage["known_at"].unique()
    ]
    types = {
        "index_name": "varchar", "available_at": "timestamp", "source_observation_date": "date", "premium_observation_date": "date", "months": "bigint",
        "lags": "bigint", "risk": "double", "usual_risk": "double", "slope": "double", "slope_standard_error": "double", "t_statistic": "double",
        "political_risk_premium": "double", "political_risk_premium_lower": "double", "political_risk_premium_upper": "double",
        "status": "varchar", "file_id": "bigint", "row_key": "varchar",
    }  # fmt: skip
    table = pd.DataFrame([row for row in found if row], columns=list(types))
    # pandas has neither dates nor nulls among numbers
    cast = [f"cast({f'case when isfinite({name}) then {name} end' if kind == 'double' else name} as {kind}) as {name}" for name, kind in types.items()]
    return session.from_df(table).project(", ".join(cast))


def estimate(known, moment, rule):
    """What the months known at a moment say; nothing before the first month of risk is known."""
    risk, premium = (known[known["series"] == series].set_index("observation_date").sort_index() for series in ("risk", "premium"))
    if risk.empty:
        return None
    newest = risk.iloc[-1]
    years = risk.index.year
    usual = risk["value"][(years >= rule["usual_from"]) & (years <= rule["usual_to"])].mean()
    pairs = pd.concat({"risk": risk["value"], "premium": premium["value"]}, axis="columns", join="inner")
    result = political_risk_premium(
        pairs["premium"],
        np.log(pairs["risk"]),
        newest["value"],
        usual,
        minimum_months=rule["minimum_months"],
        critical_t=rule["critical_t"],
    )
    return {
        "index_name": "GPR",
        "available_at": moment,
        "source_observation_date": risk.index[-1] + pd.offsets.MonthEnd(),
        "premium_observation_date": pairs.index[-1] + pd.offsets.MonthBegin() if len(pairs) else None,
        "months": result.months,
        "lags": result.lags,
        "risk": newest["value"],
        "usual_risk": usual,
        "slope": result.slope,
        "slope_standard_error": result.standard_error,
        "t_statistic": result.t_statistic,
        "political_risk_premium": result.premium,
        "political_risk_premium_lower": result.lower,
        "political_risk_premium_upper": result.upper,
        "status": result.status,
        "file_id": newest["file_id"],
        "row_key": newest["row_key"],
    }
