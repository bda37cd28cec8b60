"""Errors as the service writes them: the wrapped exception of its JSON, and the few plain ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

_FRAMEWORK = "Microsoft.TeamFoundation.Framework.Server"
_COMMON = "Microsoft.VisualStudio.Services.Common"
_BUILD = "Microsoft.TeamFoundation.Build.WebApi"
_BUILD_ASSEMBLY = "Microsoft.TeamFoundation.Build2.WebApi"
_PIPELINES = "Microsoft.Azure.Pipelines.WebApi"
_RELEASE = "Microsoft.VisualStudio.Services.ReleaseManagement.WebApi.Exceptions"


class ApiError(Exception):
    """An answer other than success, with the body that the service would send."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type_name: str,
        assembly: str,
        custom: Mapping[str, Any] | None = None,
        inner: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type_name = type_name
        self.assembly = assembly
        self.custom = custom
        self.inner = inner

    def body(self) -> dict[str, Any]:
        """The wrapped exception; `customProperties` stand between `$id` and `innerException`, as recorded."""
        document: dict[str, Any] = {"$id": "1"}
        if self.custom is not None:
            document["customProperties"] = dict(self.custom)
        return document | {
            "innerException": self.inner,
            "message": self.message,
            "typeName": f"{self.type_name}, {self.assembly}",
            "typeKey": self.type_name.rsplit(".", 1)[-1],
            "errorCode": 0,
            "eventId": 3000,
        }

    def headers(self) -> dict[str, str]:
        """`X-TFS-ServiceError` carries the message, URL-encoded."""
        return {"x-tfs-serviceerror": quote(self.message, safe="")}


class PlainError(Exception):
    """An answer other than success whose body is plain text, HTML or empty."""

    def __init__(
        self, status: int, text: str = "", *, media_type: str = "text/plain", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.media_type = media_type
        self.headers = dict(headers or {})


def no_controller(path: str) -> PlainError:
    """A URL that nothing serves (recorded)."""
    text = f"The controller for path '{path}' was not found or does not implement IController."
    return PlainError(404, text)


def dangerous_path(character: str) -> PlainError:
    """A path with a character that ASP.NET refuses (recorded for the colon)."""
    text = f"A potentially dangerous Request.Path value was detected from the client ({character})."
    return PlainError(400, text)


def no_project(name: str) -> ApiError:
    """No such project (recorded)."""
    message = (
        f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct "
        "and that the project exists on the specified Azure DevOps Server."
    )
    core = "Microsoft.TeamFoundation.Core.WebApi"
    return ApiError(404, message, type_name=f"{core}.ProjectDoesNotExistWithNameException", assembly=core)


def no_build(build_id: object) -> ApiError:
    """No such build (body recorded, status not)."""
    message = f"The requested build {build_id} could not be found."
    return ApiError(404, message, type_name=f"{_BUILD}.BuildNotFoundException", assembly=_BUILD_ASSEMBLY)


def no_definition(definition_id: object) -> ApiError:
    """No such build definition."""
    message = f"The requested build definition {definition_id} could not be found."
    return ApiError(404, message, type_name=f"{_BUILD}.DefinitionNotFoundException", assembly=_BUILD_ASSEMBLY)


def no_pipeline(pipeline_id: object) -> ApiError:
    """No such pipeline (text not recorded)."""
    message = f"Pipeline {pipeline_id} was not found."
    return ApiError(404, message, type_name=f"{_PIPELINES}.PipelineNotFoundException", assembly=_PIPELINES)


def no_run(run_id: object) -> ApiError:
    """No such run (text not recorded)."""
    message = f"Run {run_id} was not found."
    return ApiError(404, message, type_name=f"{_PIPELINES}.RunNotFoundException", assembly=_PIPELINES)


def pipeline_invalid(message: str) -> ApiError:
    """What the runs API answers to YAML, parameters or variables that cannot be used (recorded)."""
    return ApiError(400, message, type_name=f"{_PIPELINES}.PipelineValidationException", assembly=_PIPELINES)


def build_invalid(messages: Sequence[str]) -> ApiError:
    """What the build API answers to the same (recorded)."""
    results = [{"result": "error", "message": message} for message in messages]
    return ApiError(
        400,
        "Could not queue the build because there were validation errors or warnings.",
        type_name=f"{_BUILD}.BuildRequestValidationFailedException",
        assembly=_BUILD_ASSEMBLY,
        custom={"ValidationResults": results},
    )


def bad_request(message: str) -> ApiError:
    """An argument that cannot be used; `VssPropertyValidationException` (text not recorded)."""
    return ApiError(400, message, type_name=f"{_COMMON}.VssPropertyValidationException", assembly=_COMMON)


def version_out_of_range(version: str, latest: str) -> ApiError:
    """An api-version that does not exist yet (type not recorded)."""
    message = (
        f"The requested REST API version of {version} is out of range for this server. "
        f"The latest REST API version this server supports is {latest}."
    )
    return ApiError(400, message, type_name=f"{_COMMON}.VssVersionOutOfRangeException", assembly=_COMMON)


def not_found(what: str) -> ApiError:
    """Something that does not exist, or may not be seen (type not recorded)."""
    return ApiError(404, what, type_name=f"{_COMMON}.VssResourceNotFoundException", assembly=_COMMON)


def conflict(message: str) -> ApiError:
    """A change that the present state does not allow (type not recorded)."""
    return ApiError(409, message, type_name=f"{_COMMON}.VssServiceException", assembly=_COMMON)


def forbidden(message: str) -> ApiError:
    """A missing right (exact bodies not recorded)."""
    return ApiError(403, message, type_name=f"{_FRAMEWORK}.AccessCheckException", assembly=_FRAMEWORK)


def unauthorized(user: str = "") -> ApiError:
    """A bearer token that is not accepted, on PATCH (recorded)."""
    message = f"TF400813: The user '{user}' is not authorized to access this resource."
    return ApiError(401, message, type_name=f"{_FRAMEWORK}.UnauthorizedRequestException", assembly=_FRAMEWORK)


def token_expired() -> ApiError:
    """An expired personal access token (recorded)."""
    custom = {
        "Descriptor": None,
        "IdentityDisplayName": None,
        "Token": None,
        "RequestedPermissions": 0,
        "NamespaceId": "00000000-0000-0000-0000-000000000000",
    }
    return ApiError(
        401,
        "Access Denied: The Personal Access Token used has expired.",
        type_name=f"{_FRAMEWORK}.AccessCheckException",
        assembly=_FRAMEWORK,
        custom=custom,
    )


def no_release(what: str) -> ApiError:
    """Something of the Release API that does not exist (bodies not recorded)."""
    return ApiError(404, what, type_name=f"{_RELEASE}.ReleaseNotFoundException", assembly=_RELEASE.rsplit(".", 1)[0])


def release_invalid(message: str) -> ApiError:
    """A request that the Release API refuses (bodies not recorded)."""
    return ApiError(400, message, type_name=f"{_RELEASE}.InvalidRequestException", assembly=_RELEASE.rsplit(".", 1)[0])


def blocked() -> ApiError:
    """Rate limit exceeded (message documented, type not recorded)."""
    message = (
        "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource "
        "'Concurrency' in namespace 'User'."
    )
    return ApiError(429, message, type_name=f"{_FRAMEWORK}.RequestBlockedException", assembly=_FRAMEWORK)


def stopped(organization: str) -> ApiError:
    """An organization that is stopped or being moved (recorded)."""
    message = (
        f"TF24668: The following team project collection is stopped: {organization}. "
        "Start the collection and then try again."
    )
    return ApiError(503, message, type_name=f"{_COMMON}.VssServiceException", assembly=_COMMON)


def internal(message: str) -> ApiError:
    """A fault of this server itself."""
    return ApiError(500, message, type_name=f"{_COMMON}.VssServiceException", assembly=_COMMON)
