"""Where things lie and which keys are set: the one place that reads the environment."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import getproxies

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from warehouse.home import REPOSITORY, home_of

__all__ = ["REPOSITORY", "SECRET_ARGUMENT", "Settings", "SourceKind", "WrongUse", "load_settings"]

# Arguments of a notifier whose values are secrets: a webhook's address is one, too.
SECRET_ARGUMENT = r"password|passwd|secret|token|key|auth|credential|hook|url"

SourceKind = Literal["sample", "live", "replay"]


class WrongUse(Exception):
    """The command was used wrongly (exit code 2); the message says what to do instead."""


class Busy(WrongUse):
    """Another process is writing; the message says which, what it does, and since when."""


class Settings(BaseSettings):
    """Settings, from environment variables with the prefix `EBBTIDE_`.

    Times are UTC. `home` holds everything Ebbtide writes and belongs to one kind of source, recorded at first use.
    """

    model_config = SettingsConfigDict(env_prefix="EBBTIDE_", extra="ignore", populate_by_name=True)

    source: str = Field("sample", description="where bytes come from: sample, live, or replay:FOLDER")
    home_setting: Path | None = Field(
        None,
        validation_alias=AliasChoices("EBBTIDE_HOME", "home_setting"),
        description="folder for everything written; default var/<sample, live or replay> in the repository",
    )
    as_of: datetime | None = Field(None, description="build the warehouse as it could be known at this moment (ISO, UTC)")
    keep_builds: int = Field(5, ge=1, description="published builds that are kept")
    memory_limit: str = Field("1GB", description="memory DuckDB may use before it spills to disk")
    threads: int = Field(2, ge=1, description="threads DuckDB and dbt use")
    sample_seed: int | None = Field(None, description="seed of the sample world")
    sample_first_year: int = Field(2004, ge=2004, le=2022, description="first year of the sample world")
    sample_other_managers: int = Field(
        0, ge=0, le=99_999, description="managers of the sample world who file Form 13F beside those of interest; some 29 lines a quarter each, since 2019"
    )
    history_years: int = Field(20, ge=1, description="years of history a first live refresh asks for")
    fred_api_key: SecretStr | None = Field(None, description="key of the FRED API; without it fredgraph.csv is used, without vintages")
    sec_user_agent: str | None = Field(None, description="name and e-mail the SEC asks every client to send")
    cboe_host: str = Field("cdn.cboe.com", description="host of the Cboe index histories; cdn-api.cboe.com serves the same paths")
    bi_postgres_url: SecretStr | None = Field(
        None, description="PostgreSQL database that shows the published build too, postgresql://USER:PASSWORD@HOST:PORT/DATABASE; see docs/bi.md"
    )
    lake_url: SecretStr | None = Field(
        None,
        description="PostgreSQL database with the catalogue of a lake, postgresql://USER:PASSWORD@HOST:PORT/DATABASE; the warehouse is a lake then, "
        "which several machines write and read; see docs/lake.md",
    )
    lake_data: str | None = Field(
        None, description="where the Parquet of the lake lies: a folder that every machine sees, or s3://BUCKET/PREFIX; default the folder lake of the home"
    )
    lake_s3_key_id: SecretStr | None = Field(None, description="id of the key of that bucket")
    lake_s3_secret: SecretStr | None = Field(None, description="the key of that bucket")
    lake_s3_region: str = Field("us-east-1", description="region of that bucket")
    lake_s3_endpoint: str | None = Field(None, description="where the bucket is when it is not Amazon's, https://HOST or http://HOST:PORT")
    lake_keep_days: int = Field(30, ge=1, description="days for which maintenance keeps every state of the lake; those of kept builds stay longer")
    notify: str | None = Field(
        None,
        repr=False,
        description="import paths of Airflow notifiers, with arguments, that are told of new alerts and failed tasks; see docs/notifications.md",
    )

    @field_validator("as_of")
    @classmethod
    def _as_utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("notify")
    @classmethod
    def _notifier_paths(cls, value: str | None) -> str | None:
        for part in filter(None, (part.strip() for part in (value or "").split(","))):
            if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(\?\w+=[^&]*(&\w+=[^&]*)*)?", part):
                raise ValueError("use package.module.Class or package.module.Class?name=value&name=value, separated by commas (%2C in a value)")
        return value

    @field_validator("bi_postgres_url", "lake_url")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():  # Compose passes an empty variable on as it stands
            return None
        if not re.match(r"postgres(ql)?://\S+$", value.get_secret_value()):
            raise ValueError("use postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
        return value

    @field_validator("source")
    @classmethod
    def _known_source(cls, value: str) -> str:
        kind, _, folder = value.partition(":")
        if kind not in ("sample", "live", "replay") or (kind == "replay") != bool(folder):
            raise ValueError(f"unknown source {value!r}: use sample, live, or replay:FOLDER")
        return value

    @property
    def source_kind(self) -> SourceKind:
        """sample, live or replay."""
        return self.source.partition(":")[0]  # type: ignore[return-value]

    @property
    def replay_folder(self) -> Path:
        """The folder that is replayed. Raises WrongUse when it does not exist."""
        folder = Path(self.source.partition(":")[2]).expanduser().resolve()
        if not folder.is_dir():
            raise WrongUse(f"replay folder {folder} does not exist; give SOURCE=replay:FOLDER, relative to where you type it")
        return folder

    @property
    def home(self) -> Path:
        """Folder for everything Ebbtide writes."""
        return home_of(self.home_setting, self.source)

    @property
    def landing_dir(self) -> Path:
        """Landed files, immutable."""
        return self.home / "landing"

    @property
    def warehouse_path(self) -> Path:
        """Raw, staging and intermediate tables: the writer's database."""
        return self.home / "warehouse.duckdb"

    @property
    def uses_lake(self) -> bool:
        """Whether the warehouse is a lake; a build as of an earlier day is a file of its own all the same."""
        return self.lake_url is not None and self.parent_home is None

    @property
    def parent_home(self) -> Path | None:
        """The home whose raw tables this one reads, when it holds a build as of an earlier day: `<home>/as_of/<moment>` is of `<home>`."""
        parent = self.home.parent.parent
        return parent if self.home.parent.name == "as_of" and (parent / "home.json").exists() else None

    @property
    def spill_dir(self) -> Path:
        """What DuckDB moves out of memory while it works."""
        return self.home / "spill"

    @property
    def own_dir(self) -> Path:
        """Files of one's own that a live refresh takes beside what it fetches: what licences and log-ins keep from being fetched."""
        return self.home / "own"

    @property
    def published_dir(self) -> Path:
        """Published builds and the symlink `current.duckdb`."""
        return self.home / "published"

    @property
    def next_mart_path(self) -> Path:
        """The build in the making, invisible to readers."""
        return self.published_dir / ".next.duckdb"

    @property
    def current_path(self) -> Path:
        """Relative symlink to the published build."""
        return self.published_dir / "current.duckdb"

    @property
    def quality_dir(self) -> Path:
        """Gate results: JSON, JUnit XML and Data Docs."""
        return self.home / "quality"

    @property
    def report_path(self) -> Path:
        """The morning report."""
        return self.home / "report" / "index.html"

    @property
    def airflow_dir(self) -> Path:
        """Airflow's home."""
        return self.home / "airflow"

    @property
    def dbt_dir(self) -> Path:
        """dbt's compiled project and logs."""
        return self.home / "dbt"

    @property
    def lock_path(self) -> Path:
        """Kernel lock of the writing stage."""
        return self.home / "writer.lock"

    def secrets(self) -> list[str]:
        """What may stand in no log, message or file: keys, secret arguments of notifiers, passwords of the proxies of the environment and of PostgreSQL."""
        found = [value.get_secret_value() for name in type(self).model_fields if isinstance(value := getattr(self, name), SecretStr)]
        for part in (self.notify or "").split(","):
            arguments = parse_qsl(part.partition("?")[2], keep_blank_values=True)
            found.extend(value for name, value in arguments if re.search(SECRET_ARGUMENT, name, re.IGNORECASE))
        for address in [*getproxies().values(), *(url.get_secret_value() for url in (self.bi_postgres_url, self.lake_url) if url)]:
            login = urlsplit(address).netloc.rpartition("@")[0]
            password = login.partition(":")[2]
            found.extend(form for text in (login, password) if password for form in (text, unquote(text)))
            # PostgreSQL takes a password among the arguments, too
            found.extend(value for name, value in parse_qsl(urlsplit(address).query) if name in ("password", "sslpassword"))
        return sorted({secret.strip() for secret in found if secret.strip()}, key=lambda secret: (-len(secret), secret))

    def claim_home(self) -> None:
        """Record at first use which kind of source this home belongs to. Raises WrongUse when it belongs to another."""
        record = self.home / "home.json"
        mine = {"source": self.source_kind, "as_of": self.as_of.isoformat() if self.as_of else None}
        if not record.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            temporary = record.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_text(json.dumps(mine) + "\n", encoding="utf-8")
            temporary.replace(record)
            return
        owner = json.loads(record.read_text(encoding="utf-8"))
        if owner["source"] != self.source_kind:
            raise WrongUse(
                f"{self.home} holds a {owner['source']} warehouse and cannot take source {self.source_kind}; "
                "set EBBTIDE_HOME to another folder, or `make clean` to start over"
            )

    @property
    def home_as_of(self) -> datetime | None:
        """The as-of with which this home was made, or None."""
        record = self.home / "home.json"
        if not record.exists():
            return self.as_of
        text = json.loads(record.read_text(encoding="utf-8"))["as_of"]
        return datetime.fromisoformat(text) if text else None

    def build_as_of(self) -> datetime:
        """The moment a build sees the world from: the setting, else the home's, else the sample's end or now."""
        if self.as_of or self.home_as_of:
            return self.as_of or self.home_as_of  # type: ignore[return-value]
        if self.source_kind == "sample":
            from ingest.sample import END

            return END
        return datetime.now(UTC)


def load_settings() -> Settings:
    """Settings from the environment. Raises WrongUse with the variable's name when one is invalid."""
    from pydantic import ValidationError

    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        lines = [f"EBBTIDE_{str(e['loc'][0]).removeprefix('EBBTIDE_').upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise WrongUse("invalid setting " + "; ".join(lines)) from None
