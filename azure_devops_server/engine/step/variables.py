"""Variables of a running job: macros, environment variables, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from azure_devops_server.engine.step.masking import Masker

_MACRO = re.compile(r"\$\(([^()\s][^()]*)\)")
_MAX_DEPTH = 50


@dataclass(frozen=True)
class _Entry:
    name: str
    value: str
    secret: bool
    readonly: bool


class ReadOnlyVariableError(Exception):
    """A step tried to overwrite a variable that is read-only."""


class Variables:
    """Names ignore case. Values may hold macros, which are filled in when read."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._entries: dict[str, _Entry] = {}

    def set(self, name: str, value: str, *, secret: bool = False, readonly: bool = False) -> None:
        """Define a variable; a secret stays secret when it is set again."""
        old = self._entries.get(name.casefold())
        secret = secret or (old is not None and old.secret)
        if secret:
            self._masker.add(value)
        self._entries[name.casefold()] = _Entry(name, value, secret, readonly)

    def set_by_step(self, name: str, value: str, *, secret: bool, readonly: bool) -> None:
        """As `set`, for logging commands; ReadOnlyVariableError for read-only variables."""
        old = self._entries.get(name.casefold())
        if old is not None and old.readonly:
            raise ReadOnlyVariableError(f"The variable '{old.name}' is read-only and keeps its value.")
        self.set(name, value, secret=secret, readonly=readonly)

    def update(self, values: Mapping[str, str] | Iterable[tuple[str, str]], *, readonly: bool = False) -> None:
        """Define many plain variables."""
        for name, value in values.items() if isinstance(values, Mapping) else values:
            self.set(name, value, readonly=readonly)

    def get(self, name: str) -> str | None:
        """A value with its macros filled in, or None."""
        entry = self._entries.get(name.casefold())
        return None if entry is None else self.expand(entry.value)

    def expand(self, text: str) -> str:
        """Fill in macros; unknown ones stay as they are."""
        return self._expand(text, ())

    def _expand(self, text: str, inside: tuple[str, ...]) -> str:
        def written(match: re.Match[str]) -> str:
            key = match.group(1).strip().casefold()
            entry = self._entries.get(key)
            if entry is None or key in inside or len(inside) >= _MAX_DEPTH:
                return match.group()
            return self._expand(entry.value, (*inside, key))

        return _MACRO.sub(written, text)

    def is_secret(self, name: str) -> bool:
        """True for secrets, and for variables whose value takes in a secret."""
        return self._is_secret(name.casefold(), ())

    def _is_secret(self, key: str, inside: tuple[str, ...]) -> bool:
        entry = self._entries.get(key)
        if entry is None or key in inside:
            return False
        used = (match.strip().casefold() for match in _MACRO.findall(entry.value))
        return entry.secret or any(self._is_secret(other, (*inside, key)) for other in used)

    def reveals(self, text: str) -> bool:
        """True if a text holds a known secret of the run."""
        return self._masker.mask(text) != text

    def environment(self) -> dict[str, str]:
        """All that is not secret, as environment variables."""
        plain = (entry for key, entry in self._entries.items() if not self.is_secret(key))
        values = {env_name(entry.name): self.expand(entry.value) for entry in plain}
        return {name: value for name, value in values.items() if name and "=" not in name and "\0" not in name + value}

    def mapping(self) -> dict[str, str]:
        """Names and values for expressions."""
        return {entry.name: self.expand(entry.value) for entry in self._entries.values()}


def env_name(name: str) -> str:
    """``Build.BuildId`` becomes ``BUILD_BUILDID``."""
    return name.replace(".", "_").replace(" ", "_").upper()
