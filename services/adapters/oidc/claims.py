"""From claims to a person with roles.

Entra ID omits the groups if a person has more than 200 of them (6 in the implicit flow) and reports it:
`_claim_names` names a claim source, or `hasgroups` is true. The address in `_claim_sources` is of the retired Azure AD
Graph and is not used; Microsoft Graph is queried instead.
Source: learn.microsoft.com/entra/identity-platform/id-token-claims-reference (groups overage claim).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from services.adapters.oidc.config import SYSTEM, OidcConfig
from services.domain.identity.people import Person, Role
from services.domain.identity.sessions import Identity
from services.errors import UpstreamInvalidError

_NAMES = ("preferred_username", "email", "upn", "unique_name", "oid")
"""Claims with the person's names in other systems, such as the MLflow user of a run."""


def groups_of(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """Group names and app roles; None if the provider omitted the groups because there are too many."""
    if is_overage(claims, claim):
        return None
    return _texts(claims.get(claim)) | _texts(claims.get("roles"))


def is_overage(claims: Mapping[str, Any], claim: str) -> bool:
    """True if the provider reports that the groups must be queried."""
    if claim in claims:
        return False
    names = claims.get("_claim_names")
    told_elsewhere = isinstance(names, Mapping) and claim in names
    return told_elsewhere or str(claims.get("hasgroups", "")).lower() == "true"


def roles_for(groups: Iterable[str], mapping: Mapping[Role, tuple[str, ...]]) -> frozenset[Role]:
    """Roles that any of the groups gives; compared exactly, because ids and names are exact."""
    held = frozenset(groups)
    return frozenset(role for role, wanted in mapping.items() if held & frozenset(wanted))


def identity_of(claims: Mapping[str, Any], groups: Iterable[str], config: OidcConfig) -> Identity:
    """The person: id from issuer and subject, names only for display and for the four-eyes rule."""
    subject = claims.get(config.person_claim)
    if not isinstance(subject, str) or not subject:
        raise UpstreamInvalidError(
            f"The identity provider sent no {config.person_claim!r}.",
            system=SYSTEM,
            hint="Set COUNTERSIGN_OIDC_PERSON_CLAIM to a claim that never changes.",
        )
    name = _text(claims, "name") or _text(claims, "preferred_username") or _text(claims, "email") or subject
    return Identity(
        person=Person(f"{config.issuer}|{subject}"[:300], name[:300]),
        roles=roles_for(groups, config.groups),
        email=_text(claims, "email")[:320],
        title=_text(claims, "jobTitle")[:300],
        known_as=_known_as(claims),
        groups=frozenset(groups) & config.named_groups,
    )


def _known_as(claims: Mapping[str, Any]) -> frozenset[str]:
    """An e-mail address counts with and without its domain: MLflow users are often the part before the at sign."""
    is_unverified = claims.get("email_verified") is False
    full = {_text(claims, name).lower() for name in _NAMES if not (name == "email" and is_unverified)}
    return frozenset((full | {name.partition("@")[0] for name in full}) - {""})


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""


def _texts(value: Any) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()
