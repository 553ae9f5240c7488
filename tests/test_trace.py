"""`ebbtide trace`: from a published number to the landed bytes it rests on."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.feeds import FEEDS
from tests.test_cli import run
from warehouse.settings import Settings, load_settings
from warehouse.trace import as_lines, trace

VIX = ("signals.fct_signal_daily", "signal_id=vix_log", "observation_date=2023-12-29")


def traced(home: Path, *arguments: str) -> dict[str, Any]:
    """What the command prints for programs."""
    code, output, errors = run("trace", *arguments, "--json", home=home)
    assert code == 0, errors
    found: dict[str, Any] = json.loads(output)
    return found


def test_number_leads_to_the_bytes_that_hold_it(sample_home: Path) -> None:
    """The file shown hashes to the sha256 shown, and the value follows from the line that the raw row's key names."""
    found = traced(sample_home, *VIX)
    file = found["file"]
    content = Path(file["landed_at"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == file["sha256"] and len(content) == file["size"]
    assert Path(file["landed_at"]) == sample_home / "landing" / file["path"]
    assert (file["feed"], file["name"], found["row_key"]) == ("cboe_index_history", "VIX_History.csv", "VIX|2023-12-29")
    close = next(line["CLOSE"] for line in csv.DictReader(content.decode().splitlines()) if line["DATE"] == "12/29/2023")
    assert found["row"]["value"]["value"] == pytest.approx(math.log(float(close)), abs=1e-12)


def settings_of(home: Path) -> Settings:
    """Settings of a command that runs on that home."""
    return load_settings().model_copy(update={"home_setting": home})


@pytest.mark.parametrize(
    ("signal", "feed"),
    [
        ("etf_core3_flow", "vanguard_nav"),
        ("cot_am_net_es", "cftc_tff"),
        ("margin_debt_yoy", "finra_margin"),
        ("put_call_equity", "cboe_put_call"),
        ("amihud_market", "price_daily"),
    ],
)
def test_every_kind_of_signal_leads_to_bytes_with_the_hash(sample_home: Path, signal: str, feed: str) -> None:
    found = traced(sample_home, "fct_signal_daily", f"signal_id={signal}", "observation_date=2023-12-29")
    file = found["file"]
    assert hashlib.sha256(Path(file["landed_at"]).read_bytes()).hexdigest() == file["sha256"]
    assert file["rows_read"] == file["rows_loaded"] + file["rows_quarantined"] + file["rows_unchanged"]
    assert file["feed"] == feed and found["signal"]["signal_id"] == signal


def test_declaration_of_the_feed_is_shown(sample_home: Path) -> None:
    file = traced(sample_home, *VIX)["file"]
    feed = FEEDS["cboe_index_history"]
    assert (file["licence"], file["lag"], file["page"], file["key"]) == (feed.licence, str(feed.lag_by.get("VIX", feed.lag)), feed.url, list(feed.key))


def test_models_between_lead_from_the_feed_to_the_mart(sample_home: Path) -> None:
    """They start with the feed's staging model and end with one the mart reads; each reads one before it, and none of another feed or signal is among them."""
    models = traced(sample_home, *VIX)["models"]
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as connection:
        reads: dict[str, set[str]] = {}
        for model, read in connection.execute("select model, input from meta.model_input").fetchall():
            reads.setdefault(model, set()).add(read)
    assert models[0] == "staging.stg_cboe__index_level"
    assert models[-1] in reads["signals.fct_signal_daily"]
    for at, model in enumerate(models):
        assert reads[model] & {"raw.cboe_index_history", *models[:at]}, model
    assert not [model for model in models if "cftc" in model or "margin" in model]
    assert [model for model in models if "int_signal__" in model] == ["intermediate.int_signal__vix_log"]


def test_lineage_of_models_agrees_with_lineage_of_files(sample_home: Path) -> None:
    """The raw tables reached over meta.model_input are the feeds of meta.lineage, where they have a file."""
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as connection:
        reached = connection.execute(
            """
            with recursive behind as (
                select model, input from meta.model_input where model like 'signals.%'
                union
                select behind.model, edge.input from behind inner join meta.model_input as edge on edge.model = behind.input
            )
            select model, substr(input, 5) from behind
            where input like 'raw.%' and substr(input, 5) in (select feed from meta.file where status = 'loaded') order by all
            """
        ).fetchall()
        by_file = connection.execute("select distinct model, feed from meta.lineage order by all").fetchall()
    marts = {model for model, _ in by_file if model.startswith("signals.")}
    assert [pair for pair in reached if pair[0] in marts] == [pair for pair in by_file if pair[0] in marts]
    assert len(marts) >= 4


def test_text_fits_one_screen_and_shows_where_the_number_comes_from(sample_home: Path) -> None:
    found = traced(sample_home, *VIX)
    code, output, errors = run("trace", *VIX, home=sample_home)
    lines = output.splitlines()
    assert code == 0 and len(lines) <= 45
    assert "sample world" in errors
    for shown in (found["file"]["sha256"], found["file"]["landed_at"], "VIX|2023-12-29", "VIX_History.csv", FEEDS["cboe_index_history"].licence, "log points"):
        assert shown in output
    others = sum(feed["files"] for feed in found["feeds"]) - 1
    assert f"{others:,} more stand behind the model" in output


def test_row_without_lineage_shows_the_feeds_behind_it(sample_home: Path) -> None:
    found = traced(sample_home, "fct_retreat_index_daily", "observation_date=2023-12-29")
    assert found["file"] is None
    with duckdb.connect(str(sample_home / "published" / "current.duckdb"), read_only=True) as connection:
        counted = dict(connection.execute("select feed, count(*) from meta.lineage where model = 'signals.fct_retreat_index_daily' group by 1").fetchall())
        newest = set(
            connection.execute(
                "select feed, sha256 from meta.file where status = 'loaded' qualify edition_at = max(edition_at) over (partition by feed)"
            ).fetchall()
        )
    assert {feed["feed"]: feed["files"] for feed in found["feeds"]} == counted and len(counted) > 10
    assert all((feed["feed"], feed["newest_sha256"]) in newest for feed in found["feeds"])
    _, output, _ = run("trace", "fct_retreat_index_daily", "observation_date=2023-12-29", home=sample_home)
    assert all(feed["newest_sha256"] in output for feed in found["feeds"])


def test_model_of_the_project_itself_has_no_file(sample_home: Path) -> None:
    code, output, _ = run("trace", "dim_signal", "signal_id=vix_log", home=sample_home)
    assert code == 0 and "no feed stands behind this model" in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("fct_signal_daily", "signal_id=vix_log"), ["by its key, observation_date, signal_id", "to 2023-12-29"]),
        (("fct_signal_daily", "observation_date=2023-12-29"), ["still to choose", "signal_id: "]),
        (("fct_signal_daily", "signal_id=vixlog", "observation_date=2023-12-29"), ["nearest signal_id with observation_date=2023-12-29: vix_log,"]),
        (("fct_signal_daily", "signal_id=vix_log", "observation_date=2023-12-30"), ["nearest observation_date with signal_id=vix_log: 2023-12-29, 2023-12-28"]),
        (("fct_signal_daily", "signal=vix_log"), ["no column 'signal'", "signal_id"]),
        (("fct_signal_daily", "observation_date=yesterday"), ["type DATE", "'yesterday'"]),
        (("fct_signal_daily", "signal_id"), ["COLUMN=VALUE"]),
        (("fct_signal_daily", "signal_id=vix_log", "signal_id=skew_21d"), ["given twice"]),
        (("fct_signals",), ["no model 'fct_signals'", "signals.fct_signal_daily"]),
        (("meta.file",), ["no model 'meta.file'"]),
        (("fct_signal_daily", "signal_id=' or true --", "observation_date=2023-12-29"), ["no row of"]),
    ],
)
def test_wrong_use_says_what_to_give_instead(sample_home: Path, arguments: tuple[str, ...], says: list[str]) -> None:
    code, output, errors = run("trace", *arguments, home=sample_home)
    assert (code, output) == (2, "")
    for part in says:
        assert part in errors


def test_value_that_is_there_is_not_suggested_again(sample_home: Path) -> None:
    _, _, errors = run("trace", "fct_signal_daily", "signal_id=vixlog", "observation_date=2023-12-29", home=sample_home)
    assert "nearest observation_date" not in errors


def test_only_the_published_build_is_read(sample_home: Path, tmp_path: Path) -> None:
    """Without warehouse and landing folder the answer is the same; a build without model inputs answers too, and a file it does not know is said."""
    build = tmp_path / "published" / "current.duckdb"
    build.parent.mkdir()
    shutil.copy((sample_home / "published" / "current.duckdb").resolve(), build)
    build.chmod(0o644)
    before = trace(settings_of(sample_home), VIX[0], VIX[1:])
    alone = trace(settings_of(tmp_path), VIX[0], VIX[1:])
    assert alone["row"] == before["row"] and alone["row"]["observation_date"]["value"] == date(2023, 12, 29)
    assert alone["file"]["sha256"] == before["file"]["sha256"] and alone["models"] == before["models"]

    with duckdb.connect(str(build)) as connection:
        connection.execute("drop table meta.model_input")
    older = trace(settings_of(tmp_path), VIX[0], VIX[1:])
    assert older["models"] == [] and before["file"]["sha256"] in "\n".join(as_lines(older))

    with duckdb.connect(str(build)) as connection:
        connection.execute("delete from meta.file where file_id = ?", [before["file"]["file_id"]])
    code, output, errors = run("trace", *VIX, home=tmp_path)
    assert (code, output) == (1, "") and str(before["file"]["file_id"]) in errors


def test_no_build_is_said(tmp_path: Path) -> None:
    code, _, errors = run("trace", *VIX, home=tmp_path)
    assert code == 2 and "make refresh" in errors
