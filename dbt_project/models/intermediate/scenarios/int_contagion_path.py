# grain: shock, asset, day: change of the price since the eve of the shock, middle and bands over the paths drawn
import numpy as np
import pandas as pd

from warehouse.contagion import Move, estimate, forced_moves, paths


def model(dbt, session):
    dbt.config(materialized="table")
    rule = dbt.config.get("contagion")
    daily = dbt.ref("int_asset_return_daily").df()
    shocks = dbt.ref("shock").df()
    assets = dbt.ref("asset").df()["asset"]
    # days on which every asset has a return: none where one has no figures at all
    returns = daily.pivot(index="observation_date", columns="asset", values="daily_return").reindex(columns=assets).sort_index().dropna()
    found = pd.DataFrame(columns=["shock", "asset", "day", "price_change_low", "price_change", "price_change_high", "first_day", "last_day", "stressed_days"])
    if len(returns) >= rule["minimum_days"]:
        dynamics = estimate(returns, rule["lags"], rule["market"], rule["volatility_days"], rule["stressed_share"])
        found = pd.concat(path_of(name, moves, dynamics, rule) for name, moves in shocks.groupby("shock")).assign(
            first_day=returns.index[0], last_day=returns.index[-1], stressed_days=len(dynamics.innovations)
        )
    # pandas has neither dates nor, in an empty column, a type
    types = {
        "shock": "varchar", "asset": "varchar", "day": "integer", "price_change_low": "double", "price_change": "double", "price_change_high": "double",
        "first_day": "date", "last_day": "date", "stressed_days": "bigint",
    }  # fmt: skip
    return session.from_df(found).project(", ".join(f"cast({name} as {kind}) as {name}" for name, kind in types.items()))


def path_of(name, moves, dynamics, rule):
    parts = [Move(row.asset, int(row.first_day), int(row.last_day), row.price_change) for row in moves.itertuples()]
    drawn = paths(dynamics, forced_moves(parts, dynamics.assets, rule["days"]), rule["draws"], rule["seed"])
    low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95], axis=0)
    day, asset = np.meshgrid(np.arange(rule["days"]), dynamics.assets, indexing="ij")
    columns = {"day": day, "asset": asset, "price_change_low": low, "price_change": middle, "price_change_high": high}
    return pd.DataFrame({column: values.ravel() for column, values in columns.items()}).assign(shock=name)
