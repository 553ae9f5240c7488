"""docker-compose.yml and .env as Compose reads them, for tests that check the services or start them as processes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

from tests.conftest import ROOT

FILE = ROOT / "docker-compose.yml"
PAGE = ROOT / "docs" / "compose.md"

_VARIABLE = re.compile(r"\$\{(\w+)(?::([?-])([^${}]*))?\}")


class Unset(Exception):
    """A variable that must be set is not; the message is what the file says about it."""


def new_env_file(folder: Path) -> dict[str, str]:
    """Make `.env` in `folder` with the commands of docs/compose.md, and return the values in it."""
    lines = PAGE.read_text(encoding="utf-8").splitlines(keepends=True)
    script = "".join(line.removeprefix("$ ") for line in lines if line.startswith("$ ") and ("openssl" in line or "umask" in line))
    subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, check=True, timeout=60)
    return {name: value or "" for name, value in dotenv_values(folder / ".env").items()}


def documented(service: str, program: str) -> str:
    """The one command of docs/compose.md that runs `program` in a container of `service`, with where its input or output goes."""
    (command,) = re.findall(rf"(?m)^\$ docker compose (?:exec -T|run --rm --no-deps -T) {service} ({program} .*)$", PAGE.read_text(encoding="utf-8"))
    return str(command)


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """`text` with `${NAME}`, `${NAME:-default}` and `${NAME:?message}` replaced, innermost first. Raises Unset."""

    def value(match: re.Match[str]) -> str:
        name, rule, rest = match.groups()
        if rule == "?" and not values.get(name):
            raise Unset(f"{name}: {rest}")
        return values.get(name) or (rest if rule == "-" else "")

    while (replaced := _VARIABLE.sub(value, text)) != text:
        text = replaced
    return text


def read(values: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file with its merges resolved and, where `values` are given, its variables too. Raises Unset."""

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            return {name: walk(part) for name, part in node.items()}
        if isinstance(node, list):
            return [walk(part) for part in node]
        return interpolated(node, values) if isinstance(node, str) and values is not None else node

    return walk(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def environment(service: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """Environment of a service that was read with `values`: a variable without a value is passed on when it is set, else left out."""
    return {name: values[name] if value is None else value for name, value in service["environment"].items() if value is not None or name in values}


def placed(text: str, places: Mapping[str, object]) -> str:
    """A value of the file with the hosts and folders of containers replaced by those of this machine."""
    for there, here in places.items():
        text = text.replace(there, str(here))
    return text
