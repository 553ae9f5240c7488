# grain: portfolio, observation_date: return and carry with weights that were set on the first trading day of the year from the days before
import pandas as pd

from warehouse.defence import on_common_days, weights_by_day


def model(dbt, session):
    dbt.config(materialized="table")
    rule = dbt.config.get("defence")
    daily = dbt.ref("int_defence_return_daily").df()
    bounds = dbt.ref("defence").df()
    instruments = sorted(bounds["instrument"].unique())
    columns = {"portfolio": "varchar", "observation_date": "date", "daily_return": "double", "carry": "double"}
    columns |= {f"weight_{column_of(instrument)}": "double" for instrument in instruments}
    held = []
    # portfolios are compared over one history, of all instruments
    if set(instruments) <= set(daily["instrument"]):
        returns = on_common_days(table_of(daily, "daily_return")[instruments], "US shares")
        carry = table_of(daily, "carry")[instruments].ffill().reindex(returns.index)
        held = [held_of(name, rows.set_index("instrument"), returns, carry, rule) for name, rows in bounds.groupby("portfolio")]
    found = pd.concat(held) if held else pd.DataFrame(columns=list(columns))
    # pandas has neither dates nor, in an empty column, a type
    return session.from_df(found).project(", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items()))


def table_of(daily, column):
    return daily.pivot(index="observation_date", columns="instrument", values=column).sort_index()


def held_of(name, bounds, returns, carry, rule):
    weights = weights_by_day(returns, bounds, rule["window"], rule["level"])
    shown = weights.rename(columns=lambda instrument: f"weight_{column_of(instrument)}")
    daily_return, paid = ((weights * table.loc[weights.index]).sum(axis=1) for table in (returns, carry))
    return shown.assign(portfolio=name, daily_return=daily_return, carry=paid).rename_axis("observation_date").reset_index()


def column_of(instrument):
    return instrument.lower().replace(" ", "_")
