"""The active policy file: when it changes, the ledger records the change.

The portal reads the file at start-up. Each process that starts compares the file's digest with the last recorded
one; the text is stored by digest, so an auditor can read every policy that was ever active.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from services.database.unit import Unit, Units
from services.domain.identity.people import SYSTEM
from services.domain.policy import Governance
from services.errors import NotFoundError, SettingsError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Subject
from services.policies.reading import parse_governance, read_text
from services.policies.words import in_words
from services.ports.time import Clock

MARK = "policy in force"
CHANGES_KEPT = 100
Origin = Callable[[Path], Mapping[str, str]]
"""The known origin of a file: commit, author, host."""


def note_policy(units: Units, path: Path, *, clock: Clock, origin: Origin) -> bool:
    """Write an entry if the file differs from the last recorded one; True if written. Raises SettingsError."""
    text = read_text(path)
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    with units.read() as unit:
        before = unit.marks.get(MARK)
    if before == digest:
        return False
    source = dict(origin(path))
    now = clock.now()
    with units.begin() as unit:
        if not unit.marks.exchange(MARK, digest, now, before=before):
            return False
        unit.requests.put_document(digest, "governance", text, now)
        changes = _changes(unit, before, parse_governance(text, name=path.name))
        kept: list[Json] = [*changes[:CHANGES_KEPT]]
        after: dict[str, Json] = {"digest": digest, "detail": _detail(before, changes), "changes": kept, **source}
        unit.ledger.append(
            SYSTEM, Action.POLICY_CHANGED, Subject("policy", path.name), after=after,
            before={"digest": before} if before else None,
        )  # fmt: skip
    return True


def _detail(before: str | None, changes: list[str]) -> str:
    if before is None:
        return "the first one of this portal"
    return f"{len(changes)} lines of it differ" if len(changes) != 1 else changes[0]


def _changes(unit: Unit, before: str | None, new: Governance) -> list[str]:
    """Lines of the policies in words that were removed (-) or added (+)."""
    if before is None:
        return []
    try:
        old = parse_governance(unit.requests.document(before))
    except (NotFoundError, SettingsError):
        return ["the policy before cannot be read by this release any more"]
    was, now = _lines(old), _lines(new)
    removed = [f"- {at}: {line}" for at, lines in was.items() for line in lines if line not in now.get(at, ())]
    added = [f"+ {at}: {line}" for at, lines in now.items() for line in lines if line not in was.get(at, ())]
    return removed + added


def _lines(rules: Governance) -> dict[str, list[str]]:
    """Each policy in words by its scope; the order counts, since the first match applies."""
    found = {
        f"{number}. {policy.models} in {policy.environment}": in_words(policy, rules.environments[policy.environment])
        for number, policy in enumerate(rules.policies, 1)
    }
    found["roles"] = [f"{role}: {', '.join(groups)}" for role, groups in sorted(rules.groups.items())]
    found["environments"] = [
        f"{place.name}: stage {place.stage}, alias {place.alias}" for place in rules.environments.values()
    ]
    return found
