"""The one error tree of Countersign.

    PortalError                  code, message for people, hint: what to do
    ├── RefusedError             a rule refuses it (policy, four eyes, state); nothing was changed
    ├── NotAllowedError          this person may not do this
    ├── NotFoundError            it does not exist
    ├── ConflictError            the state changed since it was read; load it again
    ├── InvalidInputError        the input is invalid
    ├── IntegrityError           evidence, ledger or seal failed verification
    ├── SettingsError            a setting is missing or invalid
    ├── ModelRunError            a model run timed out, crashed, exceeded a limit or failed
    └── UpstreamError            MLflow, Azure DevOps or another system
        ├── UpstreamUnavailableError   not reached, timed out, or 5xx; retryable
        │   └── AzureDevOpsNotSetError  no organization is configured
        ├── UpstreamRefusedError       reached, but it refused (auth, permission, validation)
        ├── UpstreamInvalidError       reached, but the answer is invalid
        └── UnknownOutcomeError        a write was sent but no answer came back: check before retrying

Adapters translate their errors into this tree and keep the cause. Pages, API and CLI render errors in one place each.
"""


class PortalError(Exception):
    """Base of all errors that Countersign raises on purpose."""

    code = "error"
    hint = ""

    def __init__(self, message: str, *, hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint
        if code is not None:
            self.code = code

    def sentence(self) -> str:
        """Message and hint as one text for people."""
        return f"{self.message} {self.hint}".strip()


class RefusedError(PortalError):
    """A rule refuses it; nothing was changed."""

    code = "refused"


class NotAllowedError(PortalError):
    """This person may not do this."""

    code = "not_allowed"


class NotFoundError(PortalError):
    """It does not exist."""

    code = "not_found"


class ConflictError(PortalError):
    """The state changed since it was read."""

    code = "conflict"
    hint = "Reload the page and review what changed."


class InvalidInputError(PortalError):
    """The input is invalid."""

    code = "invalid_input"


class IntegrityError(PortalError):
    """Evidence, ledger or seal failed verification."""

    code = "integrity"


class SettingsError(PortalError):
    """A setting is missing or invalid."""

    code = "settings"


class ModelRunError(PortalError):
    """A model run timed out, crashed, exceeded a limit or failed; the code says which."""

    code = "model_failed"


class UpstreamError(PortalError):
    """Another system failed; `system` names it (mlflow, azure_devops, …)."""

    code = "upstream"
    retryable = False

    def __init__(self, message: str, *, system: str = "", hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.system = system


class UpstreamUnavailableError(UpstreamError):
    """Not reached, timed out, or a server error."""

    code = "upstream_unavailable"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        hint: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, system=system, hint=hint, code=code)
        self.retry_after = retry_after
        """Seconds to wait, if the server asked for a delay."""


class AzureDevOpsNotSetError(UpstreamUnavailableError):
    """No organization is configured."""

    def __init__(self) -> None:
        super().__init__(
            "No Azure DevOps organization is set.", system="azure_devops", hint="Set COUNTERSIGN_AZURE_DEVOPS_URL."
        )


class UpstreamRefusedError(UpstreamError):
    """Reached, but it refused."""

    code = "upstream_refused"


class UpstreamInvalidError(UpstreamError):
    """Reached, but the answer is invalid."""

    code = "upstream_rubbish"


class UnknownOutcomeError(UpstreamError):
    """A write was sent but no answer came back."""

    code = "unknown_outcome"
    hint = "Countersign checks whether it took effect before it retries; nothing is sent twice."
