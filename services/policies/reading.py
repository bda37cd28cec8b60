"""Reads `governance.yaml`: anything missing or wrong is an error with its line, never a permissive default."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from services.domain.policy import Governance
from services.errors import SettingsError
from services.policies import telling, yaml_lines
from services.policies.file import CheckKind, GovernanceFile
from services.policies.frozen import frozen_form, policy_of
from services.policies.resolve import complaints, to_domain
from services.policies.words import in_words

__all__ = [
    "CheckKind",
    "GovernanceText",
    "frozen_form",
    "in_words",
    "load_governance",
    "parse_governance",
    "parse_text",
    "policy_of",
    "read_text",
]


@dataclass(frozen=True)
class GovernanceText:
    """A parsed governance file: the rules, the file's content, and the line of each part."""

    name: str
    rules: Governance
    file: GovernanceFile
    root: yaml.Node | None

    def line(self, *path: Any) -> int:
        """The line of a path in the file, counted from 1."""
        return yaml_lines.line_of(self.root, path)


def load_governance(path: Path) -> Governance:
    """The governance file as domain objects. Raises SettingsError with line numbers."""
    return parse_governance(read_text(path), name=path.name)


def read_text(path: Path) -> str:
    """The file's text. Raises SettingsError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"The policy file {path} cannot be read ({reason}).",
            hint="Set COUNTERSIGN_GOVERNANCE_FILE to your governance.yaml; without it nothing can be promoted.",
        ) from error


def parse_governance(text: str, *, name: str = "governance.yaml") -> Governance:
    """As `load_governance`, from text."""
    return parse_text(text, name=name).rules


def parse_text(text: str, *, name: str = "governance.yaml") -> GovernanceText:
    """The file with its lines. Raises a SettingsError that lists every wrong line."""
    try:
        root = yaml_lines.compose(text)
        twice = [
            (line, f"{where} is defined twice; the first would be lost") for line, where in yaml_lines.duplicates(root)
        ]
        data = yaml_lines.data_of(root)
    except RecursionError:
        raise SettingsError(f"{name} is nested too deeply to be read.", hint="Reduce the nesting.") from None
    except (yaml.YAMLError, ValueError) as error:
        problem = yaml_lines.problem_of(error, text)
        raise SettingsError(f"{name} is not valid YAML: {problem}.", hint="Fix that line.") from error
    if twice:
        raise _wrong(name, twice)
    try:
        parsed = GovernanceFile.model_validate(data)
    except ValidationError as error:
        raise _wrong(name, telling.problems(root, error)) from None
    found = [telling.wrong(root, path, message) for path, message in complaints(parsed)]
    if found:
        raise _wrong(name, found)
    return GovernanceText(name, to_domain(parsed), parsed, root)


def _wrong(name: str, found: list[telling.Wrong]) -> SettingsError:
    return SettingsError(f"{name}: {telling.in_words(found)}", hint="Fix these lines.")
