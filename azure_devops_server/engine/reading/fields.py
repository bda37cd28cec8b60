"""Take keys out of a mapping, and collect what is wrong instead of stopping at the first problem."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from azure_devops_server.engine.errors import PipelineError
from azure_devops_server.engine.reading.source import Place, YamlList, YamlMap, YamlNode, YamlText

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class Problems:
    """Messages with their places."""

    messages: list[str] = field(default_factory=list)

    def add(self, place: Place, message: str) -> None:
        """Note a problem and go on."""
        self.messages.append(place.say(message))

    def unsupported(self, place: Place, what: str) -> None:
        """Note something that Azure Pipelines knows and the local server does not run."""
        self.add(place, f"{what} is not supported by the local server")

    def raise_if_any(self) -> None:
        """Raise PipelineError with all that was noted."""
        if self.messages:
            raise PipelineError(dict.fromkeys(self.messages))


@dataclass(frozen=True)
class Fields:
    """A mapping whose keys are read by name."""

    node: YamlMap
    problems: Problems

    @property
    def place(self) -> Place:
        """Where the mapping starts."""
        return self.node.place

    def check(self, allowed: Collection[str], unsupported: Collection[str] = ()) -> None:
        """Note every key that is neither; those of `unsupported` are named as what they are."""
        for key, _ in self.node.entries:
            if key.value in unsupported:
                self.problems.unsupported(key.place, f"'{key.value}'")
            elif key.value not in allowed:
                self.problems.add(key.place, f"Unexpected value '{key.value}'")

    def has(self, key: str) -> bool:
        """True if the key is written."""
        return self.node.get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        """A scalar as text."""
        node = self.node.get(key)
        if node is None:
            return default
        if not isinstance(node, YamlText):
            self.problems.add(node.place, f"Expected a text for '{key}'")
            return default
        return node.value

    def name(self, key: str) -> str:
        """A scalar that must be a name of letters, digits and underscores; empty if there is none."""
        text = self.text(key)
        if text and not _NAME.fullmatch(text):
            self.problems.add(
                self.at(key), f"The name '{text}' is not valid. Use letters, digits and underscores, no digit first"
            )
        return text

    def flag(self, key: str, *, default: bool) -> bool:
        """A boolean literal."""
        text = self.text(key)
        if not text:
            return default
        if text.casefold() not in ("true", "false"):
            self.problems.add(self.at(key), f"Expected true or false for '{key}', not '{text}'")
        return text.casefold() == "true"

    def count(self, key: str, default: int) -> int:
        """A whole number, zero or more."""
        text = self.text(key)
        if not text:
            return default
        if not (text.isascii() and text.isdigit()):
            self.problems.add(self.at(key), f"Expected a whole number for '{key}', not '{text}'")
            return default
        return int(text)

    def map(self, key: str) -> Fields | None:
        """A mapping below; None if there is none or the key is empty."""
        node = self.node.get(key)
        if node is None or _is_empty(node):
            return None
        if not isinstance(node, YamlMap):
            self.problems.add(node.place, f"Expected a mapping for '{key}'")
            return None
        return Fields(node, self.problems)

    def maps(self, key: str) -> Iterator[Fields]:
        """The mappings of a list; other items are noted."""
        node = self.node.get(key)
        if node is None or _is_empty(node):
            return
        if not isinstance(node, YamlList):
            self.problems.add(node.place, f"Expected a sequence for '{key}'")
            return
        for item in node.items:
            if isinstance(item, YamlMap):
                yield Fields(item, self.problems)
            else:
                self.problems.add(item.place, "Expected a mapping")

    def texts(self, key: str) -> dict[str, str]:
        """A mapping of texts."""
        below = self.map(key)
        return {} if below is None else {name.value: below.text(name.value) for name, _ in below.node.entries}

    def names(self, key: str) -> tuple[str, ...] | None:
        """A text or a list of texts; None if the key is missing."""
        node = self.node.get(key)
        if node is None:
            return None
        if isinstance(node, YamlText):
            return (node.value,) if node.value else ()
        if isinstance(node, YamlMap):
            self.problems.add(node.place, f"Expected a text or a sequence for '{key}'")
            return ()
        return tuple(item.value for item in node.items if isinstance(item, YamlText))

    def at(self, key: str) -> Place:
        """Where the value of a key stands, or the mapping itself."""
        node = self.node.get(key)
        return node.place if node else self.place


def _is_empty(node: YamlNode) -> bool:
    return isinstance(node, YamlText) and not node.value
