"""docker-compose.yml, Dockerfile and .dockerignore keep what they promise: valid, no secret inside, no root, pinned, bounded.

There is no Docker engine in these tests. tests/test_airflow_stack.py starts the services' commands as processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests import compose
from tests.conftest import ROOT
from warehouse.airflow_health import COMPONENTS, unhealthy
from warehouse.orchestration import airflow_environment
from warehouse.settings import Settings

SERVICES = sorted(compose.read()["services"])
SECRETS = {"POSTGRES_PASSWORD", "AIRFLOW_FERNET_KEY", "AIRFLOW_JWT_SECRET", "AIRFLOW_SECRET_KEY", "AIRFLOW_ADMIN_PASSWORD"}
# what the services of a profile need is asked for by themselves: Compose would ask it of everybody
SECRETS_OF_SUPERSET = {"SUPERSET_SECRET_KEY", "SUPERSET_ADMIN_PASSWORD"}
ONE_SHOT = "init"
NOT_AIRFLOW = {"postgres", "superset"}


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The values of a `.env` made by the commands of docs/compose.md."""
    return compose.new_env_file(tmp_path_factory.mktemp("env"))


@pytest.fixture
def service(request: pytest.FixtureRequest, values: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = compose.read(values)["services"][request.param]
    return found


every_service = pytest.mark.parametrize("service", SERVICES, indirect=True)


def refused_by_the_schema(document: dict[str, Any]) -> list[str]:
    schema = json.loads((ROOT / "tests" / "compose_specification" / "compose-spec.json").read_text(encoding="utf-8"))
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(document)]


def test_the_file_is_valid_by_the_compose_specification(values: dict[str, str]) -> None:
    assert refused_by_the_schema(compose.read()) == []
    assert refused_by_the_schema(compose.read(values)) == []


def test_the_schema_refuses_what_is_not_compose() -> None:
    document = compose.read()
    document["services"]["postgres"]["read_onlyy"] = True
    document["services"]["postgres"]["healthcheck"]["test"] = 1
    assert len(refused_by_the_schema(document)) == 2


def test_compose_itself_reads_the_file_as_these_tests_do(values: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no `docker compose` on this machine: install Docker Compose; no engine is needed")
    given = values | {"EBBTIDE_SOURCE": "live", "AIRFLOW_PORT": "9000"}
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in given.items()), encoding="utf-8")
    command = ["docker", "compose", "--file", str(compose.FILE), "--env-file", str(tmp_path / ".env"), "config", "--format", "json"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["services"]
    read = compose.read(given)["services"]
    for name, service in read.items():
        # a variable without a value that is not set is shown as null, and left out of the container
        passed = {variable: value for variable, value in told[name]["environment"].items() if value is not None}
        assert passed == compose.environment(service, given), name
        for part in ("image", "user", "command", "read_only", "cap_drop", "security_opt", "restart"):
            assert told[name].get(part) == service.get(part), f"{name}: {part}"


def test_the_documented_secrets_are_the_ones_that_are_asked_for(values: dict[str, str], tmp_path: Path) -> None:
    assert set(values) == SECRETS | SECRETS_OF_SUPERSET
    assert set(re.findall(r"\$\{(\w+):\?", compose.FILE.read_text(encoding="utf-8"))) == SECRETS
    again = compose.new_env_file(tmp_path)
    assert all(len(values[name]) >= 32 and values[name] != again[name] for name in values)
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_nothing_starts_without_a_secret(values: dict[str, str], name: str, value: str | None) -> None:
    given = {other: text for other, text in values.items() if other != name} | ({} if value is None else {name: value})
    with pytest.raises(compose.Unset, match=rf"^{name}: set it in \.env, see docs/compose\.md$"):
        compose.read(given)


def test_no_secret_stands_in_the_file() -> None:
    secret = re.compile(r"PASSWORD|SECRET|KEY|TOKEN", re.IGNORECASE)
    for name, service in compose.read()["services"].items():
        for variable, value in service["environment"].items():
            if secret.search(variable):
                assert value is None or re.fullmatch(r"\$\{\w+:\?[^}]*\}", value), f"{name}: {variable} has a value in the file"
            else:
                assert "${" not in str(value) or ":-" in value, f"{name}: {variable} is not called a secret and must have a default"
    for address in re.findall(r"\w+://[^\s}]+", compose.FILE.read_text(encoding="utf-8")):
        assert not re.search(r"://[^/@]*:[^/@]*@", address), f"a password in {address}"


def test_only_who_needs_a_secret_gets_it() -> None:
    services = compose.read()["services"]

    def holders(secret: str) -> set[str]:
        return {name for name, service in services.items() if any(f"${{{secret}:" in str(value) for value in service["environment"].values())}

    assert holders("AIRFLOW_ADMIN_PASSWORD") == {"init"}
    assert holders("POSTGRES_PASSWORD") == set(services) - {"superset"}
    assert holders("AIRFLOW_JWT_SECRET") == {"api-server", "scheduler"}
    assert "postgres" not in holders("AIRFLOW_FERNET_KEY") | holders("AIRFLOW_SECRET_KEY")
    assert {name for name, service in services.items() if "EBBTIDE_FRED_API_KEY" in service["environment"]} == {"scheduler"}
    for secret in SECRETS_OF_SUPERSET:
        assert {name for name, service in services.items() if secret in service["environment"]} == {"superset"}


@every_service
def test_no_service_runs_as_root_or_may_become_it(service: dict[str, Any]) -> None:
    user, _, group = service["user"].partition(":")
    assert int(user) > 0 and int(group) > 0
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["read_only"] is True
    assert not any(str(volume).startswith((".", "/", "~")) for volume in service["volumes"]), "a folder of the host"


@every_service
def test_a_service_is_pinned_bounded_and_comes_back(service: dict[str, Any]) -> None:
    assert re.fullmatch(r"[\w/-]+:\d+\.\d+[\w.-]*", service["image"])
    assert service["mem_limit"] and service["pids_limit"] and all("size=" in mount for mount in service["tmpfs"])
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    if "healthcheck" in service:
        assert service["restart"] == "unless-stopped"


def test_every_service_but_the_one_that_ends_has_a_health_check() -> None:
    services = compose.read()["services"]
    assert {name for name, service in services.items() if "healthcheck" not in service} == {ONE_SHOT}
    assert services[ONE_SHOT]["restart"] == "no"
    checked = {name: service["healthcheck"]["test"][-1] for name, service in services.items() if "warehouse.airflow_health" in str(service.get("healthcheck"))}
    assert checked == {"api-server": "metadatabase", "scheduler": "scheduler", "dag-processor": "dag_processor", "triggerer": "triggerer"}
    assert set(checked.values()) == set(COMPONENTS)
    # `docker compose up --wait` takes the end of a service for a failure unless another one waits for that end
    for name in checked:
        assert services[name]["depends_on"][ONE_SHOT] == {"condition": "service_completed_successfully"}
    assert services[ONE_SHOT]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_postgres_is_out_of_reach_and_the_pages_are_reached_from_this_machine_only(values: dict[str, str]) -> None:
    document = compose.read(values)
    ports = {name: service["ports"] for name, service in document["services"].items() if "ports" in service}
    assert ports == {"api-server": ["127.0.0.1:8080:8080"], "superset": ["127.0.0.1:8088:8088"]}
    assert document["services"]["postgres"]["networks"] == ["metadata"]
    assert document["services"]["superset"]["networks"] == ["outside"]
    assert document["networks"]["metadata"] == {"internal": True}
    other = compose.read(values | {"AIRFLOW_ADDRESS": "10.0.0.1", "AIRFLOW_PORT": "9000"})["services"]["api-server"]
    assert other["ports"] == ["10.0.0.1:9000:8080"]
    assert other["environment"]["AIRFLOW__API__BASE_URL"] == "http://localhost:9000"


def test_only_the_scheduler_writes_the_warehouse_and_volumes_are_named() -> None:
    document = compose.read()
    used = {(name, volume.partition(":")[0]) for name, service in document["services"].items() for volume in service["volumes"]}
    assert {volume for _, volume in used} == set(document["volumes"])
    mounts = {name: volume for name, service in document["services"].items() for volume in service["volumes"] if volume.startswith("warehouse:")}
    # `init` makes the volume and ends; the API server serves its pages, Superset its tables
    writers, readers = ("init", "scheduler"), ("api-server", "superset")
    assert mounts == dict.fromkeys(writers, "warehouse:/var/lib/ebbtide") | dict.fromkeys(readers, "warehouse:/var/lib/ebbtide:ro")


def test_airflow_is_set_up_as_everywhere_else(values: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    home = "/var/lib/ebbtide"
    expected = {name: value.replace(str(ROOT), "/opt/ebbtide") for name, value in airflow_environment(Path(home)).items()}
    # PostgreSQL instead of a file, with the password kept apart
    assert expected.pop("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") == f"sqlite:///{home}/airflow/airflow.db"
    for name, service in compose.read(values)["services"].items():
        if name in NOT_AIRFLOW:
            continue
        assert expected.items() <= service["environment"].items(), name
        assert service["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://airflow@postgres:5432/airflow"
        assert service["environment"]["PGPASSWORD"] == values["POSTGRES_PASSWORD"]


def test_tasks_get_every_setting_that_is_set(values: dict[str, str]) -> None:
    scheduler = compose.read(values)["services"]["scheduler"]
    settings = {f"EBBTIDE_{name.removesuffix('_setting').upper()}" for name in Settings.model_fields}
    assert {name for name in scheduler["environment"] if name.startswith("EBBTIDE_")} == settings
    assert "EBBTIDE_SOURCE" not in compose.environment(scheduler, values)
    assert compose.environment(scheduler, values | {"EBBTIDE_SOURCE": "live"})["EBBTIDE_SOURCE"] == "live"


def test_the_image_is_pinned_without_root_and_holds_what_runs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    services = compose.read()["services"]
    airflow = [service for name, service in services.items() if name not in NOT_AIRFLOW]
    assert {service["image"] for service in airflow} == {f"ebbtide:{project['project']['version']}"}
    assert services["superset"]["image"] == f"ebbtide-superset:{project['project']['version']}"
    targets = {service["build"]["target"] for service in services.values() if "build" in service}
    assert targets == {"ebbtide", "superset"} and targets < set(re.findall(r"(?m)^FROM \S+ AS (\w+)$", dockerfile))

    assert re.search(r"(?m)^ARG PYTHON=python:3\.1[123]\.\d+-slim-\w+$", dockerfile)
    assert re.search(r"(?m)^ARG SUPERSET=apache/superset:\d+\.\d+\.\d+$", dockerfile)
    assert set(re.findall(r"(?m)^FROM (\S+)", dockerfile)) == {"${PYTHON}", "${SUPERSET}"}
    # the user of the last line holds; before it Superset's image is added to
    assert [user for user in re.findall(r"(?m)^USER (\S+)$", dockerfile) if user != "root"] == ["10001:10001"] * 2
    assert {service["user"] for service in services.values() if "build" in service} == {"10001:10001"}
    # owner of a folder in the image becomes owner of the volume that is mounted there
    made = re.findall(r"install --directory --owner ebbtide --group ebbtide --mode 0750 (.+)", dockerfile)
    mounted = {volume.split(":")[1] for service in services.values() if "build" in service for volume in service["volumes"]}
    assert {folder for folders in made for folder in folders.split()} == mounted

    parts = {"dbt_project", *project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    copied = {word for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", dockerfile) for word in line.split()[:-1]}
    assert copied == parts | {"requirements.lock", "pyproject.toml", "README.md"}
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines and {line.removeprefix("!") for line in lines if line.startswith("!")} == copied
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_image_installs_by_hash_from_the_lock() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"&?&? *(\S*(?:pip|uv pip)) install ([^&\n]*)", dockerfile)
    assert len(installs) == 4
    uv, packages, project, drivers = (options for _, options in installs)
    assert all("--require-hashes" in options for options in (uv, packages, drivers))
    assert "--constraint requirements.lock" in packages and "--only-binary :all:" in packages
    assert "--no-deps" in project and "--build-constraint requirements.lock" in project
    assert "--constraint /opt/build/ebbtide/requirements.lock duckdb duckdb-engine" in drivers and "--only-binary :all:" in drivers

    # the cut of the lock that the first of them installs is uv, with its hashes, and nothing else
    (cut,) = re.findall(r"(sed -n '.*?' requirements\.lock)", dockerfile)
    lines = subprocess.run(["bash", "-c", cut], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert re.match(r"uv==[\d.]+ \\$", lines[0]) and len(lines) > 1
    assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])


def test_make_up_leaves_the_source_to_the_env_file(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@ source=${EBBTIDE_SOURCE-}"\n', encoding="utf-8")
    docker.chmod(0o755)
    done = subprocess.run(["make", "up"], cwd=ROOT, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, capture_output=True, text=True, check=True)
    assert done.stdout == "compose up --build --detach --wait source=\n"


@pytest.fixture
def api_server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A server that answers as Airflow's health endpoint does, and what it answers, to be changed by a test."""
    answer: dict[str, Any] = {name: {"status": "healthy"} for name in COMPONENTS}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/execution/", answer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_health_is_what_the_api_server_says(api_server: tuple[str, dict[str, Any]]) -> None:
    execution_api, answer = api_server
    assert [unhealthy(name, execution_api) for name in COMPONENTS] == [None] * 4
    answer["scheduler"] = {"status": "unhealthy"}
    answer["triggerer"] = {"status": None}
    del answer["dag_processor"]
    health = execution_api.replace("execution/", "api/v2/monitor/health")
    assert unhealthy("scheduler", execution_api) == f"scheduler: unhealthy, says {health}"
    assert unhealthy("triggerer", execution_api) == f"triggerer: not running, says {health}"
    assert unhealthy("dag_processor", execution_api) == f"dag_processor: no health from {health}: 'dag_processor'"
    assert unhealthy("metadatabase", execution_api) is None
    assert "404" in str(unhealthy("metadatabase", execution_api + "elsewhere/"))


def test_no_api_server_is_no_health(api_server: tuple[str, dict[str, Any]]) -> None:
    execution_api, answer = api_server

    def exit_code(*arguments: str, address: str = execution_api) -> int:
        environment = {"PYTHONPATH": str(ROOT), "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": address}
        return subprocess.run([sys.executable, "-m", "warehouse.airflow_health", *arguments], env=environment, capture_output=True, check=False).returncode

    assert exit_code("scheduler") == 0
    answer["scheduler"]["status"] = "unhealthy"
    assert exit_code("scheduler") == 1
    assert exit_code("scheduler", address="http://127.0.0.1:9/execution/") == 1
    assert exit_code("webserver") == 2


@pytest.mark.parametrize("given", [{}, {"AIRFLOW_ADMIN_PASSWORD": "admin"}], ids=["missing", "short"])
def test_a_weak_password_of_the_administrator_is_refused(given: dict[str, str]) -> None:
    command = [sys.executable, "-m", "warehouse.airflow_administrator"]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT), **given}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "set one of at least 12" in done.stderr
