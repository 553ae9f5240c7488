"""What the benchmarks compute from their measurements; none is taken here."""

from __future__ import annotations

import pytest

from benchmarks.signals import Measurement, feeds_of_signals, results_of, slope


def world(years: int, rows: int, *seconds: float) -> Measurement:
    return Measurement(years, rows, 0, list(seconds))


def test_slope_tells_linear_from_quadratic_growth() -> None:
    assert slope([world(5, 100, 1), world(10, 200, 2), world(20, 400, 4)]) == pytest.approx(1)
    assert slope([world(5, 100, 1), world(10, 200, 4), world(20, 400, 16)]) == pytest.approx(2)


def test_what_an_empty_warehouse_takes_does_not_hide_growth() -> None:
    """Seconds are 10 + (rows / 100)^2: all of them together look flat, those that rows cost grow with a slope of 2."""
    grown = [world(5, 100, 11, 11, 90), world(10, 200, 14), world(20, 400, 26)]
    whole, of_rows = results_of(world(0, 0, 10), grown)
    # equidistant logs of rows: the slope is (ln 26 - ln 11) / ln 4 = 0.6205
    assert whole.ratio == pytest.approx(0.6205, abs=0.001)
    assert (whole.ok, whole.ours, whole.baseline) == (True, 26, 11)
    assert of_rows.ratio == pytest.approx(2)
    assert not of_rows.ok


def test_feeds_of_the_signal_layer_are_those_behind_its_marts() -> None:
    feeds = feeds_of_signals()
    assert {"price_daily", "cboe_put_call", "finra_margin", "ofr_hfm", "public_plan"} <= set(feeds)
    assert "epu_daily" not in feeds
