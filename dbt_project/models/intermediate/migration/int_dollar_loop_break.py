# grain: observation_date (month end), link: largest Wald statistic for a break among the months up to it
import numpy as np
import pandas as pd

from warehouse.break_test import breaks_to_date, significance, tail_probability


def model(dbt, session):
    dbt.config(materialized="table")
    link = dbt.ref("int_dollar_loop_link").df().sort_values(["link", "observation_date"])
    trim = dbt.config.get("trim")
    minimum = dbt.config.get("minimum_months")
    tested = [test(rows, trim, minimum) for _, rows in link.groupby("link")]
    result = pd.concat(tested) if tested else test(link, trim, minimum)
    # pandas has neither dates nor, in an empty column, text
    types = {"observation_date": "date", "link": "varchar", "break_date": "date"}
    return session.from_df(result).project(f"* replace ({', '.join(f'cast({name} as {kind}) as {name}' for name, kind in types.items())})")


def test(rows, trim, minimum):
    """Breaks of one link to date; `rows` are ordered by month."""
    month = rows["observation_date"].to_numpy(dtype="datetime64[s]")
    found = breaks_to_date(rows["second_value"].to_numpy(dtype=float), rows["first_value"].to_numpy(dtype=float), trim, minimum)
    first_after = np.array([each.first_after for each in found], dtype=int)
    break_date = np.full(len(found), np.datetime64("NaT"), dtype="datetime64[s]")
    break_date[first_after >= 0] = month[first_after[first_after >= 0]]
    return pd.DataFrame(
        {
            "observation_date": month,
            "link": rows["link"].to_numpy(),
            "sup_wald": np.array([each.statistic for each in found], dtype=float),
            "break_date": break_date,
            "slope_before": np.array([each.slope_before for each in found], dtype=float),
            "slope_after": np.array([each.slope_after for each in found], dtype=float),
            "significance_level": np.array([significance(each.statistic) for each in found], dtype=float),
            "p_value": np.array([tail_probability(each.statistic, trim) for each in found], dtype=float),
        }
    )
