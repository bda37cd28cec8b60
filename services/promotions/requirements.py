"""A requirements file as pip reads it: which libraries it names, and whether each is pinned.

Source of the form: pip's "Requirements File Format". Nothing is resolved, downloaded or installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"\s-{1,2}[a-zA-Z][\w-]*[= \t]?|\s-{1,2}[a-zA-Z][\w-]*$")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")
_VCS = re.compile(r"^(?:git|hg|svn|bzr)\+", re.IGNORECASE)
_SCHEME = re.compile(r"^(?:[a-z]+\+)?(?:https?|file|ssh|git|ftp|s3)(?::|\+)", re.IGNORECASE)
_PYTHONS = tuple(f"3.{minor}.0" for minor in range(7, 16))
_SYSTEMS = (("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt"))
_MACHINES = tuple(
    {"sys_platform": platform, "platform_system": system, "os_name": os_name, "platform_machine": machine}
    for platform, system, os_name in _SYSTEMS
    for machine in ("x86_64", "aarch64", "arm64", "AMD64")
)  # fmt: skip


@dataclass(frozen=True)
class Library:
    """One line that installs something."""

    line: str
    name: str
    """Canonical; empty where the line does not say it, like a folder."""
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    version: str = ""
    """The one version that it can install; empty where there may be others, or none is named."""
    is_pinned: bool = False
    """One version, or one content: a full commit or a hash."""


@dataclass(frozen=True)
class Requirements:
    """What a file asks for."""

    libraries: tuple[Library, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Lines that pip could not read either."""
    not_for_us: tuple[str, ...] = ()
    """Lines whose marker holds on no system that the model could run on."""
    missing_files: tuple[str, ...] = ()
    """Files that the requirements include (``-r``) and that are not there."""
    missing_constraints: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    """Hosts of further package indexes."""


def read_requirements(
    text: str, *, included: Mapping[str, str | None] | None = None, python: str = "", path: str = "requirements.txt"
) -> Requirements:
    """Read a file and what it includes. `included`: path to text, None for a file that could not be read.

    `python` is the version that the model was saved with; without one, markers are tried with Python 3.7 to 3.15.
    """
    found = _File(dict(included or {}), python)
    found.read(text, path)
    return Requirements(
        tuple(_constrained(library, found.constraints) for library in found.libraries),
        tuple(found.unreadable),
        tuple(found.not_for_us),
        tuple(dict.fromkeys(found.missing_files)),
        tuple(dict.fromkeys(found.missing_constraints)),
        tuple(dict.fromkeys(found.indexes)),
    )


def included_files(text: str) -> tuple[str, ...]:
    """The files that a requirements file names with ``-r`` or ``-c``."""
    options = (_option(line) for line in logical_lines(text))
    return tuple(dict.fromkeys(value for name, value in options if name in {"-r", "-c"} and value))


def _constrained(library: Library, constraints: Sequence[Library]) -> Library:
    """Constraints narrow what a library may be; they install nothing."""
    own = [part for part in constraints if part.name and part.name == library.name]
    if library.is_pinned or not own:
        return library
    both = library.specifier
    for part in own:
        both &= part.specifier
    version, is_pinned = _pin(both)
    fixed = [part for part in own if part.is_pinned]
    return replace(library, specifier=both, version=version, is_pinned=is_pinned or (bool(fixed) and not both))


def logical_lines(text: str) -> Iterator[str]:
    """Lines joined at a backslash, without comments; as pip, a comment line ends a joined line."""
    parts: list[str] = []
    for raw in text.removeprefix("\ufeff").splitlines():
        is_comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not is_comment:
            parts.append(raw[:-1])
            continue
        parts.append(f" {raw}" if is_comment else raw)
        yield from _bare("".join(parts))
        parts = []
    yield from _bare("".join(parts))


def _bare(line: str) -> Iterator[str]:
    bare = _COMMENT.sub("", line).strip()
    if bare:
        yield bare


_NAMES = {
    "--requirement": "-r", "--constraint": "-c", "--editable": "-e", "--index-url": "-i", "--pypi-url": "-i",
    "--extra-index-url": "--extra-index-url", "--find-links": "-f",
}  # fmt: skip
_KNOWN_OPTIONS = {
    "-r", "-c", "-e", "-i", "-f", "--extra-index-url", "--no-index", "--no-binary", "--only-binary", "--prefer-binary",
    "--require-hashes", "--pre", "--trusted-host", "--use-feature", "--config-settings", "--global-option",
    "--no-use-wheel", "--allow-external", "--allow-all-external", "--always-unzip", "-Z", "--process-dependency-links",
}  # fmt: skip


def _option(line: str) -> tuple[str, str]:
    """Name and value of an option line, like ``-c`` and ``constraints.txt``; empty names for other lines."""
    found = re.match(r"^(--[a-zA-Z][\w-]*|-[a-zA-Z])(?:\s*=\s*|\s+|$|(?<=^-[a-zA-Z]))(.*)$", line)
    if found is None:
        return "", ""
    return _NAMES.get(found[1], found[1]), found[2].strip().strip("'\"")


class _File:
    """Reads lines; files within files once each."""

    def __init__(self, included: dict[str, str | None], python: str) -> None:
        self._included = included
        self._python = python
        self._read: set[tuple[str, bool]] = set()
        self.libraries: list[Library] = []
        self.constraints: list[Library] = []
        self.unreadable: list[str] = []
        self.not_for_us: list[str] = []
        self.missing_files: list[str] = []
        self.missing_constraints: list[str] = []
        self.indexes: list[str] = []

    def read(self, text: str, path: str, *, constrains: bool = False) -> None:
        """All lines of a file, which installs what it names or constrains it."""
        if (path, constrains) in self._read:
            return
        self._read.add((path, constrains))
        for line in logical_lines(text):
            name, value = _option(line)
            if not name or name == "-e":
                self._library(value if name else line, constrains=constrains)
            elif name in {"-r", "-c"}:
                self._include(value, path, constrains=constrains or name == "-c")
            elif name in {"-i", "--extra-index-url", "-f"}:
                self.indexes.append(_host(value))
            elif name not in _KNOWN_OPTIONS:
                self.unreadable.append(line)

    def _include(self, value: str, beside: str, *, constrains: bool) -> None:
        path = str(PurePosixPath(beside).parent / value) if not _SCHEME.match(value) else value
        text = self._included.get(path, self._included.get(value))
        if text is None:
            (self.missing_constraints if constrains else self.missing_files).append(without_secrets(value))
        else:
            self.read(text, path, constrains=constrains)

    def _library(self, line: str, *, constrains: bool) -> None:
        bare, options = _without_options(line)
        try:
            library, marker = _parsed(bare, options)
        except (InvalidRequirement, InvalidVersion, ValueError):
            if not constrains:
                self.unreadable.append(without_secrets(bare))
            return
        if marker is not None and not can_hold(marker, self._python):
            self.not_for_us.append(without_secrets(bare))
            return
        (self.constraints if constrains else self.libraries).append(library)


def _without_options(line: str) -> tuple[str, str]:
    """The requirement and its own options, such as ``--hash``."""
    found = _OPTION.search(line)
    return (line, "") if found is None else (line[: found.start()].strip(), line[found.start() :])


def _parsed(line: str, options: str) -> tuple[Library, Marker | None]:
    has_hash = "--hash" in options
    if not _is_place(line):
        found = Requirement(line)
        if found.url:
            library = _of_place(found.url, line, name=found.name)
        else:
            version, is_pinned = _pin(found.specifier)
            library = Library(str(found), canonicalize_name(found.name), found.specifier, version, is_pinned)
        return (replace(library, is_pinned=True) if has_hash else library), found.marker
    place, _, marker = re.sub(r"\s+;\s*", " ; ", line).partition(" ; ")
    library = _of_place(place.strip(), line)
    return (replace(library, is_pinned=True) if has_hash else library), (Marker(marker) if marker.strip() else None)


def _is_place(line: str) -> bool:
    """An address, an archive or a folder, as pip tells them from names."""
    first = re.split(r"\s+;|\s", line, maxsplit=1)[0]
    if " @ " in line and not _SCHEME.match(line):
        return False
    if _SCHEME.match(first) or _VCS.match(first):
        return True
    bare = re.sub(r"\[[^\]]*\]$", "", first)
    return (
        bare.lower().endswith(_ARCHIVES)
        or bare.startswith((".", "/"))
        or (("/" in bare or "\\" in bare) and "@" not in bare.partition("/")[0])
    )


def _of_place(place: str, line: str, *, name: str = "") -> Library:
    """What an address or path names: name and version of an archive, or a commit of a repository."""
    address = urlsplit(place)
    fragment = dict(part.partition("=")[::2] for part in address.fragment.split("&"))
    named = (
        canonicalize_name(name or re.sub(r"\[.*", "", unquote(fragment.get("egg", ""))))
        if name or "egg" in fragment
        else ""
    )
    shown = without_secrets(line)
    if _VCS.match(place):
        _, has_revision, revision = address.path.rpartition("@")
        return Library(shown, named, is_pinned=bool(has_revision and _COMMIT.fullmatch(revision)))
    file, version = _archive(unquote(PurePosixPath(re.sub(r"\[[^\]]*\]$", "", address.path or place)).name))
    has_hash = any(fragment.get(kind) for kind in ("sha256", "sha384", "sha512"))
    return Library(shown, named or file, SpecifierSet(), version, bool(version) or has_hash)


def _archive(file: str) -> tuple[str, str]:
    """Name and version that a file's name says; empty where it says none."""
    try:
        if file.endswith(".whl"):
            name, version, _, _ = parse_wheel_filename(file)
        else:
            name, version = parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return "", ""
    return name, str(version)


def _pin(specifier: SpecifierSet) -> tuple[str, bool]:
    """The only version that a specifier allows. Two different pins cannot be installed: that is not a pin."""
    versions = {
        spec.version for spec in specifier if spec.operator in {"==", "==="} and not spec.version.endswith(".*")
    }
    return (versions.pop(), True) if len(versions) == 1 else ("", False)


def can_hold(marker: Marker, python: str = "") -> bool:
    """Whether a marker holds on any system that the model could run on: of its Python, or of any Python 3."""
    return _can_hold(str(marker), python)


@cache
def _can_hold(marker: str, python: str) -> bool:
    parsed, base = Marker(marker), {key: str(value) for key, value in default_environment().items()}
    for version in (python,) if python else _PYTHONS:
        own = {"python_version": ".".join(version.split(".")[:2]), "python_full_version": version, "extra": ""}
        if any(parsed.evaluate({**base, **machine, **own}) for machine in _MACHINES):
            return True
    return False


def _host(address: str) -> str:
    return urlsplit(address).hostname or address


def without_secrets(line: str) -> str:
    """The line without user and password of an address."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", line)


def hits(library: Library, forbidden: Requirement) -> bool:
    """A pin inside a forbidden range; what may be several versions may always be inside."""
    if library.name != canonicalize_name(forbidden.name):
        return False
    if not library.version or forbidden.specifier.contains(library.version, prereleases=True):
        return True
    return _is_before_the_fix(library.version, forbidden)


def _is_before_the_fix(version: str, forbidden: Requirement) -> bool:
    """Whether a pre-release counts as older than the release it leads to: `<5.4` in a requirement leaves 5.4rc1 out."""
    pinned = Version(version)
    if not pinned.is_prerelease or not any(part.operator == "<" for part in forbidden.specifier):
        return False
    others = SpecifierSet(",".join(str(part) for part in forbidden.specifier if part.operator != "<"))
    bounds = [Version(part.version) for part in forbidden.specifier if part.operator == "<"]
    return others.contains(version, prereleases=True) and all(pinned < bound for bound in bounds)
