# grain: observation_date, symbol, discount_rate: value per share at each rate of the grid, at the last session of each month that has ended
import numpy as np

from warehouse.valuation import CashFlow, rate_grid, value_per_share


def model(dbt, session):
    dbt.config(materialized="table")
    month = dbt.ref("int_company_valuation_monthly").df()
    grid = dbt.config.get("discount_rates")
    years = dbt.config.get("fade_years")
    rates = rate_grid(grid["lowest"], grid["highest"], grid["step"])
    at = month.merge(rates, how="cross")
    per_share = (at["free_cash_flow_usd"] / at["shares"]).to_numpy(np.float64)
    flow = CashFlow(per_share, at["growth_start"].to_numpy(np.float64), at["growth_terminal"].to_numpy(np.float64), years)
    worth = at[["observation_date", "symbol", "discount_rate"]].assign(value_per_share=value_per_share(flow, at["discount_rate"].to_numpy(np.float64)))
    return session.from_df(worth).project("* replace (cast(observation_date as date) as observation_date, cast(symbol as varchar) as symbol)")
