"""Errors of the HTTP API: one format for all, and the input is never echoed."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from services.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PortalError,
    RefusedError,
    UpstreamError,
)

STATUS: tuple[tuple[type[PortalError], int], ...] = (
    (NotFoundError, 404),
    (NotAllowedError, 403),
    (InvalidInputError, 422),
    (ConflictError, 409),
    (RefusedError, 409),
    (UpstreamError, 503),
)
SHOWN = 5
"""Number of errors reported per call."""


class Problem(BaseModel):
    """What went wrong and what to do."""

    code: str
    message: str
    hint: str = ""


_WORDS = {
    401: "The token is missing or invalid.",
    403: "The token does not have permission.",
    404: "Not found.",
    409: "The state changed, or a rule refuses it.",
    422: "The call is invalid.",
    503: "Another system is unavailable.",
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text} for status, text in _WORDS.items()
}
"""Error answers of every route, for the OpenAPI document."""


def add_problems(api: FastAPI) -> None:
    """Return every error in the same format."""
    api.add_exception_handler(PortalError, _of_portal)
    api.add_exception_handler(RequestValidationError, _of_call)
    api.add_exception_handler(HTTPException, _of_address)


async def _of_portal(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, PortalError):
        raise error
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    status = 401 if error.code == "unauthenticated" else status
    return _answer(status, Problem(code=error.code, message=error.message, hint=error.hint))


async def _of_call(_: Request, error: Exception) -> JSONResponse:
    """Which fields are wrong and why; the values may be secret or impossible to return."""
    if not isinstance(error, RequestValidationError):
        raise error
    wrong = [f"{'.'.join(_place(found['loc']))}: {found['msg']}" for found in error.errors()[:SHOWN]]
    hint = "See /api/v1/openapi.json for what this route accepts."
    return _answer(422, Problem(code="invalid_input", message=f"The call has errors: {'; '.join(wrong)}.", hint=hint))


def _place(location: tuple[Any, ...]) -> list[str]:
    """Names of the API's fields; positions as numbers; no name chosen by the caller."""
    return [str(part)[:100].encode("ascii", "replace").decode() for part in location]


async def _of_address(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    hint = "See /api/v1/openapi.json for the routes and what they accept."
    return _answer(error.status_code, Problem(code=code, message=f"{error.detail}.", hint=hint), error.headers)


def _answer(status: int, problem: Problem, headers: Any = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), status_code=status, headers=headers)
