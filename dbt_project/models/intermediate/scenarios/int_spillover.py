# grain: month's last week (observation_date), receiving asset, giving asset: share of the uncertainty of the one that comes from the other
import numpy as np
import pandas as pd

from warehouse.spillover import spillover


def model(dbt, session):
    dbt.config(materialized="table")
    rule = dbt.config.get("spillover")
    weekly = dbt.ref("int_asset_volatility_weekly").df()
    assets = dbt.ref("asset").df()["asset"]
    volatility = weekly.pivot(index="observation_date", columns="asset", values="volatility").reindex(columns=assets).sort_index()
    # weeks in which every asset has one, none where an asset has no figures at all; logarithms of volatilities are nearly normal
    # (Andersen, Bollerslev, Diebold and Ebens 2001)
    logarithm = np.log(volatility.dropna())
    known = weekly.groupby("observation_date")["available_at"].max().reindex(logarithm.index).cummax()
    ends = month_ends(logarithm.index)
    tables = [table_of(logarithm.iloc[end - rule["weeks"] : end], rule, known.iloc[end - 1]) for end in ends[ends >= rule["weeks"]]]
    columns = ["observation_date", "asset", "from_asset", "share_percent", "weeks", "first_week", "available_at"]
    found = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
    # pandas has neither dates nor, in an empty column, a type
    types = {
        "observation_date": "date", "asset": "varchar", "from_asset": "varchar", "share_percent": "double", "weeks": "bigint", "first_week": "date",
        "available_at": "timestamp",
    }  # fmt: skip
    return session.from_df(found[columns]).project(", ".join(f"cast({name} as {kind}) as {name}" for name, kind in types.items()))


def month_ends(weeks):
    """How many weeks there are up to the last one of each month; the newest month counts only once the next one has begun."""
    month = pd.DatetimeIndex(weeks).to_period("M").to_numpy()
    return np.flatnonzero(month[:-1] != month[1:]) + 1


def table_of(window, rule, known_at):
    found = spillover(window, rule["lags"], rule["horizon"]).table
    pairs = found.rename_axis(index="asset", columns="from_asset").stack().rename("share_percent").reset_index()
    return pairs.assign(observation_date=window.index[-1], weeks=len(window), first_week=window.index[0], available_at=known_at)
