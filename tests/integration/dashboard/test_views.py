"""Every page, run by Streamlit's own test runner over the small portal with its awkward world."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import wiring
from dashboard.text import JOINER
from dashboard.widgets.base import links
from services.comparisons.answers import VersionComparison
from services.domain.catalogue import VersionQuery
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import Participants, RequestState
from services.domain.promotions.rollout import Rollout, RolloutState
from services.domain.registry import VersionKey
from services.errors import (
    ConflictError,
    InvalidInputError,
    ModelRunError,
    NotAllowedError,
    PortalError,
    UpstreamUnavailableError,
)
from services.settings import DemoPerson
from tests import fake_portal
from tests import fake_world as world
from tests.fake_portal import FakeOpened, fake_opened
from tests.integration.dashboard.conftest import SCRIPT, texts

Visit = Callable[..., AppTest]
PAGES = (
    "queue",
    "models",
    "version",
    "compare",
    "requests",
    "request",
    "releases",
    "release",
    "log",
    "why",
    "coverage",
    "you",
)
DEEP = {
    "version": {"model": world.CENSUS, "version": "5"},
    "compare": {"model": world.CENSUS, "versions": "5,7,6"},
    "request": {"id": "req-7"},
    "release": {"project": "census", "run": "13"},
    "why": {"prediction": "3f1c-0001"},
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("person", ["demo:ana", "demo:ben"])
def test_page__for_every_person__shows_without_an_error(visit: Visit, page: str, person: str) -> None:
    app = visit(page, person=person, **DEEP.get(page, {}))
    assert not app.exception
    assert "Something went wrong" not in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_page__without_a_query__says_what_to_do(visit: Visit, page: str) -> None:
    app = visit(page)
    assert not app.exception
    assert "Something went wrong" not in texts(app)


@pytest.mark.parametrize("page", PAGES)
def test_page__during_an_outage__says_what_is_missing_and_how_old(visit: Visit, opened: FakeOpened, page: str) -> None:
    opened.portal.health.now = world.OUTAGE  # type: ignore[attr-defined]
    opened.portal.releases.is_down = True  # type: ignore[attr-defined]
    app = visit(page, **DEEP.get(page, {}))
    said = texts(app)
    assert "MLflow cannot be reached" in said
    assert re.search(r"([4-9]\d min|1 h) ago", said)  # 41 when the suite began, which runs for minutes
    assert "Azure DevOps cannot be reached" in said
    assert "Something went wrong" not in said


@pytest.mark.parametrize("page", PAGES)
def test_page__in_an_empty_world__shows_an_empty_state(page: str) -> None:
    portal = fake_opened(rows=())
    wiring.use(portal, person_id="demo:ana")
    try:
        app = AppTest.from_file(SCRIPT, default_timeout=60).run()
        app = app.switch_page(f"views/{page}.py").run()
        assert not app.exception
        assert "Something went wrong" not in texts(app)
    finally:
        wiring.use(None)


@pytest.mark.parametrize(
    "row", [r for r in world.ROWS if r.key.model != world.MANY or r.key.version == 1], ids=lambda r: f"v{r.key.version}"
)
def test_version__any_awkward_version__shows(visit: Visit, row: object) -> None:
    key: VersionKey = row.key  # type: ignore[attr-defined]
    app = visit("version", model=key.model, version=str(key.version))
    assert not app.exception
    assert "Something went wrong" not in texts(app)
    assert "<script>" not in texts(app).replace("\\<script>", "")


def test_version__without_run__says_unknown_and_never_zero(visit: Visit) -> None:
    said = texts(visit("version", model=world.NASTY, version="1"))
    assert "unknown" in said
    assert "its metrics and parameters are unknown" in said
    assert "No model card" in said


@pytest.mark.parametrize(
    ("page", "query", "words"),
    [
        ("version", {"model": "nope", "version": "1"}, "is not in the catalogue"),
        ("version", {"model": world.CENSUS, "version": "x"}, "no usable version"),
        ("request", {"id": "req-<script>"}, "There is no request"),
        ("release", {"project": "census", "run": "999"}, "There is no release"),
        ("release", {"project": "census", "run": "../etc"}, "no usable run"),
        ("compare", {"model": "nope", "versions": "1,2"}, "is not in the catalogue"),
        ("compare", {"model": world.CENSUS, "versions": "5,x"}, "no usable versions"),
        ("why", {"prediction": "unheard-of"}, "No prediction"),
    ],
)  # fmt: skip
def test_page__address_of_nothing__says_so(visit: Visit, page: str, query: dict[str, str], words: str) -> None:
    app = visit(page, **query)
    assert not app.exception
    assert words in texts(app).replace("\\", "")


def test_page__when_a_service_breaks__gives_a_reference_and_no_detail(
    visit: Visit, opened: FakeOpened, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(query: VersionQuery) -> None:
        raise RuntimeError("secret detail 4711")

    opened.portal.catalogue.search = broken  # type: ignore[method-assign, assignment]
    said = texts(visit("models"))
    assert "Something went wrong" in said
    assert "4711" not in said
    assert "4711" in caplog.text
    reference = said.split("reference `")[1].split("`")[0]
    assert reference in caplog.text


def test_models__filters__come_from_the_address(visit: Visit) -> None:
    app = visit("models", q="census")
    assert set(app.dataframe[0].value["Model"]) == {world.CENSUS}
    assert "8 versions" in texts(app)


def test_models__second_page__comes_from_the_address(visit: Visit) -> None:
    first, second = visit("models"), visit("models", models_page="2")
    assert list(first.dataframe[0].value["Version"])
    assert "1 to 25 shown" in texts(first)
    assert "26 to 50 shown" in texts(second)


def test_models__page_beyond_the_end__falls_back_to_the_first(visit: Visit) -> None:
    assert "1 to 25 shown" in texts(visit("models", models_page="99"))


def test_models__unknown_values__are_words_in_the_table(visit: Visit) -> None:
    frame = visit("models", q="detector").dataframe[0].value
    assert list(frame["Metric"]) == ["f1 $score$ :fire:", "unknown"]
    assert frame["Passed"].isna().all()
    assert frame["Failed"].isna().all()


def test_models__two_versions_of_one_model_selected__can_be_compared(visit: Visit) -> None:
    seed = {"versions_grid": {"selection": {"rows": [1, 3], "columns": [], "cells": []}}}
    app = visit("models", q="census", state=seed)
    button = next(b for b in app.button if b.label.startswith("Compare"))
    assert button.label == "Compare 2 versions"
    assert not button.disabled


def test_models__versions_of_two_models_selected__say_why_not(visit: Visit) -> None:
    seed = {"versions_grid": {"selection": {"rows": [0, 9], "columns": [], "cells": []}}}
    app = visit("models", state=seed)
    assert next(b for b in app.button if b.label.startswith("Compare")).disabled
    assert "of one model" in texts(app)


def many_requests(opened: FakeOpened, *, requester: DemoPerson) -> None:
    """So many more open requests of one person that no list shows them all."""
    like = world.REQUESTS["req-6"]
    for number in range(60):
        made = replace(like, id=f"req-{500 + number}", key=VersionKey(f"fraud-{number}", 1), updated=world.ago(days=9))
        made = replace(made, participants=Participants(world.person(requester)))
        opened.portal.promotions.requests[made.id] = made  # type: ignore[attr-defined]


def test_home__more_than_a_page_of_others_requests__counts_ones_own_all_the_same(
    visit: Visit, opened: FakeOpened
) -> None:
    many_requests(opened, requester=world.BEN)
    app = visit("queue", person="demo:ben")
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Your open requests"] == "60"
    assert "All your requests (60)" in [link.label for link in app.get("page_link")]
    waiting = {metric.label: metric.value for metric in visit("queue", person="demo:chi").metric}[
        "Waiting for your review"
    ]
    links = [link.label for link in visit("queue", person="demo:chi").get("page_link")]
    assert f"All requests waiting for your review ({waiting})" in links
    assert int(waiting) > 60


def test_requests__views_about_oneself__are_paged_and_in_the_address(visit: Visit, opened: FakeOpened) -> None:
    many_requests(opened, requester=world.BEN)
    mine = visit("requests", person="demo:ben", requests_view=links.ASKED_BY_ME, requests_page="3")
    assert "60 requests" in texts(mine)
    assert len(_titles(mine)) == 10
    found = visit("requests", person="demo:ben", requests_view=links.ASKED_BY_ME, requests_q="fraud-7")
    assert [title.replace("\\", "") for title in _titles(found)] == ["**fraud-7 v1** to **production**"]
    waiting = visit("requests", person="demo:chi", requests_view=links.WAITS_FOR_ME)
    assert len(_titles(waiting)) == 25
    none = visit("requests", person="demo:dee", requests_view=links.WAITS_FOR_ME)
    assert "Nothing is waiting for your review" in texts(none)
    assert "requested a promotion yet" in texts(visit("requests", person="demo:dee", requests_view=links.ASKED_BY_ME))


def _titles(app: AppTest) -> list[str]:
    return [link.label for link in app.get("page_link") if " to **" in link.label]


def test_request__harm__is_said_first_and_the_worst_slice_stands_before_the_average(visit: Visit) -> None:
    said = texts(visit("request", id="req-7"))
    assert said.index("Harm: worse for sex=Female") < said.index("blocks approval") < said.index('"cs-verdict')
    assert said.index("Worst slice") < said.index("Overall AUC")
    slices = said[said.index("<caption>Slices, worst first") :]
    assert slices.index("sex=Female</span></td>") < slices.index("sex=Male</span></td>")


def test_compare__several_versions__sections_stand_in_the_order_of_reading_under_headings(visit: Visit) -> None:
    app = visit("compare", model=world.CENSUS, versions="5,7,6")
    wanted = ["Verdict", "Curves", "Slices", "Fairness", "Drift", "Metrics and parameters", "Metric over versions"]
    assert [str(heading.value) for heading in app.subheader] == wanted
    pieces = [str(element.proto.body) for element in app.get("html")]
    order = [
        "cs-toc", "Harm: worse for", 'class="cs-verdict', "<dt>Overall AUC", "<caption>Findings",
        "<caption>Slices, worst first", "<caption>Fairness", "<caption>Metrics<", "<caption>The versions",
    ]  # fmt: skip
    found = [next(place for place, piece in enumerate(pieces) if part in piece) for part in order]
    assert found == sorted(found)


def test_compare__every_table_and_plot__has_its_download(visit: Visit) -> None:
    labels = {button.label for button in visit("compare", model=world.CENSUS, versions="5,7").get("download_button")}
    wanted = {"findings", "slices", "fairness", "groups", "metrics on the same rows", "metrics"}
    assert {f"Download {name}" for name in wanted} | {"Download as CSV"} <= labels


@pytest.mark.parametrize(
    "error",
    [
        InvalidInputError("The label has 5 different values, not two.", hint="Use --task multiclass."),
        UpstreamUnavailableError("MLflow cannot be reached.", system="mlflow", hint="Is it up?"),
        ModelRunError("The model wanted <b>50 GB</b> of `memory`.", hint="Score fewer rows.", code="model_memory"),
        NotAllowedError("None of your groups has a role with read access.", hint="Ask your administrator."),
    ],
    ids=lambda error: error.code,
)
def test_compare__that_cannot_be_done__says_why_and_what_to_do_and_the_page_lives_on(
    visit: Visit, opened: FakeOpened, error: PortalError
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    opened.portal.comparisons.compare = fail  # type: ignore[method-assign]
    app = visit("compare", model=world.CENSUS, versions="5,7")
    said = texts(app).replace("\\", "").replace(JOINER, "")
    assert not app.exception
    assert "Comparing v7" not in said
    assert error.message in said
    assert error.hint in said
    assert "<b>50 GB" not in "".join(str(element.proto.body) for element in app.get("html"))


def test_compare__what_a_hostile_model_printed__is_shown_as_text(visit: Visit, opened: FakeOpened) -> None:
    compare, words = (
        opened.portal.comparisons.compare,
        "census-income v7: it said <script>alert(1)</script> :tada: **x**",
    )

    def with_problem(*given: Any, **options: Any) -> VersionComparison:
        return replace(compare(*given, **options), problems=(words,), notes=(words,), live_problem=words)

    opened.portal.comparisons.compare = with_problem  # type: ignore[method-assign]
    app = visit("compare", model=world.CENSUS, versions="5,7")
    assert not app.exception
    assert "<script>" not in "".join(str(element.proto.body) for element in app.get("html"))
    assert all("<script>" not in str(element.value).replace("\\<script\\>", "") for element in app.caption)


def test_request__its_evidence__stands_in_the_order_of_the_compare_page(visit: Visit) -> None:
    headings = [str(m.value) for m in visit("request", id="req-7").markdown if str(m.value).startswith("####")]
    wanted = ["Curves", "Slices, worst first", "Fairness", "Drift of the data", "Metrics and parameters"]
    found = [next(name for name in wanted if heading.startswith(f"#### {name}")) for heading in headings]
    assert found == [name for name in wanted if name in found]
    assert {"Curves", "Slices, worst first", "Fairness", "Metrics and parameters"} <= set(found)


def test_request__read_from_the_top__says_the_worst_first_and_decides_last(visit: Visit) -> None:
    said = texts(visit("request", id="req-7"))
    order = ["In short", "Checks", "Comparison with the live version", "Documentation", "Discussion", "Decide"]
    found = [said.index(f"{name}") for name in order]
    assert found == sorted(found), list(zip(order, found, strict=True))
    summary = said.index("v7 would replace v5 in production.")
    assert summary < said.index("blocks approval")
    assert summary < said.index("Overall AUC")


def test_request__of_the_requester__closed_actions_say_why(visit: Visit) -> None:
    app = visit("request", person="demo:ana", id="req-6")
    buttons = {b.label: b for b in app.button}
    assert buttons["Approve"].disabled
    assert not buttons["Withdraw"].disabled
    assert "another person must decide" in texts(app) or "Only reviewers can decide" in texts(app)


def test_request__policy_wants_a_fresh_sign_in__leads_there_and_back(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_portal, "GLASS", replace(fake_portal.GLASS, reauthenticate=True))
    app = visit("request", id="req-6")
    assert next(b for b in app.button if b.label == "Approve").disabled
    assert "The policy requires a fresh sign-in" in texts(app)
    assert 'href="/sign-in?fresh=1&amp;next=%2Frequest%3Fid%3Dreq-6"' in texts(app)


def test_request__stale__shows_before_and_after(visit: Visit) -> None:
    app = visit("request", id="req-8")
    assert "it has changed since it was sealed" in texts(app)
    assert "metric auc was 0.8903, is now 0.999" in texts(app)
    assert "void" in texts(app)
    assert next(b for b in app.button if b.label == "Approve").disabled


def test_request__failed_rollout__names_the_step_and_what_was_undone(visit: Visit) -> None:
    said = texts(visit("request", id="req-4"))
    assert "failed in stage" in said
    assert "↶ undone" in said
    assert "✕ failed" in said


def needing_a_person(request: PromotionRequest) -> Rollout | None:
    """Every rolling request's rollout needs a person, with a first cause and what came later."""
    found = ROLLOUT_OF(request)
    if found is None or request.state is not RequestState.ROLLING_OUT:
        return found
    return replace(found, state=RolloutState.NEEDS_HUMAN, cause="Run 13 ended failed.", error="The registry was moved.")


ROLLOUT_OF = world.rollout_of


@pytest.mark.parametrize(("person", "is_closed"), [("demo:ope", False), ("demo:ana", True)])
def test_request__rollout_needs_a_person__offers_the_ways_out_to_operators(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, person: str, is_closed: bool
) -> None:
    monkeypatch.setattr(world, "rollout_of", needing_a_person)
    app = visit("request", person=person, id="req-10")
    said = texts(app)
    assert said.index("ended failed") < said.index("registry was moved")
    buttons = {button.label: button for button in app.button}
    names = ["Go on from here", "Undo everything", "Accept what is there", "Give up"]
    assert [buttons[name].disabled for name in names] == [is_closed] * 4
    if is_closed:
        assert "Only operators can decide how a rollout continues" in said
        return
    buttons["Give up"].click().run()
    assert app.text_area(key="reason:recover-give_up:req-10").label == "Reason"
    assert app.button(key="go:recover-give_up:req-10").label == "Give up"
    assert "leaves what is wrong as incidents" in texts(app)


def test_page__no_worker_takes_rollouts__says_which_one_waits_and_since_when(visit: Visit, opened: FakeOpened) -> None:
    rollout = ROLLOUT_OF(world.REQUESTS["req-10"])
    assert rollout is not None
    waiting = replace(rollout, waits_for_worker_since=world.ago(minutes=5))
    opened.portal.health.waiting = (waiting,)  # type: ignore[attr-defined]
    said = texts(visit("queue"))
    assert "No worker takes rollouts" in said
    assert "waits for a worker since" in said


def test_request__comment__is_written_once_and_shown_as_text(visit: Visit, opened: FakeOpened) -> None:
    app = visit("request", id="req-6")
    app.text_area[0].set_value("Why **this**?\n<script>alert(1)</script>")
    next(b for b in app.button if b.label == "Add comment").click().run()
    comments = opened.portal.promotions.comments["req-6"]  # type: ignore[attr-defined]
    assert [c.text for c in comments] == ["Why **this**?\n<script>alert(1)</script>"]
    assert "&lt;script&gt;" in texts(app)


def test_request__comment_that_fails__keeps_the_text(visit: Visit, opened: FakeOpened) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConflictError("The request moved.", hint="Look again.")

    opened.portal.promotions.comment = refuse  # type: ignore[method-assign]
    app = visit("request", id="req-6")
    app.text_area[0].set_value("my long thought")
    next(b for b in app.button if b.label == "Add comment").click().run()
    assert app.text_area[0].value == "my long thought"
    assert "The request moved" in texts(app)
    assert "Look again" in texts(app)


def test_release__old_picture__is_called_old(visit: Visit, opened: FakeOpened) -> None:
    opened.portal.releases.is_down = True  # type: ignore[attr-defined]
    said = texts(visit("release", project="census", run="13"))
    assert "This view is out of date" in said
    assert "did not answer within 10 s" in said


def test_release__for_a_reader__has_no_button_and_says_why(visit: Visit) -> None:
    app = visit("release", person="demo:dee", project="census", run="13")
    assert not [b for b in app.button if b.label == "Cancel release"]
    assert "Only operators" in texts(app)


def test_release__pending_approval_for_a_reader__says_who_decides(visit: Visit) -> None:
    app = visit("release", person="demo:dee", state={"release_tabs": "Approvals"}, project="census", run="13")
    assert not [b for b in app.button if b.label.startswith("Approve")]
    assert "an approver can decide in Azure DevOps" in texts(app)


def test_release__deployments__are_asked_for_when_their_tab_is_open_and_escaped(
    visit: Visit, opened: FakeOpened
) -> None:
    said = texts(visit("release", state={"release_tabs": "Deployments"}, project="census", run="13"))
    assert "this release" in said
    assert "release-&lt;b&gt;model" in said
    opened.portal.releases.is_down = True  # type: ignore[attr-defined]
    assert "does not answer" in texts(
        visit("release", state={"release_tabs": "Deployments"}, project="census", run="13")
    )
    assert "this release" not in texts(visit("release", project="census", run="13"))


def test_why__contradicted_fact__shows_all_claims_with_their_sources(visit: Visit) -> None:
    said = texts(visit("why", person="demo:dee", prediction="3f1c-0001"))
    assert "was live in production" in said
    assert "contradicted" in said
    assert "svc-train" in said
    assert "run tag mlflow.user" in said


def test_why__asked_once__is_looked_up_with_the_exact_id(visit: Visit, opened: FakeOpened) -> None:
    odd = world.PREDICTIONS[1].request_id
    visit("why", person="demo:dee", prediction=odd)
    assert set(opened.portal.why.asked) == {odd}  # type: ignore[attr-defined]


def test_why__role_that_may_not__is_told(visit: Visit) -> None:
    assert "Your role does not look up predictions" in texts(visit("why", person="demo:ope", prediction="3f1c-0001"))


def test_ledger__tampered__is_said_loudly(visit: Visit, opened: FakeOpened) -> None:
    opened.portal.ledger.is_intact = False  # type: ignore[attr-defined]
    app = visit("log")
    next(b for b in app.button if b.label.startswith("Verify")).click().run()
    assert "not intact" in texts(app)


def test_ledger__filters__come_from_the_address(visit: Visit) -> None:
    said = texts(visit("log", ledger_request="req-4", ledger_actor="ben"))
    assert "Ben Okafor</strong> did" in said
    assert "Ana Novak</strong> did" not in said


def test_portal__nobody_signed_in__shows_no_page(opened: FakeOpened) -> None:
    wiring.use(opened, person_id="demo:stranger")
    app = AppTest.from_file(SCRIPT, default_timeout=60).run()
    assert "signed out" in texts(app)
    assert "census" not in texts(app)


def test_portal__no_demo_people__has_no_picker_and_says_what_to_do() -> None:
    wiring.use(fake_opened(demo_people=()), person_id="demo:ben")
    try:
        app = AppTest.from_file(SCRIPT, default_timeout=60).run()
        assert "Nobody can sign in yet" in texts(app)
    finally:
        wiring.use(None)
