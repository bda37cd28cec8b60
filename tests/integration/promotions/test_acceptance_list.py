"""How approval systems went wrong elsewhere: each line has a test of its own, and this list says which.

Also here: what happens at the edges of the registry and the wires, where the line is about more than requests.
"""

from __future__ import annotations

import ast
import hashlib
import hmac
import re
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.catalogue.browse import CatalogueBrowser
from services.catalogue.sync import CatalogueSync
from services.domain.catalogue import SortBy, VersionQuery
from services.domain.registry import ModelVersion, RegisteredModel, VersionKey
from tests.integration.catalogue.test_sync import NoLinks
from tests.simulators.basics import START
from tests.world import MODEL, World

ROOT = Path(__file__).resolve().parents[3]
HERE, HOOKS = "tests/integration/promotions/test_acceptance.py", "tests/contract/azure_devops_client"
LIST = {
    "edit after approval voids it": (HERE, "test_edit_after_approval__voids_it"),
    "author, trainer and requester each refused on the server": (
        HERE, "test_author_trainer_and_requester__are_refused_on_the_server",
    ),
    "a person in two groups counts once": (HERE, "test_person_in_two_groups__counts_once"),
    "quorum not configured refuses": (HERE, "test_quorum_not_configured__refuses"),
    "unsatisfiable policy refused at publish": (
        "tests/unit/policies/test_lint.py", "test_lint__unsatisfiable_policy__refused_at_publish",
    ),
    "champion deleted or moved with the plain client is reported": (
        HERE, "test_champion_deleted_or_moved_with_the_plain_client__is_reported",
    ),
    "user removed from the directory still named in old decisions": (
        HERE, "test_user_removed_from_the_directory__is_still_named_in_old_decisions",
    ),
    "model deleted, its decisions still readable": (HERE, "test_model_deleted__its_decisions_are_still_readable"),
    "double click or retry gives one pipeline run": (HERE, "test_double_click_and_retry__give_one_pipeline_run"),
    "Azure DevOps fails after the alias moved: visible and repairable": (
        HERE, "test_azure_devops_fails_after_the_alias_moved__is_visible_and_repaired",
    ),
    "two approvals racing, one promotion": (HERE, "test_two_approvals_racing__are_one_promotion"),
    "pending request made stale by a newer champion": (
        HERE, "test_pending_request__made_stale_by_a_newer_champion__is_suspended",
    ),
    "alias list right although the search returns none": (
        "tests/integration/promotions/test_acceptance_list.py",
        "test_alias_list__although_the_search_of_versions_returns_none__is_right",
    ),
    "20,000 versions listed page by page": (
        "tests/integration/promotions/test_acceptance_list.py", "test_versions__twenty_thousand__are_listed_page_by_page",
    ),
    "our webhook with a bad signature refused by the receiver": (
        "tests/integration/promotions/test_acceptance_list.py", "test_webhook__bad_or_replayed_signature__is_refused",
    ),
    "their webhook without the secret refused": (
        f"{HOOKS}/test_checks_and_hooks.py", "test_azure__without_the_secret__is_refused",
    ),
    "their webhook replayed kept once": (f"{HOOKS}/test_checks_and_hooks.py", "test_hook__same_event_twice__is_kept_once"),
    "clock and time zones: store UTC": (HERE, "test_clock_and_zones__everything_stored_is_utc"),
}  # fmt: skip


@pytest.mark.parametrize("line", LIST)
def test_acceptance__every_line__has_its_test(line: str) -> None:
    path, name = LIST[line]
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def browser(world: World) -> CatalogueBrowser:
    CatalogueSync(world.registry, world.units, clock=world.clock, sweep_every=timedelta(seconds=1)).beat()
    return CatalogueBrowser(world.units, NoLinks())


def test_alias_list__although_the_search_of_versions_returns_none__is_right(world: World) -> None:
    """As MLflow's own search answers: every version with an empty list of aliases."""
    world.registry.set_alias(MODEL, "challenger", 3)
    assert {version.aliases for version in world.registry.versions_of([MODEL])} == {()}
    found = browser(world)
    listed = {row.key.version: row.aliases for row in found.search(VersionQuery(model=MODEL)).rows}
    assert listed == {1: ("champion",), 2: (), 3: ("challenger",)}
    assert [row.key.version for row in found.search(VersionQuery(alias="challenger")).rows] == [3]
    world.registry.delete_alias(MODEL, "challenger")
    world.clock.advance(60)
    assert not browser(world).search(VersionQuery(alias="challenger")).rows


def test_versions__twenty_thousand__are_listed_page_by_page(world: World) -> None:
    many, size = 20_000, 200
    with world.units.begin() as unit:
        unit.catalogue.put_models([RegisteredModel("big", START, START, aliases={"champion": 12_345})])
        unit.catalogue.put_versions(
            ModelVersion("big", n, START, START + timedelta(seconds=n)) for n in range(1, many + 1)
        )
    found = CatalogueBrowser(world.units, NoLinks())
    wanted = VersionQuery(model="big", sort=SortBy.VERSION, descending=False, page_size=size)
    seen: list[VersionKey] = []
    slowest = 0.0
    for page in range(1, many // size + 1):
        begun = time.perf_counter()
        answer = found.search(replace(wanted, page=page))
        slowest = max(slowest, time.perf_counter() - begun)
        assert (answer.total, len(answer.rows)) == (many, size)
        seen += [row.key for row in answer.rows]
    assert seen == [VersionKey("big", n) for n in range(1, many + 1)]
    assert [row.key.version for row in found.search(VersionQuery(model="big", alias="champion")).rows] == [12_345]
    print(f"slowest page of {size} among {many}: {slowest * 1000:.0f} ms")


def test_webhook__bad_or_replayed_signature__is_refused() -> None:
    """The recipe that we document, run as it stands there."""
    page = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(def is_genuine.*?)```", page, re.DOTALL)
    names = {"hmac": hmac, "hashlib": hashlib, "time": time}
    exec(recipe, names)
    is_genuine = names["is_genuine"]
    secret, body, stamp = b"s" * 32, b'{"seq": 1}', str(int(time.time()))
    good = {
        "X-Countersign-Id": "evt-1",
        "X-Countersign-Timestamp": stamp,
        "X-Countersign-Signature": "v1="
        + hmac.new(secret, f"{stamp}.evt-1.".encode() + body, hashlib.sha256).hexdigest(),
    }
    assert is_genuine(good, body, secret)  # type: ignore[operator]  # a function of the page
    old = str(int(stamp) - 3600)
    signed_long_ago = hmac.new(secret, f"{old}.evt-1.".encode() + body, hashlib.sha256).hexdigest()
    bad = [
        (good, b'{"seq": 2}', secret),
        (good, body, b"t" * 32),
        (good | {"X-Countersign-Id": "evt-2"}, body, secret),
        (good | {"X-Countersign-Timestamp": str(int(stamp) + 1)}, body, secret),
        (good | {"X-Countersign-Signature": "v1="}, body, secret),
        (good | {"X-Countersign-Timestamp": old, "X-Countersign-Signature": f"v1={signed_long_ago}"}, body, secret),
    ]
    assert not [case for case in bad if is_genuine(*case)]  # type: ignore[operator]  # as above
