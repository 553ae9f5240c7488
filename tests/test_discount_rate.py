"""The discount rate and its premiums on the refreshed sample world, and political risk on the real Geopolitical Risk index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from ingest.sample.damodaran import POLITICAL_SLOPE
from warehouse.risk_premium import political_risk_premium


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(home / "published" / "current.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_published_premiums_follow_from_the_inputs_published_with_them(sample_home: Path) -> None:
    found = rows(
        sample_home,
        """
        select source_table, count(*) > 5, bool_and(is_reproduced and status = 'computed'), max(abs(difference_basis_points))
        from valuation.fct_equity_risk_premium_monthly group by all order by 1
        """,
    )
    assert [row[:3] for row in found] == [("premium by month", True, True), ("premium by year", True, True)]
    # half a basis point is what rounding the published premium takes
    assert all(row[3] < 0.6 for row in found)


def test_the_political_part_that_is_in_the_premium_is_found(sample_home: Path) -> None:
    found = rows(
        sample_home,
        "select slope, slope_standard_error, t_statistic, months_used, status from valuation.fct_political_risk_premium_monthly order by observation_date",
    )
    slope, error, t_statistic, months, status = found[-1]
    assert status == "computed" and months > 90 and t_statistic > 2
    assert abs(slope - POLITICAL_SLOPE) < 2 * error
    assert {row[4] for row in found if row[3] < 60} == {"short history"}


def test_political_risk_premium_rises_from_2021_to_2023(sample_home: Path) -> None:
    """From below 0, as risk was below usual, to some four tenths of a percentage point: the article's 0.8% to 3.2% would need a slope three times as steep."""
    found = dict(
        rows(
            sample_home, "select strftime(observation_date, '%Y-%m'), political_risk_premium from valuation.fct_political_risk_premium_monthly where slope > 0"
        )
    )
    in_2021 = np.mean([value for month, value in found.items() if month.startswith("2021")])
    assert in_2021 < 0 < found["2023-11"]
    assert 0.003 < found["2023-11"] - in_2021 < 0.024


def test_rate_of_a_day_is_made_of_what_the_other_marts_show(sample_home: Path) -> None:
    (premium,) = rows(sample_home, "select implied_premium from valuation.fct_equity_risk_premium_monthly where observation_date = '2023-12-01'")[0]
    (political,) = rows(sample_home, "select political_risk_premium from valuation.fct_political_risk_premium_monthly where observation_date = '2023-11-30'")[0]
    found = rows(
        sample_home,
        """
        select symbol, discount_rate, risk_free_rate, beta, beta_raw, risk_free_observation_date::varchar
        from valuation.fct_discount_rate_daily where observation_date = '2023-12-29' and symbol in ('^GSPC', 'TSLA') order by symbol
        """,
    )
    assert [row[0] for row in found] == ["TSLA", "^GSPC"]
    for _, rate, risk_free, beta, raw, day in found:
        assert (risk_free, day) == (pytest.approx(0.0388), "2023-12-29")
        assert beta == pytest.approx(2 / 3 * raw + 1 / 3)
        assert rate == pytest.approx(risk_free + beta * (premium - political) + political)
    assert found[0][3] > 1 == found[1][3]


def test_political_risk_on_the_real_index(realdata: Path) -> None:
    """A premium made up to rise by 2 percentage points with the logarithm of the index, and to swing on its own for years."""
    book = pd.read_excel(realdata / "gpr" / "data_gpr_export.xls", index_col=0, engine="calamine")["GPR"].dropna()
    index = book["1985-01":"2023-12"].to_numpy(dtype=float)
    usual = float(book["1985-01":"2019-12"].mean())
    assert (usual, book["2021"].mean(), index[-1]) == (pytest.approx(100, abs=1), pytest.approx(82.1, abs=0.05), pytest.approx(142.3, abs=0.05))
    random = np.random.default_rng(3)
    swing = np.zeros(len(index))
    for month, shock in enumerate(random.standard_normal(len(index) - 1), start=1):
        swing[month] = 0.9 * swing[month - 1] + 0.001 * shock
    found = political_risk_premium(0.05 + 0.02 * np.log(index / 100) + swing, np.log(index), index[-1], usual, minimum_months=60, critical_t=1.2816)
    assert found.months == len(index) == 468
    assert abs(found.slope - 0.02) < 3 * found.standard_error
    assert found.lower < found.premium < found.upper
    assert found.premium == pytest.approx(found.slope * np.log(142.3 / usual), rel=1e-3)
