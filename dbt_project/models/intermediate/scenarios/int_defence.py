# grain: portfolio, sample, horizon_days: tail loss, drawdown and carry in calm, in retreat and in contagion
import numpy as np
import pandas as pd

from warehouse.defence import expected_shortfall, largest_drawdown

# Worst last: a day belongs to the worst regime that holds on it or is called soon after.
SAMPLES = ("calm", "retreat", "contagion")
SAMPLE_OF_REGIME = {"calm": 0, "inflow": 0, "orderly_retreat": 1, "contagion": 2}


def model(dbt, session):
    dbt.config(materialized="table")
    rule = dbt.config.get("defence")
    held = dbt.ref("int_defence_day").df()
    regime = dbt.ref("int_retreat_regime").project("observation_date, regime").df()
    worst = regime.set_index("observation_date").sort_index()["regime"].map(SAMPLE_OF_REGIME)
    # an alarm comes when the fall has begun: the days before it are part of what it is about
    worst = worst[::-1].rolling(rule["alarm_days"] + 1, min_periods=1).max()[::-1]
    days = held.assign(sample=held["observation_date"].map(worst)).sort_values(["portfolio", "observation_date"])
    found = [
        measured(name, label, path, inside, horizon, rule)
        for name, path in days.groupby("portfolio")
        for label, inside in {"all": path["daily_return"].notna(), **{label: path["sample"] == number for number, label in enumerate(SAMPLES)}}.items()
        for horizon in rule["horizons"]
    ]
    columns = {
        "portfolio": "varchar", "sample": "varchar", "horizon_days": "integer", "cases": "bigint", "mean_return": "double", "expected_shortfall": "double",
        "largest_drawdown": "double", "carry": "double",
    }  # fmt: skip
    table = pd.DataFrame(found, columns=list(columns))
    # pandas has, in an empty column, no type
    return session.from_df(table).project(", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items()))


def measured(name, label, path, inside, horizon, rule):
    """Figures of the periods of `horizon` days that begin inside the sample; the drawdown is the largest of its unbroken stretches."""
    wealth = np.cumprod(np.concatenate([[1.0], 1 + path["daily_return"].to_numpy()]))
    inside = inside.to_numpy()
    begins = np.flatnonzero(inside[: len(inside) - horizon + 1])
    returns = wealth[begins + horizon] / wealth[begins] - 1
    stretch = np.cumsum(np.diff(inside, prepend=False) != 0)[inside]
    drawdowns = [largest_drawdown(days.to_numpy()) for _, days in path.loc[inside, "daily_return"].groupby(stretch)]
    return {
        "portfolio": name,
        "sample": label,
        "horizon_days": horizon,
        "cases": len(returns),
        "mean_return": returns.mean() if len(returns) else None,
        "expected_shortfall": expected_shortfall(returns, rule["level"]),
        "largest_drawdown": max(drawdowns, default=None),
        "carry": path.loc[inside, "carry"].mean(),
    }
