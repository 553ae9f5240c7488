"""What an attacker, or an accident, may not do: secrets in no file, hostile files refused, the published build locked, exports that run nothing."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import logging
import re
import struct
import subprocess
import sys
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from provider import Answer, Provider

import ingest.client
import ingest.feed
import ingest.source
from ingest.feed import Request, UnreadableFile
from ingest.feeds import FEEDS
from ingest.feeds.fred import API_KEY
from ingest.landing import Landing
from ingest.reader import MAX_MEMBERS, sheets_of
from ingest.sample.file import old_workbook
from ingest.secrets import MASK, forms, holds_secret, masked
from ingest.source import FetchFailed, LiveSource
from tests.raw_store import RawStore
from tests.test_cli import run
from tests.test_dags import in_fresh_process
from tests.test_live_source import AS_OF, OBSERVATIONS, vintages
from tests.test_readers import fsi, zipped
from warehouse.connection import connect_published
from warehouse.settings import REPOSITORY, Settings, load_settings

# Planted where a secret can be set; with characters that an address quotes.
KEY = "k3y/of+the=planted&service"
TOKEN = "t0ken/in+the=notifier"
PASSWORD = "pr0xy/pass+word"
PLANTED = {
    "EBBTIDE_FRED_API_KEY": KEY,
    "EBBTIDE_NOTIFY": f"leaky.Leaky?token={TOKEN.replace('/', '%2F').replace('+', '%2B').replace('=', '%3D')}&to=desk",
    "HTTPS_PROXY": f"http://ada:{PASSWORD.replace('/', '%2F').replace('+', '%2B')}@127.0.0.1:9",
}
NEEDLES = [form.encode() for secret in (KEY, TOKEN, PASSWORD, f"ada:{PASSWORD}") for form in forms(secret)]


def leaks(folder: Path) -> list[str]:
    """Files under a folder that hold a planted secret in any form, and what."""
    return [f"{path}: {needle!r}" for path in sorted(folder.rglob("*")) if path.is_file() for needle in NEEDLES if needle in path.read_bytes()]


# --- secrets --------------------------------------------------------------------------------------------------------------


def test_a_secret_is_masked_in_every_form() -> None:
    text = f"plain {KEY}, quoted k3y%2Fof%2Bthe%3Dplanted%26service, k3y/of%2Bthe%3Dplanted%26service, base64 azN5L29mK3RoZT1wbGFudGVkJnNlcnZpY2U="
    assert masked(text, [KEY]) == f"plain {MASK}, quoted {MASK}, {MASK}, base64 {MASK}"
    assert masked("nothing is set", ["", " "]) == "nothing is set"
    assert holds_secret(b"x%26service=k3y%2Fof%2Bthe%3Dplanted%26service", [KEY]) and not holds_secret(b"service", [KEY])


def test_every_secret_of_the_settings_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert {KEY, TOKEN, PASSWORD, f"ada:{PASSWORD}"} <= set(settings.secrets())
    assert "desk" not in settings.secrets()
    assert not any(needle.decode() in repr(settings) for needle in NEEDLES)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setattr(ingest.source, "provider_of", lambda name: ingest.feed.Provider(1e6, keys=(API_KEY,)))
    monkeypatch.setattr(ingest.client, "TIMEOUT", (0.2, 0.2))
    with Provider() as running:
        yield running


FAILURES = {
    "key refused, and repeated in its forms": Answer(400, json.dumps({"error_message": " ".join(["no such key", *forms(KEY)])}).encode()),
    "server error with the key in a web page": Answer(500, f"<html>{KEY}</html>".encode()),
    "sent on to an address with the key": Answer(302, headers={"Location": f"https://elsewhere.example/x?api_key={forms(KEY)[1]}"}),
    "sent round for ever": Answer(302, headers={"Location": f"{OBSERVATIONS}?api_key={KEY}"}),
    "no answer in time": Answer(hangs=True),
    "a whole answer that repeats the key": Answer(body=vintages().replace(b'"observations"', json.dumps(KEY).encode() + b': 1, "observations"')),
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES.keys())
def test_no_failure_of_a_fetch_leaks_the_key(
    tmp_path: Path, provider: Provider, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(source="live", home_setting=tmp_path, as_of=AS_OF, history_years=1, fred_api_key=KEY)
    provider.answer(OBSERVATIONS, answer)
    provider.answer("/x", Answer(500))
    session = provider.session()
    # the whole matter but the pauses
    for adapter in session.adapters.values():
        adapter.max_retries = adapter.max_retries.new(total=1, connect=0, read=0)  # type: ignore[attr-defined]
    landing = Landing(settings.landing_dir)
    source = LiveSource(settings, lambda: session)
    with pytest.raises(FetchFailed) as failed:
        landing.land((arrival for arrival in source.fetch("fred_series")), "live")
    said = "".join(traceback.format_exception(failed.value)) + caplog.text
    assert not [needle for needle in NEEDLES if needle in said.encode()]
    assert leaks(tmp_path) == []
    assert provider.asked[0].query["api_key"] == KEY  # it was sent all the same


def test_a_page_that_leads_nowhere_says_so_without_the_key() -> None:
    def following(content: bytes) -> list[Request]:
        raise KeyError(content.decode())

    request = Request("https://x.example/", "x.json", following=following, secrets={"api_key": KEY})
    with pytest.raises(FetchFailed) as failed:
        ingest.source._followed(FEEDS["fred_series"], request, request.url, KEY.encode())
    assert KEY not in str(failed.value) + repr(request)
    assert MASK in str(failed.value)


LIVE_RUN = """
import functools, json, os, sys, time
from pathlib import Path

home, tests = Path(sys.argv[1]), sys.argv[2]
sys.path[:0] = [str(home / "path"), tests]

import dags.stages
import ingest.source
from provider import Answer, Provider
from warehouse import refresh
from warehouse.orchestration import run_dag

wait = time.sleep
time.sleep = lambda seconds: wait(min(seconds, 0.01))
dags.stages.FETCHING["retries"] = 0
key = os.environ["EBBTIDE_FRED_API_KEY"]
fetch, gate = refresh.fetch, refresh.gate
refresh.fetch = lambda name, *rest, **named: fetch(name, *rest, **named) if name == "fred" else {"seen": 0, "landed": 0}

def failing(stage, build_id=None):
    secret = key  # a local variable of a frame in the traceback
    raise RuntimeError(f"a library says https://x.example/?api_key={secret}")

refresh.gate = refresh.stage("gate")(failing)
with Provider() as server:
    session = server.session
    ingest.source.LiveSource = functools.partial(ingest.source.LiveSource, session_of=session)
    refused = {"error_code": 400, "error_message": f"Bad Request. The value for variable api_key is not registered: {key}"}
    server.otherwise = lambda asked: Answer(400, json.dumps(refused).encode())
    print("refused:", run_dag("warehouse_refresh", home / "airflow"))
    observations = json.loads(sys.argv[3])
    server.otherwise = lambda asked: Answer(body=json.dumps(observations).encode()) if asked.path.endswith("observations") else Answer(404)
    print("gate:", run_dag("warehouse_refresh", home / "airflow"))
"""

LEAKY = """
from airflow.sdk import BaseNotifier


class Leaky(BaseNotifier):
    template_fields = ("text", "to")

    def __init__(self, text, token, to):
        super().__init__()
        self.text, self.token, self.to = text, token, to

    def notify(self, context):
        raise ConnectionError(f"https://hook.example/{self.token} does not answer; {self.text}")
"""


def test_no_artefact_of_a_live_run_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch, landing, load, a gate that fails, notifiers that fail, Airflow's database and logs, the terminal: everything that is written."""
    home = tmp_path / "home"
    (home / "path").mkdir(parents=True)
    (home / "path" / "leaky.py").write_text(LEAKY, encoding="utf-8")
    for name, value in {**PLANTED, "EBBTIDE_SOURCE": "live", "EBBTIDE_HISTORY_YEARS": "1"}.items():
        monkeypatch.setenv(name, value)
    printed = in_fresh_process(LIVE_RUN, home, str(home), str(REPOSITORY / "tests"), vintages().decode())
    (tmp_path / "home" / "printed.txt").write_text(printed, encoding="utf-8")
    _, output, errors = run("doctor", "--json", home=home)
    (tmp_path / "home" / "doctor.txt").write_text(output + errors, encoding="utf-8")
    assert leaks(home) == []
    # what was asked, landed, loaded and said is there, less the secrets
    assert "refused: False" in printed and "EBBTIDE_FRED_API_KEY is not accepted" in printed
    assert "gate: False" in printed and f"a library says https://x.example/?api_key={MASK}" in printed
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) > 0 from raw.fred_series").fetchone() == (True,)
        messages = " ".join(row[0] for row in connection.execute("select message from meta.build where message is not null").fetchall())
    assert f"api_key={MASK}" in messages
    logs = "".join(path.read_text(encoding="utf-8", errors="replace") for path in (home / "airflow" / "logs").rglob("*.log"))
    assert f"leaky.Leaky has not been told: ConnectionError: https://hook.example/{MASK}" in logs
    assert "Traceback" in logs or "RuntimeError" in logs
    assert "EBBTIDE_FRED_API_KEY" in output and "set" in output


def test_a_home_holds_no_file_that_others_can_write(tmp_path: Path, sample_home: Path) -> None:
    """Nothing in it is secret; nothing of it may be changed by other users either. Airflow's settings file, with its own keys, is not written."""
    writable = [str(path) for path in sample_home.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o002]
    assert writable == []
    assert not list(sample_home.rglob("airflow.cfg")) and not list(sample_home.rglob("*passwords*"))


# --- hostile files --------------------------------------------------------------------------------------------------------


def workbook(sheet: str, **others: str) -> bytes:
    """An .xlsx with this worksheet instead of the one it was made with, and other members beside."""
    made, changed = io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        book.add_worksheet().write(0, 0, "x")
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else source.read(name))
        for name, content in others.items():
            target.writestr(name, content)
    return changed.getvalue()


def sheet(cells: str, before: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{before}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{cells}</sheetData></worksheet>'
    )


def overlapping() -> bytes:
    """Two members of the directory that use the same compressed bytes."""
    data = bytearray(zipped(fsi__csv=fsi(), gsi__csv=fsi()))
    first, second = (match.start() for match in re.finditer(b"PK\x01\x02", bytes(data)))
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(data)


def of_another_size(size: int) -> bytes:
    """A member that expands to more than its directory says."""
    data = bytearray(zipped(fsi__csv=fsi()))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(data)


def many_members() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("fsi.csv", fsi())
    data = content.getvalue()
    at, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[at:end] * (MAX_MEMBERS + 1)
    # the count of the end record wraps at 65,536, and is not what a reader goes by
    closing = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), at, 0)
    return data[:at] + directory + closing


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
ROW_OF_CELLS = '<row r="1">' + "<c><v>1</v></c>" * 16_384 + '</row><row r="1048576"><c><v>2</v></c></row>'
ENTITY = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE w [<!ENTITY passwords SYSTEM "file:///etc/passwd">]>'
DEEP = "[" * 200_000 + "]" * 200_000
FINRA = "finra_margin", "margin-statistics.xlsx"
HOSTILE: dict[str, tuple[str, str, bytes | str, str]] = {
    "members that overlap": ("ofr_fsi", "fsi.zip", overlapping(), "members that overlap"),
    "too many members": ("ofr_fsi", "fsi.zip", many_members(), "more than 100,000: refused"),
    "a member larger than it says": ("ofr_fsi", "fsi.zip", of_another_size(10), "damaged zip"),
    "a member smaller than it says": ("ofr_fsi", "fsi.zip", of_another_size(10**6), "damaged zip"),
    "a member that says it has terabytes": ("ofr_fsi", "fsi.zip", of_another_size(2**32 - 2), "refused as a zip bomb"),
    "a zip in a zip": ("ofr_fsi", "fsi.zip", zipped(inner__zip=zipped(fsi__csv=fsi())), "archive inside an archive"),
    "a zip in a gzip": ("ofr_fsi", "fsi.csv.gz", gzip.compress(zipped(fsi__csv=fsi())), "archive inside an archive"),
    "cells in far corners": (*FINRA, workbook(sheet(FAR)), "spans 1,048,576 rows and 16,384 columns, more than 5,000,000 cells: refused"),
    "a row of a million cells, far down": (*FINRA, workbook(sheet(ROW_OF_CELLS)), "spans 1,048,576 rows and 16,384 columns"),
    "cells in far corners behind a comment": (*FINRA, workbook(sheet(f"<!-- <c x=' --><!-- '/> -->{FAR}")), "more than 5,000,000 cells"),
    "a sheet of zeros": (*FINRA, workbook(sheet("<!--" + "0" * 12 * 1024**2 + "-->")), "refused as a zip bomb"),
    "entities in a workbook": (*FINRA, workbook(sheet('<row><c t="str"><v>&b;</v></c></row>', ENTITY)), "declares a document type"),
    "a file of the machine in a workbook": (*FINRA, workbook(sheet('<row><c t="str"><v>&passwords;</v></c></row>', OUTSIDE)), "declares a document type"),
    "another kind of workbook": (*FINRA, workbook(sheet(""), mimetype="application/vnd.oasis.opendocument.spreadsheet"), "not an .xlsx workbook"),
    "JSON nested deeply": ("cboe_put_call", "2026-06-08_daily_options.json", '{"ratios": ' + DEEP + "}", "the file has no records"),
    "JSON nested deeply, read in Python": ("tic_cslt", "cslt.json", '{"transmissionDt": "2026-08-18", "series": [' + DEEP + "]}", "cannot be read"),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_quarantined_and_the_rest_stays(tmp_path: Path, hostile: tuple[str, str, bytes | str, str]) -> None:
    feed, name, content, message = hostile
    store = RawStore(tmp_path / "landing", [FEEDS[feed]])
    file = store.take(feed, name, content, format=FEEDS[feed].formats[0].name)
    assert (file["status"], file["rows_loaded"]) == ("quarantined", 0)
    assert message in file["message"]


def test_a_wide_but_empty_format_of_a_sheet_takes_no_room(tmp_path: Path) -> None:
    """Workbooks that format whole rows have empty cells out to the last column."""
    cells = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1" s="0"/></row><row r="1048576"><c r="A1048576" s="0"/></row>'
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook(sheet(cells)))
    assert ingest.reader.sheets_of(path) == {"Sheet1": [[1.0]]}


def test_text_of_a_file_is_never_run_as_sql(tmp_path: Path) -> None:
    """A heading that closes its quote is a wrong month, not a statement."""
    planted = tmp_path / "planted.csv"
    heading = f"2024-01' as month, c1 as value from (copy (select 1) to '{planted}')) --"
    text = f"MAJOR FOREIGN HOLDERS\nCountry\t2024-02\t{heading}\nJapan\t1000.0\t900.0\nNotes:\n"
    store = RawStore(tmp_path / "landing", [FEEDS["tic_major_foreign_holders"]])
    file = store.take("tic_major_foreign_holders", "slt_table5.txt", text)
    assert file["status"] == "quarantined" and not planted.exists()
    assert "syntax" not in file["message"].lower()


# --- the published build --------------------------------------------------------------------------------------------------

FORBIDDEN = [
    "from read_csv('/etc/passwd')",
    "from read_text('/etc/passwd')",
    "from read_blob('{home}/warehouse.duckdb')",
    "from '/etc/passwd'",
    "from glob('/*')",
    "from sniff_csv('/etc/passwd')",
    "from read_parquet('https://x.example/x.parquet')",
    "copy (select 1) to '{out}'",
    "copy meta.build to '{out}' (format parquet)",
    "export database '{out}'",
    "import database '{out}'",
    "attach '{home}/warehouse.duckdb' as w",
    "attach '{out}'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "reset enable_external_access",
    "set memory_limit = '99GB'",
    "pragma threads = 9",
    "set temp_directory = '{out}'",
    "set log_query_path = '{out}'",
    "set profiling_output = '{out}'",
    "set secret_directory = '{out}'",
    "create table t (a integer)",
    "create secret s (type s3, key_id 'x')",
    "insert into meta.build select * from meta.build",
    "update meta.build set source = 'x'",
    "drop table meta.build",
    "alter table meta.build add column x integer",
    "select 1; copy (select 1) to '{out}'",
    "begin; drop table meta.build; commit",
    "from settings",  # a variable of the program, not a table
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("published")
    (home / "published").mkdir()
    with duckdb.connect(str(home / "published" / "current.duckdb")) as connection:
        connection.execute("create schema meta; create table meta.build as select 'b' as build_id, 'live' as source")
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("create table secret (a integer)")
    return home


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_a_query_reaches_nothing_but_the_published_build(published: Path, tmp_path: Path, sql: str) -> None:
    code, output, errors = run("query", sql.format(home=published, out=tmp_path / "out"), home=published)
    assert code == 2 and output == "" and "the query failed" in errors
    assert not (tmp_path / "out").exists()


def test_the_build_is_as_it_was_after_every_query(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBBTIDE_HOME", str(published))
    with connect_published(load_settings()) as connection:
        assert connection.execute("from meta.build").fetchall() == [("b", "live")]
        locked = "select name, value from duckdb_settings() where name in ('enable_external_access', 'lock_configuration') order by 1"
        assert connection.execute(locked).fetchall() == [("enable_external_access", "false"), ("lock_configuration", "true")]
    assert sorted(path.name for path in published.rglob("*") if path.is_file()) == ["current.duckdb", "warehouse.duckdb"]


# --- exports --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1"])
def test_a_formula_is_text_in_csv(published: Path, text: str) -> None:
    code, output, _ = run("query", f'select {duckdb_text(text)} as "=name", -1.5 as number', "--csv", home=published)
    assert code == 0
    (head, row) = csv.reader(io.StringIO(output, newline=""))
    assert head == ["'=name", "number"] and row[1] == "-1.5"
    assert row[0].replace("\r\n", "\r") == "'" + text


def duckdb_text(text: str) -> str:
    return " || ".join(f"chr({ord(char)})" for char in text)


ESCAPES = "\x1b]0;owned\x07\x1b[31mred\x9b2J\u202eevil\nsecond line"


def test_a_terminal_obeys_no_text_of_a_file(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, output, _ = run("query", f"select {duckdb_text(ESCAPES)} as text", home=published)
    assert code == 0
    assert r"\x1b]0;owned\x07\x1b[31mred\x9b2J\u202eevil\nsecond line" in output
    code, _, errors = run("query", f"select '{ESCAPES.splitlines()[0]}' as text from nothing", home=published)
    assert code == 2 and r"\x1b[31mred" in errors and "\x1b" not in errors


def test_a_quarantined_line_is_shown_as_it_is_and_does_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    store = RawStore(home / "landing", [FEEDS["ofr_fsi"]])
    store.land("ofr_fsi", "fsi\x1b[2J.csv", fsi(f"2026-01-05,{ESCAPES.splitlines()[0]}<script>,1,2,3,4,5,6,7,8"))
    store.connection.close()
    store.connection = duckdb.connect(str(home / "warehouse.duckdb"))
    store.load()
    store.connection.close()
    code, output, _ = run("quarantine", "list", home=home)
    assert code == 0 and r"fsi\x1b[2J.csv" in output and "<script>" in output
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", output)


# --- SQL ------------------------------------------------------------------------------------------------------------------

STATEMENT = re.compile(r"\b(select|from|insert into|delete from|update|create|drop|alter|attach|copy)\b", re.IGNORECASE)


def test_names_and_texts_in_sql_are_quoted_by_the_helper() -> None:
    """No f-string of SQL puts quotes of its own around what it is given: a name or text with a quote in it would end there."""
    found = []
    for path in sorted(path for folder in ("ingest", "warehouse", "expectations") for path in (REPOSITORY / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
                if STATEMENT.search(text) and re.search("\"\0\"|'\0'", text):
                    found.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
    assert found == []


def test_one_helper_quotes_sql() -> None:
    doubled = re.compile(r"""replace\((['"])(?:"|\\"|')\1, (['"])(?:""|\\"\\"|'')\2\)""")
    code = [path for folder in ("ingest", "warehouse", "expectations", "dags", "benchmarks") for path in (REPOSITORY / folder).rglob("*.py")]
    by_hand = [path.name for path in code if doubled.search(path.read_text("utf-8"))]
    assert by_hand == ["sql.py"]


# --- dependencies ---------------------------------------------------------------------------------------------------------


def test_every_dependency_is_locked_with_a_hash() -> None:
    requirements = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    unlocked = [line for line in requirements if line.strip() and not line.startswith("#") and not re.search(r"==\S+.*--hash=sha256:[0-9a-f]{64}", line)]
    assert requirements and unlocked == []


def audit(folder: Path, report: dict[str, Any] | str, code: int) -> tuple[int, str]:
    """Run the audit with a stand-in for pip-audit that gives this report."""
    stub = folder / "pip-audit"
    text = report if isinstance(report, str) else json.dumps(report)
    stub.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.write({text!r})\nsys.exit({code})\n", encoding="utf-8")
    stub.chmod(0o755)
    done = subprocess.run([sys.executable, str(REPOSITORY / "tests" / "audit.py"), str(stub)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_audit_fails_on_what_it_finds_and_says_when_it_did_not_run(tmp_path: Path) -> None:
    clean = {"name": "clean", "version": "1", "vulns": []}
    bad = {"name": "bad", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"], "description": "x"}]}
    skipped = {"name": "away", "skip_reason": "Dependency not found"}
    assert audit(tmp_path, {"dependencies": [clean, clean]}, 0) == (0, "2 packages audited, no known vulnerability\n")
    code, said = audit(tmp_path, {"dependencies": [clean, bad, skipped]}, 1)
    assert code == 1 and "bad 2: CVE-1, fixed in 3" in said
    for report, status in (({"dependencies": [skipped]}, 0), ("", 1)):
        code, said = audit(tmp_path, report, status)
        assert code == 0 and said.startswith("THE AUDIT DID NOT RUN: ")
    code, said = audit(tmp_path, {"dependencies": [clean, skipped]}, 0)
    assert code == 0 and "1 of 2 packages could not be audited" in said


def test_a_damaged_workbook_that_asks_for_all_memory_ends_its_own_process_only(tmp_path: Path) -> None:
    """A cell that a few wrong bytes put into the last row and column of an .xls: the library lays out four thousand million cells."""
    good, far = tmp_path / "good.xls", tmp_path / "far.xls"
    content = old_workbook("data", [["Date", "Value"], ["2026-01-05", 1.5], ["2026-01-06", 2.5]])
    good.write_bytes(content)
    number = re.search(rb"\x7e\x02\x0a\x00", content)  # an RK record, a number: its row and column follow
    assert number
    at = number.end()
    far.write_bytes(content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :])
    with pytest.raises(UnreadableFile, match="asks for more than 4 GB of memory"):
        sheets_of(far)
    # the next workbook is read by another process
    assert sheets_of(good)["data"][1][1] == 1.5
