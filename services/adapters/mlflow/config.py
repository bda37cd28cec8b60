"""Where the MLflow server is, how the portal signs in, and how long and how much a call may take."""

from __future__ import annotations

from dataclasses import dataclass, fields
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

from services.errors import SettingsError

MIB = 1024 * 1024
NO_SECRET = SecretStr("")


@dataclass(frozen=True)
class MlflowConfig:
    """Settings of the adapter; times in seconds, sizes in bytes. Raises SettingsError when they make no sense.

    `token` (sent as Bearer) and `username` with `password` (HTTP basic) exclude each other; secrets never show in
    a repr, an error or a log line.
    """

    uri: str
    username: str = ""
    password: SecretStr = NO_SECRET
    token: SecretStr = NO_SECRET
    workspace: str = ""
    """Sent as ``X-MLFLOW-WORKSPACE``; empty: the server's default workspace."""
    ui_url: str = ""
    """Address that people open; default: `uri`."""
    ca_file: str = ""
    """Certificates to trust instead of the bundled ones."""
    trust_env: bool = False
    """Let proxies and netrc of the environment take part."""
    connect_seconds: float = 2
    read_seconds: float | None = None
    """Longest silence of the server within a call; default: `call_seconds`."""
    call_seconds: float = 5
    """Wall-clock limit of one call, its retry included."""
    download_seconds: float = 60
    """Wall-clock limit of one artifact."""
    digest_seconds: float = 120
    """Wall-clock limit of hashing one model."""
    max_answer_bytes: int = 64 * MIB
    digest_limit_bytes: int = 5 * 1024 * MIB
    digest_limit_files: int = 10_000
    read_attempts: int = 2
    breaker_seconds: float = 5
    """After a failure, calls fail at once for this long."""

    def __post_init__(self) -> None:
        """Check everything that can be checked without a network."""
        _check_uri("The address of MLflow", self.uri)
        if self.ui_url:
            _check_uri("The address of MLflow's pages", self.ui_url)
        self._check_credentials()
        _check_header("workspace", self.workspace)
        self._check_numbers()

    @property
    def base(self) -> str:
        """The server's address without a slash at the end."""
        return self.uri.strip().rstrip("/")

    @property
    def ui_base(self) -> str:
        """The address of MLflow's pages without a slash at the end."""
        return (self.ui_url.strip() or self.base).rstrip("/")

    def redact(self, text: str) -> str:
        """The text without any of the secrets, should another system echo one."""
        for secret in (self.password, self.token):
            value = secret.get_secret_value()
            text = text.replace(value, "…") if value else text
        return text

    def _check_credentials(self) -> None:
        password, token = self.password.get_secret_value(), self.token.get_secret_value()
        if token and (self.username or password):
            raise SettingsError(
                "MLflow: a token and a user name are both set.", hint="Set either the token or user and password."
            )
        if bool(self.username) != bool(password):
            raise SettingsError(
                "MLflow: user name and password belong together, and one of them is missing.",
                hint="Set COUNTERSIGN_MLFLOW_USERNAME and COUNTERSIGN_MLFLOW_PASSWORD, or neither.",
            )
        _check_header("token", token)

    def _check_numbers(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not isinstance(value, bool) and not value > 0:
                raise SettingsError(f"MLflow: {field.name} must be greater than 0.")


def _check_uri(what: str, uri: str) -> None:
    parts = _split(what, uri)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(
            f"{what} must begin with http:// or https:// and name a host.",
            hint="Databricks and Unity Catalog addresses are not supported by this adapter; see docs/mlflow.md.",
        )
    if parts.username or parts.password:
        raise SettingsError(
            f"{what} holds a user name or password.",
            hint="Take them out and set COUNTERSIGN_MLFLOW_USERNAME and COUNTERSIGN_MLFLOW_PASSWORD.",
        )
    if parts.query or parts.fragment:
        raise SettingsError(f"{what} must end with the host or a path, without ? or #.")


def _split(what: str, uri: str) -> SplitResult:
    try:
        parts = urlsplit(uri.strip())
        _ = parts.port  # raises if the port is not a number
    except ValueError:
        raise SettingsError(f"{what} is not an address.", hint="Use the form http://host:port.") from None
    return parts


def _check_header(name: str, value: str) -> None:
    if not value.isascii() or not value.isprintable():
        raise SettingsError(f"MLflow: the {name} holds characters that cannot be sent in a header.")
