"""The command line as a new user meets it: good answers, and clear errors with exit code 2."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import duckdb
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests import transcript
from tests.conftest import EBBTIDE, command
from warehouse.cli import main


def run(*arguments: str, home: Path, **settings: str) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, output and errors."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EBBTIDE_HOME", str(home))
        for name, value in settings.items():
            patch.setenv(f"EBBTIDE_{name}", value)
        result = CliRunner().invoke(main, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_query_answers(sample_home: Path) -> None:
    code, output, errors = run("query", "select * from signals.fct_retreat_index_daily order by 1 desc limit 5", home=sample_home)
    assert code == 0
    lines = output.splitlines()
    assert lines[0].split()[:2] == ["observation_date", "retreat_index"]
    assert len(lines) == 7 and lines[2].startswith("2023-12-29")
    assert "sample world" in errors


def test_query_as_json_and_csv(sample_home: Path) -> None:
    code, output, _ = run("query", "select feed, status from meta.feed_status order by 1", "--json", home=sample_home)
    assert code == 0 and json.loads(output)[0] == {"feed": "bis_exchange_rate", "status": "fresh"}
    code, output, _ = run("query", "select '=1+1' as formula, 2 as two", "--csv", home=sample_home)
    assert (code, output) == (0, "formula,two\n'=1+1,2\n")


def test_claims_show_the_line_that_speaks_for_each(sample_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, output, errors = run("claims", home=sample_home)
    assert code == 0
    lines = output.splitlines()
    assert lines[0].split() == ["claim", "statement", "claimed", "measured", "verdict", "why"]
    (ratio,) = (line for line in lines if line.startswith("P1-1 "))
    assert "0.7203" in ratio and "confirmed" in ratio and "equity, 5 sessions" in ratio
    assert lines[-1].startswith("55 claims: ")
    assert sum(int(part.split()[0]) for part in lines[-1].partition(": ")[2].split(", ")) == 55
    assert "sample world" in errors


def test_claims_as_json_hold_every_variant(sample_home: Path) -> None:
    code, output, _ = run("claims", "--json", home=sample_home)
    rows = json.loads(output)
    assert code == 0
    assert [row["claim_id"] for row in rows if row["is_used"]][:8] == ["I-1", "I-2", "I-3", "I-4", "I-5", "I-6", "I-7", "P1-1"]
    assert [row["is_used"] for row in rows if row["claim_id"] == "P1-1"] == [True] + [False] * 14


def test_claims_of_a_build_without_a_ledger(sample_home: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_home / "published", tmp_path / "published", symlinks=True)
    (tmp_path / "published" / "current.duckdb").resolve().chmod(0o644)
    with duckdb.connect(str(tmp_path / "published" / "current.duckdb")) as connection:
        connection.execute("drop table signals.fct_claim_check")
    code, _, errors = run("claims", home=tmp_path)
    assert code == 2 and "no claims ledger: run `make refresh`" in errors


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("selec 1", "syntax error"),
        ("select * from signals.no_such_table", "no_such_table"),
        ("create table signals.x as select 1", "read-only"),
        ("copy (select 1) to '/tmp/ebbtide-must-not-exist.csv'", "disabled"),
        ("set enable_external_access = true", "lock"),
    ],
)
def test_wrong_or_forbidden_sql_is_refused(sample_home: Path, sql: str, says: str) -> None:
    code, _, errors = run("query", sql, home=sample_home)
    assert code == 2
    assert says in errors.lower()


def test_a_feed_newer_than_the_last_refresh_is_absent(sample_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "older"
    home.mkdir()
    for name in ("home.json", "warehouse.duckdb"):
        shutil.copy(sample_home / name, home / name)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("drop table raw.ofr_fsi cascade")
    code, output, error = run("feeds", "--json", home=home)
    assert code == 0, error
    assert {row["status"] for row in json.loads(output) if row["feed"] == "ofr_fsi"} == {"absent"}


def test_feeds_lists_every_feed_with_freshness(sample_home: Path) -> None:
    from ingest.feeds import FEEDS

    code, output, _ = run("feeds", "--json", home=sample_home)
    listed = {row["feed"]: row for row in json.loads(output)}
    assert code == 0 and listed.keys() == FEEDS.keys()
    for name, row in listed.items():
        assert row["status"] == "fresh", f"{name}: {row}"
        assert row["cadence"] and row["lag"] and row["last_observation"] and row["licence"] and row["key"]
        assert row["dated"] and row["requests_a_second"] > 0 and all(column["description"] for column in row["columns"].values())
        live = [format for format in row["formats"].values() if format["access"] == "live"]
        # what an answer leads to has no address before the answer is there
        assert any(format["endpoints"] for format in live) == (bool(live) and FEEDS[name].landed_with is None), f"{name}: {live}"
        for format in row["formats"].values():
            assert format["access"] == "live" or not format["endpoints"], f"{name}: {format}"
            assert all(address.removeprefix("POST ").startswith("https://") for address in format["endpoints"])
            assert not any("api_key" in address for address in format["endpoints"])
    formats = listed["cboe_put_call"]["formats"]
    assert formats["daily_json"]["endpoints"] == ["https://cdn.cboe.com/data/us/options/market_statistics/daily/{}_daily_options"]
    assert listed["fred_series"]["formats"]["graph_csv"]["endpoints"] == ["https://fred.stlouisfed.org/graph/fredgraph.csv?id={}&cosd={}"]
    assert listed["sec_nport"]["needs"] == ["EBBTIDE_SEC_USER_AGENT"]
    assert "10 a second" in listed["sec_nport"]["limit_source"]


def test_feeds_of_a_provider_that_does_not_exist(tmp_path: Path) -> None:
    code, _, errors = run("feeds", "--provider", "nobody", home=tmp_path)
    assert code == 2 and "no provider 'nobody'" in errors and "cboe" in errors


def test_feed_that_does_not_exist(sample_home: Path) -> None:
    code, _, errors = run("quarantine", "list", "--feed", "nothing", home=sample_home)
    assert code == 2 and "no feed 'nothing'" in errors and "cboe_put_call" in errors


def test_doctor(sample_home: Path) -> None:
    code, output, _ = run("doctor", home=sample_home)
    assert code == 0
    for word in (
        "home",
        "source",
        "fred: EBBTIDE_FRED_API_KEY",
        "sec: EBBTIDE_SEC_USER_AGENT",
        "disk",
        "writer's lock",
        "published build",
        "last build",
        "feed cboe_put_call",
    ):
        assert word in output


def test_doctor_tells_which_keys_are_set_without_showing_them(tmp_path: Path) -> None:
    def keys(**settings: str) -> dict[str, tuple[str, str]]:
        _, output, _ = run("doctor", "--json", home=tmp_path, **settings)
        assert "0123456789abcdef" not in output and "ada@example.org" not in output
        return {row["what"]: (row["state"], row["detail"]) for row in json.loads(output) if "EBBTIDE_" in row["what"]}

    missing = keys()
    assert missing["sec: EBBTIDE_SEC_USER_AGENT"][0] == "not set"
    assert missing["sec: EBBTIDE_SEC_USER_AGENT"][1] == "without it sec is not asked; https://www.sec.gov/os/accessing-edgar-data"
    assert missing["fred: EBBTIDE_FRED_API_KEY"][0] == "not set" and "without vintages" in missing["fred: EBBTIDE_FRED_API_KEY"][1]
    there = keys(SEC_USER_AGENT="Ada ada@example.org", FRED_API_KEY="0123456789abcdef")
    assert there == dict.fromkeys(missing, ("set", ""))


@pytest.mark.parametrize(
    ("arguments", "source", "says"),
    [
        (("nothing",), "live", "no feed or provider 'nothing'"),
        (("cboe_put_call",), "sample", "set EBBTIDE_SOURCE=live"),
        (("vanguard_nav",), "live", "vanguard_nav has no live format"),
        (("cboe_put_call", "--to", "2019-01-01"), "live", "the last day 2019-01-01 lies before the first day 2020-01-01"),
    ],
)
def test_a_backfill_that_cannot_be(tmp_path: Path, arguments: tuple[str, ...], source: str, says: str) -> None:
    code, _, errors = run("backfill", *arguments, "--from", "2020-01-01", home=tmp_path / "home", SOURCE=source)
    assert code == 2 and says in errors


def test_backfill_says_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import warehouse.refresh
    from ingest.source import FetchFailed, KeyMissing

    answers = [
        {"seen": 250, "landed": 248, "requests": 1261},
        {"seen": 0, "landed": 0, "requests": 0},
        FetchFailed("feed cboe_put_call: status 500"),
        KeyMissing("provider cboe is not asked: EBBTIDE_X is not set"),
    ]
    asked = []

    def fetch(name: str, start: date, end: date, *, again: bool) -> object:
        asked.append((name, str(start), str(end), again))
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(warehouse.refresh, "fetch", fetch)

    def backfill(*more: str) -> tuple[int, str, str]:
        return run("backfill", "cboe_put_call", "--from", "2020-01-01", "--to", "2020-12-31", *more, home=tmp_path / "home", SOURCE="live")

    assert backfill() == (0, "cboe_put_call, 2020-01-01 to 2020-12-31: 1,261 requests, 250 files, 248 of them new\nNext: make refresh SOURCE=live\n", "")
    code, output, _ = backfill()
    assert code == 0 and "nothing to do" in output and "--again" in output
    code, _, errors = backfill("--again")
    assert code == 1 and "status 500" in errors and "goes on from there" in errors
    code, _, errors = backfill()
    assert code == 2 and errors == "ebbtide: provider cboe is not asked: EBBTIDE_X is not set\n"
    day = ("cboe_put_call", "2020-01-01", "2020-12-31")
    assert asked == [(*day, False), (*day, False), (*day, True), (*day, False)]


def test_builds_and_rollback_to_one_not_kept(sample_home: Path) -> None:
    code, output, _ = run("builds", "--json", home=sample_home)
    built = json.loads(output)
    assert code == 0 and built[-1]["status"] == "published" and built[-1]["current"] == "*"
    code, _, errors = run("rollback", "20000101T000000Z", home=sample_home)
    assert code == 2 and built[-1]["build_id"] in errors


def test_no_build_yet(tmp_path: Path) -> None:
    for arguments in (("query", "select 1"), ("claims",), ("builds",), ("gate", "raw"), ("quarantine", "list")):
        code, _, errors = run(*arguments, home=tmp_path / "nothing")
        assert code == 2 and "make refresh" in errors, arguments


def test_unknown_source(tmp_path: Path) -> None:
    code, _, errors = run("refresh", home=tmp_path, SOURCE="nowhere")
    assert code == 2 and "nowhere" in errors and "replay:FOLDER" in errors


def test_missing_replay_folder(tmp_path: Path) -> None:
    code, _, errors = run("refresh", home=tmp_path, SOURCE=f"replay:{tmp_path / 'absent'}")
    assert code == 2 and str(tmp_path / "absent") in errors


def test_home_of_another_source(sample_home: Path, tmp_path: Path) -> None:
    code, _, errors = run("refresh", home=sample_home, SOURCE=f"replay:{tmp_path}")
    assert code == 2 and "sample" in errors and "replay" in errors


def test_second_refresh_at_the_same_time(tmp_path: Path) -> None:
    """The lock is a kernel lock of another process; its text says who holds it."""
    home = tmp_path / "home"
    home.mkdir()
    holder = (
        "import sys, time; from pathlib import Path; from warehouse.connection import held\n"
        "with held(Path(sys.argv[1]) / 'refresh.lock', 'refresh'):\n    print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", holder, str(home)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        code, _, errors = run("refresh", home=home)
        assert code == 2 and f"process {other.pid}" in errors and "since" in errors
    finally:
        other.kill()
        other.wait()
    # a killed owner leaves nothing to clear
    from warehouse.connection import held

    with held(home / "refresh.lock", "refresh"):
        pass


def test_invalid_setting_names_the_variable(tmp_path: Path) -> None:
    code, _, errors = run("doctor", home=tmp_path, AS_OF="yesterday")
    assert code == 2 and "EBBTIDE_AS_OF" in errors


def every_command(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """Words of each command below a group, groups included."""
    for name, each in group.commands.items():
        yield (*before, name)
        if isinstance(each, click.Group):
            yield from every_command(each, *before, name)


def test_every_help_shows_examples_that_exist() -> None:
    for words in [(), *every_command(main)]:
        result = CliRunner().invoke(main, [*words, "--help"])
        assert result.exit_code == 0, words
        examples = result.output.partition("Examples:")[2]
        assert " ".join(("ebbtide", *words)) in examples, words


def test_light_commands_import_nothing_heavy(sample_home: Path) -> None:
    """`ebbtide --help` and completion answer at once: what takes long to import stays out."""
    code = (
        "import sys; from click.shell_completion import ShellComplete; from warehouse.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = lambda *more: [m for m in ('dbt', 'airflow', 'great_expectations', 'pandas', 'numpy', 'pydantic', *more) if m in sys.modules]\n"
        "print(heavy('duckdb'))\n"
        "found = ShellComplete(main, {}, 'ebbtide', 'X').get_completions(['trace', 'signals.fct_signal_daily'], 'signal')\n"
        "print([item.value for item in found], heavy())"
    )
    environment = {**os.environ, "EBBTIDE_HOME": str(sample_home)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-2:] == ["[]", "['signal_id='] []"]


def test_names_are_completed(sample_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def completed(*words: str, home: Path = sample_home) -> list[str]:
        monkeypatch.setenv("EBBTIDE_HOME", str(home))
        return [item.value for item in ShellComplete(main, {}, "ebbtide", "X").get_completions(list(words[:-1]), words[-1])]

    (build,) = [path.stem for path in (sample_home / "published").glob("2*.duckdb")]
    assert completed("qua") == ["quarantine"]
    assert completed("rollback", "") == [build]
    assert completed("feeds", "--provider", "of") == ["ofr"]
    assert completed("quarantine", "list", "--feed", "ofr") == ["ofr_fsi", "ofr_hfm", "ofr_stfm"]
    assert completed("backfill", "of") == ["ofr", "ofr_fsi", "ofr_hfm", "ofr_stfm"]
    assert completed("tables", "signals.dim_s") == ["signals.dim_signal"] and completed("trace", "dim_s") == ["dim_signal"]
    assert completed("trace", "dim_signal", "name_") == ["name_en=", "name_zh="]
    assert completed("trace", "dim_signal", "name_en=x", "name_z") == ["name_zh="]
    assert completed("rollback", "", home=sample_home / "nothing") == completed("trace", "dim_signal", "n", home=sample_home / "nothing") == []
    script = f"source <({EBBTIDE} completion bash) && complete -p ebbtide"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == ["_ebbtide_completion", "ebbtide"]
    for shell in ("zsh", "fish"):
        assert f"_EBBTIDE_COMPLETE={shell}_complete" in CliRunner().invoke(main, ["completion", shell]).output


def test_the_transcript_is_what_is_printed(sample_home: Path, tmp_path: Path) -> None:
    page = transcript.PAGE.read_text(encoding="utf-8")
    sessions = transcript.sessions(page)
    assert len(sessions) == page.count("```console") > 4
    for where, session in sessions:
        for typed, printed in transcript.commands(session):
            answer = transcript.answer(typed, sample_home if where == "a refreshed" else tmp_path / "empty")
            assert transcript.told(answer) == transcript.told(printed), f"{typed}: `python -m tests.transcript HOME` writes the answers again"


def test_tables_as_json_have_a_unit_for_every_column_of_a_mart(sample_home: Path) -> None:
    code, output, _ = run("tables", "--json", home=sample_home)
    tables = json.loads(output)
    assert code == 0 and all(table["description"] for table in tables)
    assert {table["table"].partition(".")[0] for table in tables} == {"signals", "migration", "valuation", "scenarios", "meta", "quality"}
    _, output, _ = run("tables", "signals.fct_signal_daily", "--json", home=sample_home)
    columns = json.loads(output)
    assert all(column["type"] and column["unit"] and column["description"] for column in columns)


def on_a_terminal(*arguments: str, home: Path, **variables: str) -> str:
    """What a command prints on a terminal."""
    there, here = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")} | {
        "EBBTIDE_HOME": str(home),
        "TERM": "xterm",
        **variables,
    }
    try:
        subprocess.run([str(EBBTIDE), *arguments], env=environment, stdin=here, stdout=here, stderr=here, check=True, timeout=60)
        return os.read(there, 1_000_000).decode()
    finally:
        os.close(there)
        os.close(here)


def test_colour_is_for_terminals_alone(sample_home: Path) -> None:
    green = "\x1b[32mpublished\x1b[0m"
    assert green in on_a_terminal("builds", home=sample_home)
    without = on_a_terminal("builds", home=sample_home, NO_COLOR="1")
    assert "published" in without and "\x1b" not in without
    assert "\x1b" not in command("builds", home=sample_home).stdout


def test_a_closed_pipe_is_no_error(sample_home: Path) -> None:
    script = f"{EBBTIDE} query 'from signals.fct_signal_daily limit 2000' | head -1"
    done = subprocess.run(["bash", "-c", script], env={**os.environ, "EBBTIDE_HOME": str(sample_home)}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("observation_date") and "Traceback" not in done.stderr and "Broken" not in done.stderr


def test_ctrl_c_is_one_line_and_130(sample_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("warehouse.published.tables_of", interrupted)
    assert run("tables", home=sample_home) == (130, "", "\nebbtide: interrupted\n")


def test_gate_as_json_tells_each_check_that_was_not_met(sample_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from expectations.gate import CheckResult, GateResult

    failed = CheckResult("raw.a", "raw.a", "key_unique", "critical", False, "1 unexpected row", 1, "Each key stands once", ({"day": date(2024, 1, 2)},))
    met = CheckResult("raw.a", "raw.a", "not_empty", "critical", True, "5 rows", None, "There are rows")
    monkeypatch.setattr("expectations.gate.run_gate", lambda *_, **__: GateResult("raw", "B1", False, 1, 0, (met, failed), 0.1))
    code, output, _ = run("gate", "raw", "--json", home=sample_home)
    said = json.loads(output)
    assert code == 1
    assert {name: said[name] for name in ("stage", "build_id", "success", "critical_failed", "warnings", "checks")} == {
        "stage": "raw", "build_id": "B1", "success": False, "critical_failed": 1, "warnings": 0, "checks": 2
    }  # fmt: skip
    (failure,) = said["failures"]
    assert (failure["table_name"], failure["expectation"], failure["observed_value"]) == ("raw.a", "key_unique", "1 unexpected row")
    assert failure["sample"] == [{"day": "2024-01-02"}]


def test_installed_command_runs(sample_home: Path) -> None:
    assert EBBTIDE.exists()
    done = command("query", "select 1 as one", home=sample_home)
    assert done.returncode == 0 and "one" in done.stdout
