"""The whole way, from files to a published build, on the sample world; and what a build of an earlier day may know."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
import yaml

from ingest.landing import Arrival, Landing
from tests.conftest import FIRST_YEAR, ROOT, command
from tests.equal import assert_equal
from warehouse import refresh

EARLIER = "2023-08-15T23:59:59Z"

# What differs between two worlds of the same facts: the file a row came from (its bytes hold later rows too), not what it says.
LINEAGE = ("file_id",)

Share = Callable[[str, Callable[[Path], None]], Path]


def marts(path: Path) -> dict[str, list[str]]:
    """Tables of a published file outside the build record, with their columns."""
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            """
            select schema_name || '.' || table_name, list(column_name order by column_index)
            from duckdb_columns()
            where database_name = current_database() and schema_name not in ('meta', 'quality', 'main', 'information_schema', 'pg_catalog')
            group by 1 order by 1
            """
        ).fetchall()
    return dict(rows)


@functools.cache
def grains() -> dict[str, list[str]]:
    """Key columns of each mart, as its YAML says."""
    found = {}
    for path in (ROOT / "dbt_project" / "models" / "marts").rglob("*__models.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            found[f"{path.parent.name}.{model['name']}"] = model["config"]["meta"]["grain"]
    return found


def assert_same(left: Path, right: Path, table: str, ignore: Sequence[str], where: str = "true") -> None:
    """A mart holds the same rows in two published files."""
    with duckdb.connect() as connection:
        for side, path in (("earlier", left), ("later", right)):
            connection.execute(f"attach '{path}' as {side} (read_only)")
            connection.execute(f"create view {side}_rows as select * from {side}.{table} where {where}")
        rows = connection.execute("select count(*) from earlier_rows").fetchone()
        assert rows is not None and rows[0] > 0, f"{table} has no rows to compare"
        assert_equal(connection, "earlier_rows", "later_rows", grains()[table], ignore=ignore)


def current(home: Path) -> Path:
    return (home / "published" / "current.duckdb").resolve()


def test_refresh_publishes_a_checked_build(sample_home: Path) -> None:
    output = (sample_home.parent / "output.txt").read_text(encoding="utf-8")
    assert "sample world" in output
    assert "Retreat Index" in output and "regime" in output
    assert "Gates:" in output and "Since the last build" in output
    assert (sample_home / "published" / "current.duckdb").is_symlink()
    assert not (sample_home / "published" / "current.duckdb").readlink().is_absolute()
    with duckdb.connect(str(current(sample_home)), read_only=True) as connection:
        index = connection.execute("select count(*), min(retreat_index), max(retreat_index) from signals.fct_retreat_index_daily").fetchone()
        assert index is not None and index[0] > 1000 and 0 <= index[1] < index[2] <= 100
        failed = connection.execute("select count(*) from quality.validation_result where not success and severity = 'critical'").fetchone()
        assert failed == (0,)
        stages = connection.execute("select distinct stage from quality.validation_result order by 1").fetchall()
        assert stages == [("marts",), ("raw",), ("staging",)]


def test_story_is_recovered(sample_home: Path) -> None:
    """The index calls the planted retreat, and was calm before it."""
    with duckdb.connect(str(current(sample_home)), read_only=True) as connection:
        regimes = dict(
            connection.execute(
                """
                select regime, count(*) from signals.fct_retreat_index_daily
                where observation_date between '2023-07-01' and '2023-12-29' group by 1
                """
            ).fetchall()
        )
        before = connection.execute(
            "select avg(retreat_index) from signals.fct_retreat_index_daily where observation_date between '2022-07-01' and '2023-06-30'"
        ).fetchone()
        after = connection.execute(
            "select avg(retreat_index) from signals.fct_retreat_index_daily where observation_date between '2023-10-01' and '2023-12-29'"
        ).fetchone()
    assert regimes.get("orderly_retreat", 0) > 40, regimes
    assert before is not None and after is not None and after[0] > before[0] + 15


def test_every_published_table_and_column_has_a_comment(sample_home: Path) -> None:
    with duckdb.connect(str(current(sample_home)), read_only=True) as connection:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables() where comment is null or comment = ''").fetchall()
        columns = connection.execute(
            "select schema_name || '.' || table_name || '.' || column_name from duckdb_columns() where not internal and (comment is null or comment = '')"
        ).fetchall()
    assert tables == []
    assert columns == []


def test_rows_of_every_file_add_up(sample_home: Path) -> None:
    with duckdb.connect(str(current(sample_home)), read_only=True) as connection:
        files = connection.execute(
            "select count(*), count(*) filter (where rows_read <> rows_loaded + rows_quarantined + rows_unchanged) from meta.file"
        ).fetchone()
    assert files is not None and files[0] > 1000 and files[1] == 0


def test_rows_of_a_price_file_are_numbered_in_its_order(sample_home: Path) -> None:
    """Bars come out of a join in parallel, and decisions on quarantined rows name them by number: the same file must give the same numbers."""
    with duckdb.connect(str(sample_home / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            """
            select count(*), count(*) filter (where observation_date < before) from (
                select observation_date, lag(observation_date) over (partition by _file_id order by _row_number) as before
                from raw.price_daily where adjustment = 'split'
            )
            """
        ).fetchone()
    assert found is not None and found[0] > 10_000 and found[1] == 0


def test_parquet_lies_beside_the_build(sample_home: Path) -> None:
    folder = sample_home / "published" / "current"
    for table in marts(current(sample_home)):
        path = folder / f"{table}.parquet"
        assert path.exists(), path
    index = duckdb.sql(f"select count(*) from '{folder}/signals.fct_retreat_index_daily.parquet'").fetchall()
    with duckdb.connect(str(current(sample_home)), read_only=True) as connection:
        assert connection.execute("select count(*) from signals.fct_retreat_index_daily").fetchall() == index


def test_second_refresh_finds_nothing_new_and_gives_the_same_marts(sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "again"
    shutil.copytree(sample_home, home, symlinks=True)
    first = current(home)
    second = build(home, None, monkeypatch, raw_gate=False)
    assert second != first
    assert current(home) == second
    lines = refresh.report()
    assert "Files: none new" in lines
    assert any("nothing changed" in line for line in lines)
    for table in marts(first):
        assert_same(first, second, table, ignore=())


def test_broken_feed_leaves_the_build_published_before(sample_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that breaks a critical check (puts and calls no longer add up) fails the build; readers keep the old one."""
    home = tmp_path / "broken"
    shutil.copytree(sample_home, home, symlinks=True)
    before = (home / "published" / "current.duckdb").readlink()
    broken = (
        b'{"ratios": [{"name": "TOTAL PUT/CALL RATIO", "value": "0.90"}], "SUM OF ALL PRODUCTS": [{"name": "VOLUME", "call": 100, "put": 90, "total": 500}]}'
    )
    arrival = Arrival(
        "cboe_put_call",
        "daily_json",
        "2023-12-28_daily_options.json",
        broken,
        edition_at=datetime(2023, 12, 29, 23, 0, tzinfo=UTC),
        parameters={"observation_date": "2023-12-28"},
    )
    Landing(home / "landing").land([arrival], "sample")
    with pytest.raises(refresh.GateFailed, match="cboe_put_call"):
        build(home, None, monkeypatch)
    assert (home / "published" / "current.duckdb").readlink() == before
    done = command("builds", home=home)
    assert "failed" in done.stdout and "cboe_put_call" in done.stdout
    record = json.loads(max((home / "quality").glob("[0-9]*.json")).read_text(encoding="utf-8"))
    assert record["failed_stages"][0]["stage"] == "gate raw"


# --- point in time ----------------------------------------------------------------------------------------------------


def build(home: Path, as_of: str | None, patch: pytest.MonkeyPatch, *, raw_gate: bool = True) -> Path:
    """Build and publish without Airflow; returns the published file. Of the gates, the raw one takes longest: it may be left out."""
    patch.setenv("EBBTIDE_HOME", str(home))
    patch.setenv("EBBTIDE_SAMPLE_FIRST_YEAR", FIRST_YEAR)
    patch.setenv("EBBTIDE_SOURCE", "sample")
    if as_of:
        patch.setenv("EBBTIDE_AS_OF", as_of)
    else:
        patch.delenv("EBBTIDE_AS_OF", raising=False)
    from ingest.feeds import PROVIDERS

    refresh.open_build()
    for provider in PROVIDERS:
        refresh.fetch(provider)
    refresh.load()
    if raw_gate:
        refresh.gate("raw")
    refresh.build_models("staging")
    refresh.build_models("marts")
    refresh.gate("marts")
    return Path(refresh.publish())


@pytest.fixture(scope="module")
def earlier_builds(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds of an earlier day: from the raw store less what was learnt later, and from a world whose clock stopped then."""
    with pytest.MonkeyPatch.context() as patch:
        stopped = build(tmp_path_factory.mktemp("stopped"), EARLIER, patch, raw_gate=False)
        home = tmp_path_factory.mktemp("as_of") / "home"
        shutil.copytree(sample_home, home, symlinks=True)
        current_before = (home / "published" / "current.duckdb").readlink()
        cut = build(home, EARLIER, patch)
        assert (home / "published" / "current.duckdb").readlink() == current_before, "a build of an earlier day moved current"
    return cut, stopped


def test_world_holds_revisions_late_publications_and_an_a_b_a(sample_home: Path) -> None:
    """The tests below would show nothing on a world without them."""
    with duckdb.connect(str(sample_home / "warehouse.duckdb"), read_only=True) as connection:
        revised = connection.execute("select count(*) from raw.finra_margin where _available_at_source = 'edition'").fetchone()
        vintages = connection.execute(
            "select count(*) from (select 1 from raw.fred_series where vintage_date is not null group by series_id, observation_date having count(*) > 1)"
        ).fetchone()
        back_and_forth = connection.execute(
            """
            select count(*) from (
                select observation_date, list(ofr_fsi order by _available_at) as fsi from raw.ofr_fsi group by 1 having count(*) >= 3
            ) where fsi[1] = fsi[3] and fsi[1] <> fsi[2]
            """
        ).fetchone()
        late = connection.execute("select max(published_at - observation_date) > interval 10 day from raw.cftc_tff").fetchone()
    assert revised is not None and revised[0] > 0
    assert vintages is not None and vintages[0] > 10
    assert back_and_forth is not None and back_and_forth[0] >= 1
    assert late == (True,)


def test_past_days_do_not_change_with_later_knowledge(sample_home: Path, earlier_builds: tuple[Path, Path]) -> None:
    """(a) Rows dated up to D are equal in builds as of D and as of a later day, in the same landed files."""
    cut, _ = earlier_builds
    for table in ("signals.fct_signal_daily", "signals.fct_retreat_index_daily"):
        assert_same(cut, current(sample_home), table, ignore=(), where=f"observation_date <= '{EARLIER[:10]}'")


def test_build_of_a_day_equals_a_world_that_stopped_on_it(earlier_builds: tuple[Path, Path]) -> None:
    """(b) Every mart built as of D, from the store less what was learnt later, equals that of a world whose clock stopped at D."""
    cut, stopped = earlier_builds
    assert marts(cut) == marts(stopped)
    for table, columns in marts(cut).items():
        assert_same(cut, stopped, table, ignore=[column for column in LINEAGE if column in columns])
