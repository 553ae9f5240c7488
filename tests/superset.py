"""Apache Superset on the published warehouse while a refresh runs: `python -m tests.superset PROGRAM HOME`.

PROGRAM is the command `superset` of an environment of its own, made as docs/bi.md says; HOME is a home with a published build, which is
refreshed. Superset is driven through its REST API: a database, a dataset and a chart of each schema of marts, and one of the builds there are.
The data of all charts is asked for until the refresh has ended and a minute is over or the new build is seen. Exit code 1 when a chart
failed, was empty, or did not show the new build within the minute. It is run by hand: Superset does not go into the environment of this project.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests import compose
from tests.conftest import EBBTIDE, ROOT
from tests.postgres import free_ports

UP_WITHIN = 600  # seconds; a minute on two idle cores
SEEN_WITHIN = 60

# a chart of each schema of marts: table and figure; the last one tells which build is seen
CHARTS = {
    "signals": ("fct_retreat_index_daily", "avg(retreat_index)"),
    "migration": ("fct_capital_destination_monthly", "count(*)"),
    "valuation": ("fct_discount_rate_daily", "count(*)"),
    "scenarios": ("fct_retreat_path", "count(*)"),
    "meta": ("build", "max(build_id)"),
}


@dataclass
class Seen:
    """What the charts showed."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)


class Superset:
    """The service `superset` of docker-compose.yml as a process: its command and environment, and metadata in a folder that is gone afterwards."""

    def __init__(self, program: Path, folder: Path, home: Path) -> None:
        (port,) = free_ports(1)
        self.folder, self.url = folder, f"http://127.0.0.1:{port}"
        self.values = compose.new_env_file(folder)
        service = compose.read(self.values)["services"]["superset"]
        # the script stands by itself, as in the image: beside the modules of Ebbtide it would import those
        shutil.copy(ROOT / "warehouse" / "superset_setup.py", folder)
        places = {"/var/lib/ebbtide": home, "/var/lib/superset": folder, "/opt/ebbtide": folder, "0.0.0.0:8088": f"127.0.0.1:{port}"}
        # what the image sets
        environment = {
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "SUPERSET_ENV": "production",
            "FLASK_APP": "superset.app:create_app()",
        }
        environment |= compose.environment(service, self.values)
        self.command = [compose.placed(part, places) for part in service["command"]]
        self.environment = {name: compose.placed(value, places) for name, value in environment.items()}
        self.session = requests.Session()
        self.session.trust_env = False

    def start(self) -> subprocess.Popen[bytes]:
        """Start the service and log in when it is up."""
        with (self.folder / "superset.log").open("ab") as log:
            server = subprocess.Popen(self.command, env=self.environment, cwd=self.folder, stdout=log, stderr=log)
        until = time.monotonic() + UP_WITHIN
        while True:
            try:
                self.session.get(f"{self.url}/health", timeout=10).raise_for_status()
                break
            except requests.RequestException:
                if time.monotonic() > until or server.poll() is not None:
                    print((self.folder / "superset.log").read_text(encoding="utf-8")[-3000:])
                    raise
                time.sleep(1)
        token = self.post("security/login", username="admin", password=self.values["SUPERSET_ADMIN_PASSWORD"], provider="db")["access_token"]
        self.session.headers["Authorization"] = f"Bearer {token}"
        csrf = self.session.get(f"{self.url}/api/v1/security/csrf_token/", timeout=60)
        self.session.headers.update({"X-CSRFToken": csrf.json()["result"], "Referer": self.url})
        return server

    def database(self) -> dict[str, Any]:
        """The one database there is."""
        (found,) = self.session.get(f"{self.url}/api/v1/database/", timeout=60).json()["result"]
        return dict(self.session.get(f"{self.url}/api/v1/database/{found['id']}/connection", timeout=60).json()["result"])

    def post(self, path: str, **content: Any) -> Any:
        """What the API answers to what is posted. Raises RuntimeError with its message."""
        answer = self.session.post(f"{self.url}/api/v1/{path}", json=content, timeout=120)
        if not answer.ok:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()


def main(program: Path, home: Path) -> int:
    """Print what was done and seen; returns the exit code."""
    current = home / "published" / "current.duckdb"
    before = current.resolve().stem
    with tempfile.TemporaryDirectory(prefix="ebbtide-superset-") as folder:
        superset = Superset(program, Path(folder), home)
        server = superset.start()
        try:
            database = superset.database()
            print(f"database {database['id']}, {database['database_name']}: {database['sqlalchemy_uri']}")
            charts = {}
            for schema, (table, figure) in CHARTS.items():
                dataset = superset.post("dataset/", database=database["id"], schema=schema, table_name=table)["id"]
                metric = {"expressionType": "SQL", "sqlExpression": figure, "label": figure}
                parts = {"datasource_id": dataset, "datasource_type": "table", "viz_type": "big_number_total", "params": json.dumps({"metric": metric})}
                chart = superset.post("chart/", slice_name=f"{schema}.{table}", **parts)["id"]
                charts[schema] = {
                    "datasource": {"id": dataset, "type": "table"},
                    "queries": [{"columns": [], "metrics": [metric], "row_limit": 10}],
                    "form_data": {"slice_id": chart},
                    "force": True,
                }
                print(f"dataset {dataset}, chart {chart}: {figure} from {schema}.{table}")
            seen = Seen()
            ask(superset, charts, seen)
            refresh = subprocess.Popen([str(EBBTIDE), "refresh"], env=os.environ | {"EBBTIDE_HOME": str(home)}, stdout=subprocess.DEVNULL)
            while refresh.poll() is None:
                ask(superset, charts, seen)
            ended = time.monotonic()
            after = current.resolve().stem
            while seen.values["meta"][-1] != after and time.monotonic() < ended + SEEN_WITHIN:
                ask(superset, charts, seen)
            took = time.monotonic() - ended
        finally:
            server.terminate()
            server.wait(timeout=60)
    print(f"refresh ended with {refresh.returncode}; meanwhile {seen.asked} charts were asked for, {len(seen.failed)} failed")
    for schema, values in seen.values.items():
        print(f"{schema}: {' -> '.join(str(value) for value in values)}")
    print(f"build {before} was replaced by {after}; it was seen {took:.1f} s after the refresh had ended at the latest")
    for message in seen.failed[:10]:
        print(message)
    good = refresh.returncode == 0 and not seen.failed and after != before and seen.values["meta"][-1] == after
    return 0 if good else 1


def ask(superset: Superset, charts: dict[str, dict[str, Any]], seen: Seen) -> None:
    """Ask for the data of every chart, past the cache, and note each figure that differs from the one before."""
    for schema, chart in charts.items():
        seen.asked += 1
        try:
            ((value,),) = [row.values() for row in superset.post("chart/data", **chart)["result"][0]["data"]]
        except (RuntimeError, ValueError, requests.RequestException) as error:
            seen.failed.append(f"{schema}: {error}")
            continue
        if value in (None, 0):
            seen.failed.append(f"{schema}: no figure")
        if seen.values.setdefault(schema, [value])[-1] != value:
            seen.values[schema].append(value)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python -m tests.superset PROGRAM HOME")
    sys.exit(main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).resolve()))
