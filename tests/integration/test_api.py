"""The HTTP API and the gate behind it, over a real database, asked by a real ASGI client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.access.sessions import digest
from services.access.tokens import Callers, TokenDesk
from services.api.app import build_api
from services.catalogue.browse import CatalogueBrowser
from services.catalogue.sync import CatalogueSync
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.tokens import Scope, ServiceToken
from services.domain.promotions.rights import UserAction
from services.domain.registry import VersionKey
from services.errors import UpstreamUnavailableError
from services.policies.reading import parse_governance
from services.portal import Portal
from services.promotions.gate import Gate, GateAnswer, GateQuestion
from tests.asgi import AsgiClient
from tests.simulators.basics import BEN, CHLOE
from tests.world import GOVERNANCE, MODEL, World, governance

TOKEN = "csn_the-token-of-the-pipelines"
Ask = Callable[..., GateAnswer]


class NoLinks:
    def of_version(self, version: object, run: object) -> dict[str, str]:
        return {}


def client_of(world: World, token: str = TOKEN) -> AsgiClient:
    portal = SimpleNamespace(catalogue=CatalogueBrowser(world.units, NoLinks()), promotions=world.desk)
    if token:
        _issue(world, token)
    callers = Callers(TokenDesk(world.units, clock=world.clock, ids=world.ids), None, has_audience=False)
    api = build_api(cast("Portal", portal), Gate(world.units, world.registry), callers)
    return AsgiClient(api, {"Authorization": f"Bearer {TOKEN}"})


def _issue(world: World, secret: str) -> None:
    """A token whose secret the test knows."""
    now = world.clock.now()
    token = ServiceToken(secret, "pipelines", frozenset(Scope), now, BEN.person, now + timedelta(days=300))
    with world.units.begin() as unit:
        if unit.tokens.by_digest(digest(secret)) is None:
            unit.tokens.add(token, digest(secret))


@pytest.fixture
def client(world: World) -> AsgiClient:
    CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(minutes=10)).beat()
    return client_of(world)


@pytest.fixture
def ask(world: World) -> Ask:
    gate = Gate(world.units, world.registry)

    def asked(request_id: str, *, version: int = 2, environment: str = "production", **more: Any) -> GateAnswer:
        more.setdefault("run", FIRST_RUN)
        return gate.ask(GateQuestion(request_id, VersionKey(MODEL, version), environment, **more))

    return asked


FIRST_RUN = 100
"""The number that the simulator gives its first run."""


def under_way(world: World) -> str:
    """An approved request whose pipeline runs."""
    world.pipelines.ends_with = None
    request = world.approve(world.open())
    world.run(rounds=4)
    assert world.state(request) == "rolling_out"
    return request.id


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic dG9rZW4=", "Bearer \u00e9", TOKEN.upper()]
)
def test_api__without_the_token__answers_nobody(world: World, header: str | None) -> None:
    client = client_of(world)
    sent = {} if header is None else {"Authorization": header.encode("latin-1")}
    for path in ("/versions", "/requests/req-1", "/gate?request_id=r&model=m&version=1"):
        answer = client.get(path, headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_api__while_no_token_is_set__is_closed_even_to_an_empty_one(world: World) -> None:
    for header in ("Bearer ", "", f"Bearer {TOKEN}"):
        answer = client_of(world, token="").get("/versions", headers={"Authorization": header})
        assert answer.status_code == 401
        assert "countersign token create" in answer.json()["hint"]


def test_versions__searched_and_paged__are_the_catalogue(client: AsgiClient) -> None:
    body = client.get("/versions", params={"model": MODEL, "page_size": 2}).json()
    assert (body["total"], len(body["versions"])) == (3, 2)
    assert client.get("/versions", params={"page": 2, "page_size": 2}).json()["page"] == 2
    row = next(
        r for r in client.get("/versions", params={"text": "champion"}).json()["versions"] if r["key"]["version"] == 1
    )
    assert (row["stage"], row["owner"]) == ("Production", "ana.ruiz")


@pytest.mark.parametrize("query", [{"page": 0}, {"page_size": 201}, {"page_size": "x"}])
def test_versions__with_impossible_numbers__is_refused(client: AsgiClient, query: dict[str, Any]) -> None:
    assert client.get("/versions", params=query).status_code == 422


def test_request__opened_by_a_pipeline__waits_for_people(world: World, client: AsgiClient) -> None:
    wanted = {"model": MODEL, "version": 2, "environment": "production", "reason": "nightly"}
    answer = client.post("/requests", json=wanted)
    assert answer.status_code == 201
    opened = answer.json()
    assert (opened["state"], opened["stale"]) == ("open", [])
    read = client.get(f"/requests/{opened['id']}").json()
    assert {name: read[name] for name in opened} == opened
    assert not any(action["is_open"] for action in read["actions"] if action["action"] in {"approve", "reject"})
    again = client.post("/requests", json=wanted)
    assert again.status_code == 409
    assert again.json()["message"]
    assert world.actions().count("promotion:request:opened") == 1


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"version": 99}, 404),
        ({"version": 0}, 422),
        ({"model": ""}, 422),
        ({"model": "nobody has this"}, 404),
        ({"environment": "moon"}, (404, 409, 422)),
        ({"reason": ""}, 422),
        ({"reason": "x" * 5000}, 422),
    ],
)
def test_request__that_makes_no_sense__is_refused_and_leaves_nothing(
    world: World, client: AsgiClient, change: dict[str, Any], status: int | tuple[int, ...]
) -> None:
    wanted = {"model": MODEL, "version": 2, "environment": "production", "reason": "nightly"} | change
    answer = client.post("/requests", json=wanted)
    assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
    assert world.actions() == []


def test_actions__over_the_api__are_those_of_the_page_and_closed_ones_say_why(world: World, client: AsgiClient) -> None:
    request = world.open()
    told = client.get(f"/requests/{request.id}").json()["actions"]
    service = Actor(Person("service:pipelines", "pipelines"), frozenset({Role.SERVICE}))
    page = {state.action.value: state for state in world.desk.detail(service, request.id).actions}
    assert {action["action"] for action in told} == {action.value for action in UserAction} == set(page)
    for action in told:
        state = page[action["action"]]
        assert (action["is_open"], action["why_not"]) == (state.is_open, state.reason or ""), action
        assert action["is_open"] or action["why_not"].endswith(".")
    why_not = {action["action"]: action["why_not"] for action in told}
    assert why_not["approve"] == "A service token can only read and open requests; people decide."
    assert why_not["withdraw"] == "Only the requester can do this."
    assert why_not["comment"] == "Your role is read-only; it cannot comment."


def test_request__while_mlflow_is_away__is_a_503_with_a_hint(world: World, client: AsgiClient) -> None:
    world.registry.is_down = True
    wanted = {"model": MODEL, "version": 2, "environment": "production", "reason": "nightly"}
    answer = client.post("/requests", json=wanted)
    assert answer.status_code == 503
    assert answer.json()["hint"]


def test_request__of_an_unknown_id__is_a_404(client: AsgiClient) -> None:
    answer = client.get("/requests/req-none")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_api__has_no_way_to_decide(client: AsgiClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {(path, method) for path, methods in paths.items() for method in methods if method != "get"} == {
        ("/requests", "post")
    }


def test_gate__over_http__says_who_approved_what(world: World, client: AsgiClient) -> None:
    asked = {"request_id": under_way(world), "model": MODEL, "version": 2, "run_id": FIRST_RUN}
    body = client.get("/gate", params=asked).json()
    assert (body["allowed"], body["approvers"]) == (True, [CHLOE.person.name])
    assert body["plan_digest"].startswith("sha256:")
    assert body["artifact_digest"].startswith("sha256:")


def test_gate__over_http_while_mlflow_is_away__is_a_503_and_no_yes(world: World, client: AsgiClient) -> None:
    request_id = under_way(world)
    world.registry.is_down = True
    asked = {"request_id": request_id, "model": MODEL, "version": 2, "run_id": FIRST_RUN}
    answer = client.get("/gate", params=asked)
    assert answer.status_code == 503
    assert "allowed" not in answer.json()


def test_gate__before_the_approval__refuses(world: World, ask: Ask) -> None:
    answer = ask(world.open().id)
    assert not answer.allowed
    assert "open" in answer.why


def test_gate__approved_by_too_few__refuses(engine: Any, tmp_path: Any) -> None:
    world = World(engine, tmp_path, governance(quorum=2))
    request = world.approve(world.open())
    question = GateQuestion(request.id, VersionKey(MODEL, 2), "production", run=FIRST_RUN)
    answer = Gate(world.units, world.registry).ask(question)
    assert not answer.allowed
    world.pipelines.ends_with = None
    world.approve(request, BEN)
    world.run(rounds=4)
    answer = Gate(world.units, world.registry).ask(question)
    assert answer.allowed


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ({"version": 3}, "not"),
        ({"environment": "staging"}, "staging"),
        ({"plan_digest": "sha256:" + "0" * 64}, "plan digest"),
    ],
)
def test_gate__about_something_else_than_was_signed__refuses(
    world: World, ask: Ask, question: dict[str, Any], why: str
) -> None:
    answer = ask(under_way(world), **question)
    assert not answer.allowed
    assert why in answer.why


def test_gate__unknown_request__refuses(ask: Ask) -> None:
    assert not ask("req-none").allowed


def test_gate__model_files_changed_after_the_signature__refuses(world: World, ask: Ask) -> None:
    request_id = under_way(world)
    assert ask(request_id).allowed
    world.registry.model_bytes[VersionKey(MODEL, 2)] = b"something else"
    answer = ask(request_id)
    assert not answer.allowed
    assert "changed" in answer.why


def test_gate__after_the_rollout_has_ended__refuses_its_own_run_too(world: World, ask: Ask) -> None:
    """A run that is released after the end would be released behind the portal's back (ADR 9)."""
    request = world.approve(world.open())
    world.run()
    answer = ask(request.id)
    assert not answer.allowed
    assert "The rollout is succeeded" in answer.why


def test_gate__any_run_but_the_noted_one__is_refused(world: World, ask: Ask) -> None:
    request_id = under_way(world)
    assert "not the one that was started" in ask(request_id, run=FIRST_RUN + 1).why
    assert "names no run" in ask(request_id, run=None).why


def test_gate__before_the_run_is_noted__asks_to_come_again(world: World, ask: Ask) -> None:
    request = world.approve(world.open())
    with pytest.raises(UpstreamUnavailableError, match="not recorded its run yet"):
        ask(request.id)


def test_gate__target_without_a_pipeline__allows_until_another_took_its_place(engine: Any, tmp_path: Any) -> None:
    text = GOVERNANCE.replace("    pipeline: {project: ml, id: 12}\n", "")
    world = World(engine, tmp_path, parse_governance(text.replace("REGISTRY", "before").replace("QUORUM", "1")))
    request, gate = world.approve(world.open()), Gate(world.units, world.registry)
    world.run()
    question = GateQuestion(request.id, VersionKey(MODEL, 2), "production")
    assert gate.ask(question).allowed
    world.approve(world.open(3))
    world.run()
    assert "taken its place" in gate.ask(question).why


def test_gate__failed_release__refuses(world: World, ask: Ask) -> None:
    from services.domain.releases import RunResult

    world.pipelines.ends_with = RunResult.FAILED
    request = world.approve(world.open())
    world.run()
    assert not ask(request.id).allowed


def test_requests__listed__are_those_of_the_caller_in_those_states(world: World) -> None:
    client = client_of(world)
    own = client.post("/requests", json={"model": MODEL, "version": 3, "environment": "production", "reason": "Mine."})
    theirs = world.open()

    def found(query: str) -> tuple[int, list[str]]:
        answer = client.get(f"/requests?{query}").json()
        return answer["total"], [request["id"] for request in answer["requests"]]

    assert sorted(found("")[1]) == sorted([theirs.id, own.json()["id"]])
    assert found("asked_by_me=true") == (1, [own.json()["id"]])
    assert found("state=open&text=mine") == (1, [own.json()["id"]])
    assert found("state=promoted&state=rejected") == (0, [])
    assert client.get("/requests?state=great").status_code == 422


def test_call__that_is_wrong__is_told_field_by_field_in_the_one_form(client: AsgiClient) -> None:
    answer = client.post("/requests", json={"model": "m", "version": "secret-text", "env": "x"})
    assert answer.status_code == 422
    told = answer.json()
    assert (set(told), told["code"]) == ({"code", "message", "hint"}, "invalid_input")
    for field in ("body.version", "body.environment", "body.reason", "body.env"):
        assert field in told["message"]
    assert "secret-text" not in answer.text
    nowhere = client.get("/nowhere")
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "not_found")
    described = client.get("/openapi.json").json()["paths"]["/requests"]["post"]["responses"]
    assert {"401", "403", "404", "409", "422", "503"} <= set(described)
    assert described["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
