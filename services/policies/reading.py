"""Reads `governance.yaml`: what is missing or wrong is an error with its line, never a default that passes."""

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
    """A governance file that has been read: the rules, the form, and where each thing stands."""

    name: str
    rules: Governance
    file: GovernanceFile
    root: yaml.Node | None

    def line(self, *path: Any) -> int:
        """The line of something in the file, from 1."""
        return yaml_lines.line_of(self.root, path)


def load_governance(path: Path) -> Governance:
    """The governance file as domain objects. Raises SettingsError with line numbers."""
    return parse_governance(read_text(path), name=path.name)


def read_text(path: Path) -> str:
    """The file's text. Raises SettingsError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"The policy file {path} cannot be read ({told}).",
            hint="Set COUNTERSIGN_GOVERNANCE_FILE to your governance.yaml; nothing can be promoted without it.",
        ) from error


def parse_governance(text: str, *, name: str = "governance.yaml") -> Governance:
    """As `load_governance`, from text."""
    return parse_text(text, name=name).rules


def parse_text(text: str, *, name: str = "governance.yaml") -> GovernanceText:
    """The file with its lines. Raises SettingsError that names every line that is wrong."""
    try:
        root = yaml_lines.compose(text)
        twice = [
            (line, f"{where} stands twice; the first would be lost") for line, where in yaml_lines.duplicates(root)
        ]
        data = yaml_lines.data_of(root)
    except RecursionError:
        raise SettingsError(f"{name} is nested too deeply to be read.", hint="Write it flatter.") from None
    except (yaml.YAMLError, ValueError) as error:
        told = yaml_lines.problem_of(error, text)
        raise SettingsError(f"{name} is not valid YAML: {told}.", hint="Mend the line named.") from error
    if twice:
        raise _wrong(name, twice)
    try:
        parsed = GovernanceFile.model_validate(data)
    except ValidationError as error:
        raise _wrong(name, telling.problems(root, error)) from None
    found = [telling.told(root, path, message) for path, message in complaints(parsed)]
    if found:
        raise _wrong(name, found)
    return GovernanceText(name, to_domain(parsed), parsed, root)


def _wrong(name: str, found: list[telling.Wrong]) -> SettingsError:
    return SettingsError(f"{name}: {telling.in_words(found)}", hint="Mend the lines named.")
