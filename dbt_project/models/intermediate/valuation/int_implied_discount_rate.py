# grain: observation_date, symbol: the rate at which discounted cash flow is the price, of days on which the inputs are there
import numpy as np

from warehouse.valuation import CashFlow, implied_discount_rate


def model(dbt, session):
    dbt.config(materialized="table")
    day = dbt.ref("int_company_valuation_daily").df()
    highest = dbt.config.get("highest_discount_rate")
    years = dbt.config.get("fade_years")
    day = day[day["status"].str.startswith("computed")]
    per_share = (day["free_cash_flow_usd"] / day["shares"]).to_numpy(np.float64)
    flow = CashFlow(per_share, day["growth_start"].to_numpy(np.float64), day["growth_terminal"].to_numpy(np.float64), years)
    found = day[["observation_date", "symbol"]].assign(implied_discount_rate=implied_discount_rate(flow, day["price"].to_numpy(np.float64), highest))
    return session.from_df(found).project("* replace (cast(observation_date as date) as observation_date, cast(symbol as varchar) as symbol)")
