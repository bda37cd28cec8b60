"""Settings: one frozen object from environment variables (`COUNTERSIGN_…`) and an optional `.env` file.

Start-up validates all of them and reports which one is wrong and how to fix it. Secrets are `SecretStr`: they never
show in a repr, a log, a page or the ledger.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingError

from services.domain.identity.people import Role
from services.domain.notices import Rhythm, Topic
from services.errors import SettingsError

log = logging.getLogger(__name__)

SECRET_LENGTH = 32
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class DemoPerson(BaseModel):
    """A person in the demo's sign-in picker."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    roles: tuple[Role, ...]
    title: str = ""


class NotifyChannel(BaseModel):
    """A notification channel; `docs/notifications.md` explains each field."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")
    kind: Literal["apprise", "people", "webhook"] = "apprise"
    url: SecretStr
    secret: SecretStr = SecretStr("")
    topics: frozenset[Topic] = frozenset(Topic) - {Topic.ACCESS}
    rhythm: Rhythm = Rhythm.AT_ONCE
    quiet: str = Field("", pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")
    zone: str = "UTC"

    @model_validator(mode="after")
    def _fits(self) -> NotifyChannel:
        if self.zone not in available_timezones():
            raise ValueError(f"{self.name}: the time zone {self.zone!r} is unknown; use a name such as Europe/Berlin")
        if self.kind == "webhook":
            if len(self.secret.get_secret_value()) < SECRET_LENGTH:
                raise ValueError(
                    f"{self.name}: webhooks are signed; the secret needs at least {SECRET_LENGTH} characters"
                )
            if not _is_private(self.url.get_secret_value()):
                raise ValueError(f"{self.name}: a webhook must use https, except on 127.0.0.1")
        return self


class Settings(BaseSettings):
    """All settings. `docs/settings.md` lists each field's description."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERSIGN_", env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    database_url: str = Field("sqlite:///countersign.db", description="SQLAlchemy URL: sqlite:///… or postgresql://…")
    data_dir: Path = Field(Path("countersign-data"), description="Folder for the signing key, witness and cache")
    governance_file: Path = Field(Path("governance.yaml"), description="The policy file")
    host: str = Field("127.0.0.1", description="Address that the portal listens on")
    port: int = Field(8501, ge=0, le=65_535, description="Port that the portal listens on")
    public_url: str = Field("", description="Address that people and pipelines use; default: host and port")

    mlflow_url: str = Field("http://127.0.0.1:5000", description="MLflow tracking and registry server")
    mlflow_public_url: str = Field("", description="Address of MLflow's pages for people; default: mlflow_url")
    mlflow_username: str = Field("", description="MLflow basic-auth user of the portal's service account")
    mlflow_password: SecretStr = Field(SecretStr(""), description="Its password")
    mlflow_token: SecretStr = Field(SecretStr(""), description="Bearer token instead of user and password")
    mlflow_timeout: Seconds = Field(5, description="Time-out in seconds of a page's call to MLflow")
    mlflow_sync_timeout: Seconds = Field(60, description="Time-out in seconds of a sync call to MLflow")

    azure_devops_url: str = Field("", description="Organization or collection URL; empty: no releases are started")
    azure_devops_release_url: str = Field("", description="Host of classic releases; default: derived")
    azure_devops_ca_file: Path | None = Field(None, description="CA certificates to trust, for Azure DevOps Server")
    azure_devops_auth: Literal["pat", "service_principal", "managed_identity", "workload_identity"] = Field(
        "pat", description="How the portal signs in to Azure DevOps"
    )
    azure_devops_token: SecretStr = Field(SecretStr(""), description="Personal access token (auth = pat)")
    azure_devops_tenant_id: str = Field("", description="Entra tenant (service principal, workload identity)")
    azure_devops_client_id: str = Field("", description="Entra application or managed identity client id")
    azure_devops_client_secret: SecretStr = Field(SecretStr(""), description="Secret of the service principal")
    azure_devops_hook_secret: SecretStr = Field(
        SecretStr(""), description="Password that Azure DevOps service hooks and checks send; empty: both are off"
    )
    azure_devops_timeout: Seconds = Field(10, description="Time-out in seconds of a call to Azure DevOps")

    predictions_engine: Literal["duckdb", "sql", "databricks", "spark"] = Field(
        "duckdb",
        description="Engine that reads the prediction log: DuckDB in the portal, a SQL database, Databricks, Spark",
    )
    predictions_path: Path | None = Field(
        None, description="Folder of the log (engine duckdb): a Delta table, Parquet or JSON lines, partitioned or not"
    )
    predictions_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL (engine sql), sc://host:port (spark), or host name (databricks)"
    )
    predictions_table: str = Field("", description="Table of the log (engines sql, databricks, spark)")
    predictions_http_path: str = Field("", description="HTTP path of the SQL warehouse (engine databricks)")
    predictions_token: SecretStr = Field(SecretStr(""), description="Access token (engines databricks, spark)")
    predictions_columns: dict[str, str] = Field(
        {}, description='JSON: column names by field, such as {"request_id": "databricks_request_id"}'
    )
    predictions_input_columns: tuple[str, ...] = Field(
        (), description='JSON list: inputs stored one per column, such as ["age", "sex"]'
    )
    predictions_format: Literal["auto", "plain", "databricks", "mlflow", "bentoml"] = Field(
        "auto", description="Who wrote the log; auto recognizes it by its columns, bentoml has to be named"
    )
    predictions_fixed: dict[str, str] = Field(
        {}, description='JSON: model or environment of every row that does not say it: {"environment": "production"}'
    )
    predictions_served: dict[str, str] = Field(
        {}, description='JSON: which version a served entity is, such as {"0b5f": "main.risk.loans/5"}'
    )
    predictions_masked: tuple[str, ...] = Field((), description="JSON list: inputs that the portal never shows")
    predictions_timeout: Seconds = Field(10, description="Time-out in seconds of a look-up in the log")
    predictions_scan_mb: int = Field(
        2000, gt=0, description="Megabytes of the log that one look-up may read; larger reads are refused"
    )

    evaluation_path: Path | None = Field(
        None, description="Folder of evaluation data (MODEL.parquet) for scoring versions without logged predictions"
    )
    runner_seconds: Seconds = Field(120, description="Seconds that a model process may run, including loading")
    runner_memory_mb: int = Field(
        4096, ge=256, le=1_048_576, description="Megabytes of memory that the model process may use"
    )
    runner_python: str = Field(
        "", description="Python interpreter with MLflow and the models' libraries; default: the portal's"
    )
    runner_isolation: Literal["when_possible", "required"] = Field(
        "when_possible", description="required: no model runs unless the system can isolate it from network and files"
    )

    ledger_origin: str = Field("countersign.local/ledger", description="Name of this ledger in its checkpoints")
    ledger_key_file: Path | None = Field(None, description="Ed25519 signing key; default: in the data folder")
    ledger_key: SecretStr = Field(SecretStr(""), description="The signing key itself (PEM), instead of a file")
    heartbeat_interval: Seconds = Field(
        3600,
        description="Seconds without an entry before a heartbeat; a witness silent for two intervals is an incident",
    )
    witness_file: Path | None = Field(None, description="A witness file, ideally on another machine's disk")
    witness_git_url: str = Field("", description="Git repository used as a witness: URL or path of the remote")
    witness_git_branch: str = Field("main", description="Branch of the Git witness")
    witness_git_token: SecretStr = Field(SecretStr(""), description="Personal access token for the Git witness")
    witness_blob_url: str = Field("", description="URL of an immutable Azure Blob container used as a witness")
    witness_blob_sas: SecretStr = Field(
        SecretStr(""), description="SAS token for the container; empty: the portal's Entra identity"
    )
    witness_timestamp_url: str = Field("", description="URL of an RFC 3161 time-stamp authority")
    witness_timestamp_ca: Path | None = Field(None, description="PEM file with that authority's root certificate")
    witness_timeout: Seconds = Field(20, description="Time-out in seconds of a call to a witness")
    witnesses_needed: int = Field(
        1, ge=1, le=9, description="Witnesses that must have seen an approval before a release"
    )

    sync_interval: Seconds = Field(20, description="Seconds between registry syncs")
    full_sweep_interval: Seconds = Field(600, description="Seconds between full reads of the registry")
    worker_interval: Seconds = Field(2, description="Seconds between polls for pending rollouts")
    run_worker: bool = Field(True, description="Run sync and rollouts inside the portal's process")
    start_settle: Seconds = Field(
        90, description="Seconds to search for a pipeline run whose start got no answer, before starting it again"
    )
    rollout_lease: Seconds = Field(
        10, description="Seconds after which another worker takes up the rollout of a killed one; at least 2"
    )
    rollout_deadline: Seconds = Field(7200, description="Seconds that a release may take before it needs a person")

    oidc_issuer: str = Field("", description="Issuer of the OpenID Connect provider, exactly as in its metadata")
    oidc_client_id: str = Field("", description="Client id of the portal's registration with the provider")
    oidc_client_secret: SecretStr = Field(
        SecretStr(""), description="Client secret; empty for a public client (PKCE only)"
    )
    oidc_scopes: str = Field("openid profile email offline_access", description="Scopes requested at sign-in")
    oidc_groups_claim: str = Field("groups", description="Claim that holds the groups; `roles` is also read")
    oidc_person_claim: str = Field("sub", description="Claim that identifies a person permanently; Entra ID: oid")
    oidc_graph_url: str = Field(
        "https://graph.microsoft.com/v1.0", description="Microsoft Graph, queried when Entra ID omits the groups"
    )
    oidc_api_audience: str = Field("", description="Audience of bearer tokens for /api/v1; empty: service tokens only")
    oidc_timeout: Seconds = Field(5, description="Time-out in seconds of a call to the provider")
    session_secret: SecretStr = Field(
        SecretStr(""), description="Encrypts the provider's tokens; at least 32 characters, the same on every replica"
    )
    session_max_age: Seconds = Field(43_200, description="Seconds after which a person must sign in again")
    session_idle: Seconds = Field(7200, description="Idle seconds after which a session ends")
    roles_refresh: Seconds = Field(300, description="Seconds between refreshes of a person's roles")
    roles_max_age: Seconds = Field(3600, description="Seconds that roles stay valid while the provider is unavailable")

    notify: tuple[NotifyChannel, ...] = Field(
        (), description="JSON list of notification channels; see notifications.md"
    )
    demo_people: tuple[DemoPerson, ...] = Field(
        (), description="People in the demo's sign-in picker; refused in production"
    )

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Settings:
        if not self.demo_people:
            return self
        if self.oidc_issuer:
            raise ValueError("demo_people: the demo's picker cannot be used with an identity provider")
        if not self.database_url.startswith("sqlite:"):
            raise ValueError("demo_people: the demo's picker cannot be used with a production database")
        addresses = [self.host, urlsplit(self.public_url).hostname or "127.0.0.1"]
        if not all(_is_loopback(address) for address in addresses):
            raise ValueError("demo_people: the demo's picker works on 127.0.0.1 only")
        for name in ("mlflow_url", "azure_devops_url"):
            if not _is_loopback(urlsplit(getattr(self, name)).hostname or "127.0.0.1"):
                raise ValueError(f"demo_people: the demo's picker cannot be used with a remote {name}")
        return self

    @model_validator(mode="after")
    def _channels_have_names(self) -> Settings:
        names = [channel.name for channel in self.notify]
        if len(set(names)) < len(names):
            raise ValueError("notify: every channel needs a unique name")
        return self

    @model_validator(mode="after")
    def _sign_in_is_whole(self) -> Settings:
        if not self.oidc_issuer:
            return self
        if not self.oidc_client_id:
            raise ValueError("oidc_client_id: missing; register the portal with the identity provider")
        if len(self.session_secret.get_secret_value()) < SECRET_LENGTH:
            raise ValueError(f"session_secret: set at least {SECRET_LENGTH} random characters")
        if self.public_url and not _is_private(self.public_url):
            raise ValueError("public_url: sign-in requires https, except on 127.0.0.1")
        if not _is_private(self.oidc_issuer):
            raise ValueError("oidc_issuer: the provider must use https, except on 127.0.0.1")
        if self.roles_max_age < self.roles_refresh:
            raise ValueError("roles_max_age: must not be shorter than roles_refresh")
        return self

    @property
    def address(self) -> str:
        """The address for people and pipelines, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def redact(self, text: str) -> str:
        """Remove the secrets of these settings from text that another program printed."""
        for name in type(self).model_fields:
            for secret in _secrets_of(getattr(self, name)):
                text = text.replace(secret, "…") if secret else text
        return text


def _is_private(url: str) -> bool:
    """True for https, and for plain http that never leaves this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def _secrets_of(value: Any) -> list[str]:
    return [value.get_secret_value()] if isinstance(value, SecretStr) else []


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: Any) -> Settings:
    """Read the settings and warn about unknown names. Raises a SettingsError that lists every wrong one."""
    for sentence in unread_names(Settings.model_fields):
        log.warning("%s", sentence)
    try:
        return Settings(**overrides)
    except UnreadableSettingError as error:
        raise SettingsError(_unreadable(str(error)), hint="Write it as JSON; docs/settings.md shows how.") from None
    except ValidationError as error:
        lines = [_problem(item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError(
            "Settings are wrong: " + "; ".join(lines) + ".",
            hint="Correct these variables and start again; docs/settings.md explains each.",
        ) from None


def _unreadable(text: str) -> str:
    """The library reports the field but not its value, and so does this message."""
    found = re.search(r'field "(\w+)"', text)
    return f"COUNTERSIGN_{found[1].upper()} is not valid JSON." if found else "A setting is not valid JSON."


def _problem(item: Any) -> str:
    where = "_".join(str(part) for part in item["loc"]) if item["loc"] else ""
    text = item["msg"].removeprefix("Value error, ")
    name, _, rest = text.partition(": ")  # a rule over several settings names the one to change first
    return f"COUNTERSIGN_{where.upper()}: {text}" if where else f"COUNTERSIGN_{name.upper()}: {rest}"


PREFIX = "COUNTERSIGN_"

ELSEWHERE = frozenset({
    "COUNTERSIGN_API_TOKEN", "COUNTERSIGN_NO_NUMBA", "COUNTERSIGN_TEST_DATA", "COUNTERSIGN_CHECK_PICTURES",
})  # fmt: skip
"""Read by the pipeline steps, the evidence engine, the tests and the demo; not settings of the portal."""


def unread_names(
    fields: Iterable[str], environment: Mapping[str, str] | None = None, *, file: Path = Path(".env")
) -> list[str]:
    """One sentence for each name in the environment or the `.env` file that looks like a setting but is not one.

    Values are not repeated: they may be secrets. A name without the prefix counts if it is very close to a setting.
    """
    known = {f"{PREFIX}{name.upper()}" for name in fields}
    given = set(os.environ if environment is None else environment) | set(dotenv_values(file) if file.is_file() else ())
    suggestions = (
        (name, _nearest(name.upper(), known)) for name in sorted(given) if name.upper() not in known | ELSEWHERE
    )
    return [_sentence(name, near) for name, near in suggestions if near or name.upper().startswith(PREFIX)]


def _nearest(name: str, known: Iterable[str]) -> str:
    """The closest name; strict if the prefix is missing, because other programs have settings too."""
    if name.startswith(PREFIX):
        short = {one.removeprefix(PREFIX): one for one in known}
        return next((short[near] for near in get_close_matches(name.removeprefix(PREFIX), short, 1, 0.6)), "")
    return next(iter(get_close_matches(name, known, 1, 0.9)), "")


def _sentence(name: str, near: str) -> str:
    suggestion = f"did you mean {near}?" if near else "docs/settings.md lists all settings."
    return f"Unknown setting {name}; {suggestion}"
