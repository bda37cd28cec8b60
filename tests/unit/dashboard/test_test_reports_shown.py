"""What the pages say of test reports: green only for what is certain, and what is left open in words."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from services.domain.catalogue import TestCase, TestReport
from services.domain.examined import Examined, LeftOut
from services.domain.test_results import sealed_report
from services.promotions.sealed.evidence import SealedEvidence


def version_page(reports: list[TestReport]) -> AppTest:
    def page(reports: list[object]) -> None:
        from dashboard.widgets.version.facts import show_tests

        show_tests(reports)  # type: ignore[arg-type]

    shown = AppTest.from_function(page, kwargs={"reports": reports}).run(timeout=30)
    assert not shown.exception
    return shown


def request_page(reports: list[TestReport]) -> str:
    def page(sealed: object) -> None:
        from dashboard.widgets.request.sections import show_failed_tests

        show_failed_tests(sealed)  # type: ignore[arg-type]

    sealed = SealedEvidence.from_json({"checks": [], "tests": [sealed_report(report) for report in reports]})
    shown = AppTest.from_function(page, kwargs={"sealed": sealed}).run(timeout=30)
    assert not shown.exception
    return " ".join(
        str(getattr(part, "value", getattr(part, "body", ""))) for part in [*shown.markdown, *shown.get("html")]
    )


def test_version_page__report_in_doubt__is_not_green_and_says_why() -> None:
    left_out = Examined(left_out=(LeftOut("5 of 25 test reports", "a limit"),))
    for report, said in (
        (
            TestReport("a", "s", "", 3, 0, 0, contradictions=("It ended with exit code 1.",)),
            "It ended with exit code 1.",
        ),
        (TestReport("a", "s", "", 3, 0, 0, not_run=1), "1 test was not run"),
        (TestReport("a", "s", "", 3, 0, 0, examined=left_out), "5 of 25 test reports not checked"),
        (TestReport("a", "s", "", 0, 0, 0, problem="The file is not XML."), "could not be read"),
    ):
        shown = version_page([report])
        label = shown.expander[0].label
        assert "green" not in label
        assert ":orange[?]" in label
        assert any(said in warning.value.replace("\\", "") for warning in shown.warning)


def test_version_page__certain_report__is_green_and_names_flaky_tests_and_what_is_not_listed() -> None:
    cases = tuple(TestCase(f"t{n}", "passed") for n in range(300))
    shown = version_page([TestReport("a", "s", "", 500, 0, 0, cases, flaky=("t1",), unlisted=200, exit_code=0)])
    assert ":green[✓]" in shown.expander[0].label
    said = " ".join(caption.value for caption in shown.caption).replace("\\", "")
    assert "200 of 500 tests are listed" in said
    assert "run again: t1" in said
    assert "exit code 0" in said


def test_request_page__more_failures_than_are_sealed__says_so() -> None:
    cases = tuple(TestCase(f"t{n}", "failed", None, "no") for n in range(130))
    text = request_page([TestReport("a", "s", "", 0, 130, 0, cases)])
    assert "30 of 130 tests that did not pass" in text
    assert "t99: no" in text
