"""Which policy file is in force: when another one is put in force, the ledger says so, with what changed.

The portal reads the file when it starts. Each process that starts compares the file's digest with the one that was
noted last; the text is kept by its digest, so that an auditor can read any policy that ever was in force.
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
"""Where a file comes from, as far as that is known: commit, author, host."""


def note_policy(units: Units, path: Path, *, clock: Clock, origin: Origin) -> bool:
    """Write an entry when the file is not the one noted last; True when it was written. Raises SettingsError."""
    text = read_text(path)
    digest = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    with units.read() as unit:
        before = unit.marks.get(MARK)
    if before == digest:
        return False
    told = dict(origin(path))
    now = clock.now()
    with units.begin() as unit:
        if not unit.marks.exchange(MARK, digest, now, before=before):
            return False
        unit.requests.put_document(digest, "governance", text, now)
        changes = _changes(unit, before, parse_governance(text, name=path.name))
        kept: list[Json] = [*changes[:CHANGES_KEPT]]
        after: dict[str, Json] = {"digest": digest, "detail": _detail(before, changes), "changes": kept, **told}
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
    """Lines of the policies in words that went (-) or came (+)."""
    if before is None:
        return []
    try:
        old = parse_governance(unit.requests.document(before))
    except (NotFoundError, SettingsError):
        return ["the policy before cannot be read by this release any more"]
    was, now = _lines(old), _lines(new)
    gone = [f"- {place}: {line}" for place, lines in was.items() for line in lines if line not in now.get(place, ())]
    come = [f"+ {place}: {line}" for place, lines in now.items() for line in lines if line not in was.get(place, ())]
    return gone + come


def _lines(rules: Governance) -> dict[str, list[str]]:
    """Each policy in words by where it holds; the order counts, since the first that matches is in force."""
    found = {
        f"{number}. {policy.models} in {policy.environment}": in_words(policy, rules.environments[policy.environment])
        for number, policy in enumerate(rules.policies, 1)
    }
    found["roles"] = [f"{role}: {', '.join(groups)}" for role, groups in sorted(rules.groups.items())]
    found["environments"] = [
        f"{place.name}: stage {place.stage}, alias {place.alias}" for place in rules.environments.values()
    ]
    return found
