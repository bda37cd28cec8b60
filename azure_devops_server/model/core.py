"""Projects, people, repositories, service connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Project:
    """A team project."""

    id: str
    name: str
    description: str
    created: datetime


@dataclass(frozen=True)
class Identity:
    """A person or service account; `token_digest` is the SHA-256 of its token, in hex, if it has one."""

    id: str
    name: str
    unique_name: str
    token_digest: str = ""
    is_service: bool = False


@dataclass(frozen=True)
class Repository:
    """A Git repository of a project."""

    id: str
    project_id: str
    name: str
    default_branch: str = "refs/heads/main"


@dataclass(frozen=True)
class ServiceEndpoint:
    """A generic service connection: base URL and optional Basic credentials."""

    id: str
    project_id: str
    name: str
    type: str
    url: str
    scheme: str = "UsernamePassword"
    username: str = ""
    password: str = ""
    description: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
