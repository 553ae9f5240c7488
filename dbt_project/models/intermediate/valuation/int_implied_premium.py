# grain: version of source_table, observation_date: the premium over the bond that the S&P 500 pays, by the inputs of that version
import numpy as np

from warehouse.risk_premium import growing, implied_return


def model(dbt, session):
    dbt.config(materialized="table")
    inputs = dbt.ref("int_implied_premium_input").df()
    level, cash_flow, growth, bond = (
        inputs[name].to_numpy(dtype=float, na_value=np.nan) for name in ("index_level", "cash_flow", "expected_growth", "bond_rate")
    )
    found = implied_return(level, growing(cash_flow, growth), bond)
    premium = inputs.assign(implied_return=found.rate, implied_premium=found.rate - bond, status=found.status)
    computed = {name: f"case when isfinite({name}) then cast({name} as double) end" for name in ("implied_return", "implied_premium")}
    # pandas has neither dates nor, in an empty column, text
    types = {"source_table": "varchar", "observation_date": "date", "published_variant": "varchar", "available_at": "timestamp"}
    types |= {"available_at_source": "varchar", "row_key": "varchar", "status": "varchar"}
    cast = {name: f"cast({name} as {kind})" for name, kind in types.items()} | computed
    return session.from_df(premium).project(f"* replace ({', '.join(f'{value} as {name}' for name, value in cast.items())})")
