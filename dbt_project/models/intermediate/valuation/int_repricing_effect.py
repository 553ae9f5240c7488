# grain: symbol, period_start, period_end, kind: what a change in price is made of, of periods whose inputs are there
import numpy as np

from warehouse.valuation import CashFlow, repricing


def model(dbt, session):
    dbt.config(materialized="table")
    period = dbt.ref("int_repricing_period").df()
    years = dbt.config.get("fade_years")
    period = period[period["status"].str.startswith("computed")]

    def flow(end):
        columns = ("cash_flow_per_share", "growth_start", "growth_terminal")
        return CashFlow(*(period[f"{name}_{end}"].to_numpy(np.float64) for name in columns), years)

    rates, prices = ([period[f"{name}_{end}"].to_numpy(np.float64) for end in ("from", "to")] for name in ("rate", "price"))
    made = repricing(flow("from"), flow("to"), *rates, *prices)
    effect = period[["symbol", "period_start", "period_end", "kind"]].assign(
        value_from=made.value_before,
        value_to=made.value_after,
        rate_effect_usd=made.rate_effect,
        cash_flow_effect_usd=made.cash_flow_effect,
        residual_usd=made.residual,
    )
    types = {"symbol": "varchar", "period_start": "date", "period_end": "date", "kind": "varchar"}
    return session.from_df(effect).project(f"* replace ({', '.join(f'cast({name} as {kind}) as {name}' for name, kind in types.items())})")
