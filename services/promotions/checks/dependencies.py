"""The check on the model's requirements: pinned, and none that the policy forbids."""

from __future__ import annotations

from pathlib import PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement

from services.domain.checks import Check
from services.domain.examined import Examined, LeftOut
from services.domain.policy import CheckRule
from services.promotions.checks.facts import NOTHING_READ, VERSION, Compared, Line, ModelFacts, listed, texts
from services.promotions.material import Material
from services.promotions.requirements import Library, Requirements, hits, read_requirements

SHOWN = 5


def dependencies(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Each library of the model's requirements.txt is pinned, and none is on the policy's `forbidden` list."""
    line = Line(rule, "Dependencies", "requirements.txt of the model", VERSION, "pinned, none forbidden")
    model = compared.model
    if model is None or model.requirements is None:
        why = model.problem if model else NOTHING_READ
        return line.unknown(f"The model has no requirements.txt that could be read. {why}".strip())
    forbidden, wrong = _forbidden(rule)
    if wrong:
        return line.unknown(f"The policy's forbidden list contains invalid requirements: {wrong}.")
    found = read_requirements(model.requirements, included=model.included, python=_python(model))
    return _judged(line, found, forbidden, model.files)


def _judged(line: Line, found: Requirements, forbidden: list[Requirement], files: tuple[str, ...] | None) -> Check:
    nameless = [part for part in found.libraries if not part.name and not part.is_pinned and _is_inside(part, files)]
    loose = [part for part in found.libraries if not part.is_pinned and part not in nameless]
    bad = [
        f"{part.line} (on the list as {entry})" for part in found.libraries for entry in forbidden if hits(part, entry)
    ]
    unsure = loose if found.missing_constraints else []
    parts = [f"forbidden: {listed(bad, SHOWN)}"] if bad else []
    if loose and not unsure:
        parts.append(f"not pinned to one version: {listed([part.line for part in loose], SHOWN)}")
    parts += [f"not readable: {listed(found.unreadable, 3)}"] if found.unreadable else []
    count = len(found.libraries)
    examined = _examined(found, [*nameless, *unsure], unnamed=_unnamed(found, forbidden, nameless))
    good = f"All {count} libraries are pinned" if not examined.left_out else f"{examined.seen} libraries are pinned"
    if not count and not parts:
        parts = ["none: the file names no library"]
    sentence = f"Some libraries are {'; '.join(parts)}." if parts else f"{good}."
    if not count:
        sentence = "The file names no library that is installed."
    return line.judged(not parts, f"{sentence} {_scope(found, forbidden)}", f"{count} libraries", examined=examined)


def _scope(found: Requirements, forbidden: list[Requirement]) -> str:
    base = (
        f"checked against the policy's list of {len(forbidden)}" if forbidden else "the policy lists none as forbidden"
    )
    indexes = f" Packages may also come from {listed(found.indexes, SHOWN)}." if found.indexes else ""
    return f"No vulnerability database is queried; {base}.{indexes}"


def _examined(found: Requirements, unsure: list[Library], *, unnamed: list[Library]) -> Examined:
    """Lines that were not judged. A line for another system is never installed, so it raises no doubt."""
    left_out = [LeftOut(text, "its marker holds on no system of the model's Python", True) for text in found.not_for_us]
    constraints = listed(found.missing_constraints, 3)
    for part in unsure:
        why = "the line names neither library nor version"
        left_out.append(
            LeftOut(part.line, f"it may be pinned by {constraints}, which could not be read" if part.name else why)
        )
    left_out += [
        LeftOut(part.line, "the line names no library, so the forbidden list was not applied") for part in unnamed
    ]
    left_out += [LeftOut(f"the lines of {path}", "the file is not with the model") for path in found.missing_files]
    if not left_out:
        return Examined()
    total = len(found.libraries) + len(found.not_for_us)
    return Examined(len(found.libraries) - len(unsure) - len(unnamed), total, "lines", tuple(left_out))


def _unnamed(found: Requirements, forbidden: list[Requirement], unsure: list[Library]) -> list[Library]:
    """Pinned by a hash or commit, and nobody knows which library it is."""
    nameless = [part for part in found.libraries if not part.name and part not in unsure]
    return nameless if forbidden else []


def _is_inside(library: Library, files: tuple[str, ...] | None) -> bool:
    """A folder of the model itself: its bytes are hashed with the model's."""
    path = PurePosixPath(library.line)
    if path.is_absolute() or ".." in path.parts or "://" in library.line:
        return False
    return files is None or any(PurePosixPath(file).is_relative_to(path) for file in files)


def _python(model: ModelFacts) -> str:
    """The Python that the model was saved with; empty where not recorded."""
    flavor = (model.flavors or {}).get("python_function")
    version = str(flavor.get("python_version", "")) if isinstance(flavor, dict) else ""
    numbers = version.split(".")
    return version if len(numbers) >= 2 and all(part.isdigit() for part in numbers) else ""


def _forbidden(rule: CheckRule) -> tuple[list[Requirement], str]:
    found = []
    for text in texts(rule.settings, "forbidden"):
        try:
            found.append(Requirement(text))
        except InvalidRequirement:
            return [], text
    return found, ""
