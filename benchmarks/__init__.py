"""Measurements against a named baseline, each a ratio in one run. `make bench` runs them and writes `$EBBTIDE_HOME/bench/latest.json`."""
