"""How one `<testcase>` ended, as the many writers of JUnit files say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from services.catalogue.test_reports.documents import children, local, seconds, shortened
from services.domain import test_results as results
from services.domain.catalogue import TestCase

_PASSED = {
    "", "run", "passed", "pass", "ok", "success", "successful", "succeeded", "completed", "complete", "finished",
    "executed", "done", "fixed", "true", "flaky",
}  # fmt: skip
_FAILED = {
    "failed", "fail", "failure", "ko", "false", "regression", "undefined", "timedout", "timeout", "timed out",
}  # fmt: skip
_ERROR = {"error", "errored", "broken", "crashed", "aborted", "hook_error", "cleanup_error"}
_SKIPPED = {"skipped", "skip", "ignored", "ignore", "pending", "suppressed"}
_NODE_FAILURES = {
    "testCodeFailure", "subtestsFailed", "testTimeoutFailure", "cancelledByParent", "hookFailed", "testAborted",
    "parentAlreadyFinished", "multipleCallbackInvocations", "callbackAndPromisePresent", "uncaughtException",
    "unhandledRejection", "expectedFailure",
}  # fmt: skip
_CTEST_SKIPPED = "SKIP_"
"""CTest says so for a test that skipped itself; anything else on `notrun` is a test that could not be run."""
_CTEST_NOT_RUN = {"Unable to find executable", "Fixture dependency failed", "Failed to start", "Not Run"}
_TRIES = {"flakyFailure", "flakyError", "rerunFailure", "rerunError"}
_VERDICT = re.compile(
    r"fail|error|exception|abort|crash|broken|time-?d?-?out|not-?run|inconclusive|unstable", re.IGNORECASE
)


@dataclass(frozen=True)
class Seen:
    """A `<testcase>` and what a counter may have counted in it."""

    case: TestCase
    failures: int = 0
    """Its `failure` and `error` elements; pytest counts each failed subtest."""
    is_bare: bool = False
    """True where it says nothing but that it was run."""
    is_flaky: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other tests of its suite."""
        return self.case.suite, self.case.name


def read_case(element: Element, *, is_node: bool, disabled_in_suite: bool) -> Seen:
    """One test. `is_node`: the file is node's, where a failure of a todo test does not count."""
    failures = [inner for inner in element if local(inner).lower() in ("failure", "error")]
    outcome, message = _outcome(element, failures, is_node=is_node, disabled_in_suite=disabled_in_suite)
    flaky = outcome == results.PASSED and bool(children(element, "flakyFailure", "flakyError"))
    case = TestCase(
        element.get("name") or "unnamed",
        outcome,
        seconds(element.get("time")),
        shortened(message) or ("passed only when it was run again" if flaky else ""),
        element.get("classname", ""),
    )
    return Seen(case, len(failures), not len(element) and outcome == results.PASSED, flaky)


def _outcome(
    element: Element, failures: list[Element], *, is_node: bool, disabled_in_suite: bool
) -> tuple[str, str]:  # fmt: skip
    words = _words(element)
    skipped = next(iter(children(element, "skipped")), None)
    if failures:
        if is_node and _is_node_todo(skipped, failures):
            return results.TO_COME, _text(skipped) or _text(failures[0])
        return (results.ERROR if local(failures[0]).lower() == "error" else results.FAILED), _text(failures[0])
    for kinds, outcome in ((_FAILED, results.FAILED), (_ERROR, results.ERROR)):
        if kinds.intersection(words):
            return outcome, f"Its status is {' '.join(word for word in words if word)}."
    reruns = children(element, "rerunFailure", "rerunError")
    if reruns and not children(element, "flakyFailure", "flakyError"):
        return results.FAILED, _text(reruns[0])
    if skipped is not None:
        return _skipped(element, skipped, words)
    return _by_words(element, words, disabled_in_suite=disabled_in_suite)


def _words(element: Element) -> list[str]:
    """What the attributes say: `status` and `result` first, then those that few writers know."""
    said = [element.get(name, "").strip().lower() for name in ("status", "result", "outcome", "success", "passed")]
    was_left_out = element.get("executed", "").strip().lower() in ("false", "no", "0")
    return [*said, "not executed"] if was_left_out else said


def _is_node_todo(skipped: Element | None, failures: list[Element]) -> bool:
    is_todo = skipped is not None and skipped.get("type") == "todo"
    return is_todo and all(failure.get("type") in _NODE_FAILURES for failure in failures)


def _skipped(element: Element, skipped: Element, words: list[str]) -> tuple[str, str]:
    message = _text(skipped)
    if skipped.get("type") == "todo":
        return results.TO_COME, message
    could_not = words[0] == "notrun" and not message.startswith(_CTEST_SKIPPED) and not words[1]
    is_ctest = element.get("name") == element.get("classname") or message in _CTEST_NOT_RUN
    return (results.NOT_RUN if could_not and is_ctest else results.SKIPPED), message


def _by_words(element: Element, words: list[str], *, disabled_in_suite: bool) -> tuple[str, str]:
    if "disabled" in words or "suppressed" in words or children(element, "disabled"):
        return results.DISABLED, ""
    if _SKIPPED.intersection(words) or children(element, "ignored", "ignore"):
        return results.SKIPPED, ""
    unclear = [word for word in words if word not in _PASSED]
    unclear += [f"<{local(inner)}>" for inner in element if _is_verdict(local(inner))]
    if not unclear:
        return results.PASSED, ""
    is_gtest = any("DISABLED_" in element.get(name, "") for name in ("name", "classname"))
    if unclear == ["notrun"] and (is_gtest or disabled_in_suite):
        return results.DISABLED, ""
    return results.NOT_RUN, f"Its status is {' '.join(unclear)}."


def _is_verdict(tag: str) -> bool:
    """Whether an element that no known writer uses looks as if it said that the test did not pass."""
    return _VERDICT.search(tag) is not None and tag not in _TRIES


def _text(element: Element | None) -> str:
    return "" if element is None else (element.get("message") or "".join(element.itertext())).strip()
