"""The one error tree of Countersign.

    PortalError                  code, message for people, hint: what to do
    ├── RefusedError             a rule says no (policy, four eyes, state); nothing was changed
    ├── NotAllowedError          this person may not do this
    ├── NotFoundError            no such thing here
    ├── ConflictError            the world moved since it was looked at; look again
    ├── InvalidInputError        what was given cannot be used
    ├── IntegrityError           evidence, ledger or seal does not hold
    ├── SettingsError            a setting is missing or wrong
    ├── ModelRunError            a model hung, crashed, wanted too much, or failed in its own process
    └── UpstreamError            MLflow, Azure DevOps or another system
        ├── UpstreamUnavailableError   not reached, too slow, or 5xx; retryable
        │   └── AzureDevOpsNotSetError  no organization is configured
        ├── UpstreamRefusedError       reached, and it said no (auth, permission, validation)
        ├── UpstreamInvalidError       reached, and the answer makes no sense
        └── UnknownOutcomeError        a write was sent and no answer came back: look before acting again

Adapters translate into this tree and keep the cause. Pages, API and CLI render errors in one place each.
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
    """A rule says no; nothing was changed."""

    code = "refused"


class NotAllowedError(PortalError):
    """This person may not do this."""

    code = "not_allowed"


class NotFoundError(PortalError):
    """No such thing here."""

    code = "not_found"


class ConflictError(PortalError):
    """The world moved since it was looked at."""

    code = "conflict"
    hint = "Load the page again and look at what changed."


class InvalidInputError(PortalError):
    """What was given cannot be used."""

    code = "invalid_input"


class IntegrityError(PortalError):
    """Evidence, ledger or seal does not hold."""

    code = "integrity"


class SettingsError(PortalError):
    """A setting is missing or wrong."""

    code = "settings"


class ModelRunError(PortalError):
    """A model hung, crashed, wanted too much, or failed in its own process; the code says which."""

    code = "model_failed"


class UpstreamError(PortalError):
    """Another system failed; `system` names it (mlflow, azure_devops, …)."""

    code = "upstream"
    retryable = False

    def __init__(self, message: str, *, system: str = "", hint: str | None = None, code: str | None = None) -> None:
        super().__init__(message, hint=hint, code=code)
        self.system = system


class UpstreamUnavailableError(UpstreamError):
    """Not reached, too slow, or a server error."""

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
        """Seconds that the other side asked to wait, where it did."""


class AzureDevOpsNotSetError(UpstreamUnavailableError):
    """No organization is configured."""

    def __init__(self) -> None:
        super().__init__(
            "No Azure DevOps organization is set.", system="azure_devops", hint="Set COUNTERSIGN_AZURE_DEVOPS_URL."
        )


class UpstreamRefusedError(UpstreamError):
    """Reached, and it said no."""

    code = "upstream_refused"


class UpstreamInvalidError(UpstreamError):
    """Reached, and the answer makes no sense."""

    code = "upstream_rubbish"


class UnknownOutcomeError(UpstreamError):
    """A write was sent and no answer came back."""

    code = "unknown_outcome"
    hint = "Countersign looks the effect up before it acts again; nothing is sent twice."
