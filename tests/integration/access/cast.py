"""Everybody who may turn up at the desks, and the policy that says what each of them may do."""

from __future__ import annotations

from datetime import timedelta

from services.access.sessions import SessionDesk
from services.access.tokens import TokenDesk
from services.domain.identity.people import SYSTEM, Actor, Permission, Person, Role
from services.domain.identity.sessions import SessionRules
from services.domain.identity.tokens import Scope, ServiceToken
from services.notices.preferences import PreferenceDesk
from services.policies.reading import parse_governance
from tests.oversight_world import OversightWorld
from tests.simulators.basics import START
from tests.world import MODEL

RULES = """
version: 1
environments:
  production: {stage: Production, alias: champion, pipeline: {project: ml, id: 12}}
disciplines:
  risk: {people: [risk-a, risk-b, author, registrar, requester, auditor, service:release]}
  business: {people: [business, auditor]}
policies:
  - models: "*"
    environment: production
    quorum: 2
    in_order: true
    slots: [{discipline: risk}, {discipline: business}]
    requesters: {roles: [data_scientist, service]}
    expires_after_days: 14
    break_glass: {who: {people: [on-call, auditor, reader, service:release]}, valid_hours: 4, review_within_days: 2}
    checks: [{kind: tests_passed}, {kind: artifact_digest}]
"""
GOVERNANCE = parse_governance(RULES)
POLICY = GOVERNANCE.policies[0]


def person(name: str, *roles: Role) -> Actor:
    return Actor(Person(name, name.title()), frozenset(roles))


def token(*scopes: Scope) -> Actor:
    by = Person("cli:root", "root")
    return ServiceToken("tok-1", "release", frozenset(scopes), START, by, START + timedelta(days=1)).actor


CAST: dict[str, Actor] = {
    "nobody": person("nobody"),
    "system": SYSTEM,
    "reader": person("reader", Role.READER),
    "auditor": person("auditor", Role.AUDITOR),
    "administrator": person("administrator", Role.ADMINISTRATOR),
    "requester": person("requester", Role.DATA_SCIENTIST, Role.REVIEWER),
    "scientist": person("scientist", Role.DATA_SCIENTIST),
    "author": person("author", Role.REVIEWER),
    "registrar": person("registrar", Role.REVIEWER),
    "risk-a": person("risk-a", Role.REVIEWER),
    "risk-b": person("risk-b", Role.REVIEWER),
    "business": person("business", Role.REVIEWER),
    "reviewer": person("reviewer", Role.REVIEWER),
    "operator": person("operator", Role.OPERATOR),
    "on-call": person("on-call", Role.OPERATOR),
    "service": token(Scope.OPEN_REQUESTS, Scope.READ),
    "service, reading": token(Scope.READ),
    "service in a reviewers' group": Actor(
        Person("service:release", "Release"), frozenset({Role.SERVICE, Role.REVIEWER, Role.OPERATOR})
    ),
}


def holding(permission: Permission) -> set[str]:
    """Who holds a permission, by role and scope."""
    return {name for name, actor in CAST.items() if actor.may(permission)}


def people_only(names: set[str]) -> set[str]:
    return {name for name in names if Role.SERVICE not in CAST[name].roles}


JUDGES = people_only(holding(Permission.DECIDE)) - {"requester", "author", "registrar"}
"""Who may judge this request: reviewers, without the three whose own work it is."""
TURN = {name for name in JUDGES if name in POLICY.slots[0].members.people}
GLASS = {name for name in ("on-call",) if POLICY.break_glass and name in POLICY.break_glass.who.people}


class Stage(OversightWorld):
    """The world with a version whose author, registrar and requester are three people."""

    def __post_init__(self) -> None:
        self.rules = GOVERNANCE
        super().__post_init__()
        people = lambda: tuple(CAST.values())  # noqa: E731 - the directory of this world
        self.assigning._people = people
        self.findings._people = people
        self.registry.add_version(MODEL, 4, user="author")
        self.tag_registrar()
        self.tokens = TokenDesk(self.units, clock=self.clock, ids=self.ids)
        self.preferences = PreferenceDesk(self.units, self.clock, is_mailed=True)
        self.sessions = SessionDesk(self.units, self.clock, rules=SessionRules())

    def tag_registrar(self) -> None:
        from services.domain.registry import VersionKey

        self.registry.set_version_tag(VersionKey(MODEL, 4), "countersign.registered_by", "registrar")
