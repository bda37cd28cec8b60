"""Test results of a version, from its reports and from the tags that pipelines set on it.

Green means: every report was read in full, nothing contradicts it, and every test that ran passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

from services.domain.catalogue import TestCase, TestReport
from services.domain.checks import Verdict
from services.domain.examined import WHOLE, Examined, LeftOut, together

PASSED, FAILED, ERROR, SKIPPED = "passed", "failed", "error", "skipped"
TO_COME, DISABLED = "to do", "disabled"
WARNED = "warning"
NOT_RUN = "not run"
FAILING = frozenset({FAILED, ERROR})
SKIPPING = frozenset({SKIPPED, TO_COME, DISABLED})
"""Skipped on purpose by the test's author."""
LISTED = 2_000
"""Maximum number of tests that a report lists; its counts include all."""
SEALED = 100
"""Maximum number of failed tests per report in the sealed evidence."""
TAG = re.compile(
    r"^countersign\.test\.(?P<name>[\w-]+)\.(?P<field>passed|failed|skipped|not_run|exit_code|url)$"
)  # fmt: skip


def report_of(
    title: str, source: str, cases: Sequence[TestCase], *, link: str = "", flaky: Sequence[str] = (),
    contradictions: Sequence[str] = (), examined: Examined = WHOLE,
) -> TestReport:  # fmt: skip
    """A report that counts all cases and lists the most important first."""
    outcomes = [case.outcome for case in cases]
    listed = cases if len(cases) <= LISTED else sorted(cases, key=_rank)[:LISTED]
    return TestReport(
        title,
        source,
        link,
        passed=outcomes.count(PASSED),
        failed=sum(outcome in FAILING for outcome in outcomes),
        skipped=sum(outcome in SKIPPING for outcome in outcomes),
        cases=tuple(listed),
        not_run=outcomes.count(NOT_RUN),
        warned=outcomes.count(WARNED),
        flaky=tuple(dict.fromkeys(flaky)),
        unlisted=len(cases) - len(listed),
        contradictions=tuple(dict.fromkeys(contradictions)),
        examined=examined,
    )


def rank(outcome: str) -> int:
    """Sort order of a test in a list: failed first, passed last."""
    if outcome in FAILING:
        return 0
    if outcome == PASSED:
        return 3
    return 2 if outcome in SKIPPING else 1


def _rank(case: TestCase) -> int:
    return rank(case.outcome)


def broken_report(title: str, source: str, problem: str) -> TestReport:
    """A report that could not be read."""
    return TestReport(title, source, "", 0, 0, 0, (), problem)


def with_exit_code(report: TestReport, exit_code: int | None) -> TestReport:
    """Add the exit code of the test step: a failed step contradicts a report without failures."""
    if exit_code is None:
        return report
    known = replace(report, exit_code=exit_code)
    if exit_code == 0 or report.failed or report.problem:
        return known
    return replace(known, contradictions=(*report.contradictions, _exited(exit_code)))


def _exited(exit_code: int) -> str:
    return f"The step that ran the tests ended with exit code {exit_code}, and the report shows no failed test."


def reports_from_tags(tags: Mapping[str, str]) -> tuple[TestReport, ...]:
    """Tags that pipelines set on the version: ``countersign.test.NAME.passed|failed|skipped|not_run|exit_code|url``."""
    found: dict[str, dict[str, str]] = {}
    for tag, value in tags.items():
        match = TAG.match(tag)
        if match:
            found.setdefault(match["name"], {})[match["field"]] = value
    return tuple(_tagged(name, kept) for name, kept in sorted(found.items()))


def _tagged(name: str, kept: Mapping[str, str]) -> TestReport:
    source = f"version tags countersign.test.{name}.*"
    wanted = ("passed", "failed", "exit_code") if "not_run" in kept else ("passed", "failed")
    missing = [field for field in wanted if field not in kept]
    if missing:
        return broken_report(name, source, f"The tag {' and the tag '.join(missing)} is missing.")
    try:
        passed, failed, skipped, not_run = (int(kept.get(k, "0")) for k in ("passed", "failed", "skipped", "not_run"))
        exit_code = None if kept.get("exit_code", "unknown") == "unknown" else int(kept["exit_code"])
    except ValueError:
        return broken_report(name, source, "The tags do not hold numbers.")
    if min(passed, failed, skipped, not_run) < 0:
        return broken_report(name, source, "The tags hold negative numbers.")
    if passed + failed + skipped + not_run == 0:
        return broken_report(name, source, "The tags name no test.")
    report = TestReport(name, source, kept.get("url", ""), passed, failed, skipped, not_run=not_run)
    return with_exit_code(report, exit_code)


def doubts(report: TestReport) -> tuple[str, ...]:
    """Why a report without failed tests is not green; empty if it is."""
    said = list(report.contradictions)
    if report.problem:
        said.append(f"It could not be read: {report.problem}")
    if report.not_run:
        were = "test was" if report.not_run == 1 else "tests were"
        said.append(f"{report.not_run:,} {were} not run or ended with an unclear outcome.")
    if not report.examined.is_whole:
        said += report.examined.sentences()
    return tuple(said)


def totals(reports: Iterable[TestReport]) -> tuple[int | None, int | None]:
    """Passed and failed over all reports; None if no test failed and a report is missing or doubtful."""
    listed = list(reports)
    failed = sum(report.failed for report in listed)
    if not failed and (not listed or any(doubts(report) for report in listed)):
        return None, None
    return sum(report.passed for report in listed), failed


@dataclass(frozen=True)
class Judgement:
    """The combined result of a version's test reports."""

    verdict: Verdict
    sentence: str
    value: str = "unknown"
    examined: Examined = WHOLE


def judge(reports: Sequence[TestReport]) -> Judgement:
    """Passes only if every report was read in full, is consistent, and every test that ran passed."""
    if not reports:
        return Judgement(Verdict.UNKNOWN, "This version has no test results.")
    failing = [report.title for report in reports if report.failed]
    unsure = [f"{report.title}: {' '.join(said)}" for report in reports if (said := doubts(report))]
    value, examined = counts_of(reports), together(report.examined for report in reports)
    if failing:
        return Judgement(Verdict.FAIL, " ".join([f"Failing: {', '.join(failing)}.", *unsure]), value, examined)
    if unsure:
        return Judgement(Verdict.UNKNOWN, " ".join(["Not certain.", *unsure]), value, examined)
    if not any(report.passed or report.warned for report in reports):
        is_empty = not any(report.skipped for report in reports)
        sentence = "The reports list no test." if is_empty else "Every test was skipped; nothing was tested."
        return Judgement(Verdict.UNKNOWN, sentence, value, examined)
    verdict = Verdict.WARN if any(report.warned for report in reports) else Verdict.PASS
    return Judgement(verdict, _good_news(reports), value, examined)


def _good_news(reports: Sequence[TestReport]) -> str:
    skipped, warned = sum(r.skipped for r in reports), sum(r.warned for r in reports)
    flaky = [name for report in reports for name in report.flaky]
    parts = ["Every test passed." if not skipped and not warned else "No test failed."]
    if warned:
        parts.append(f"{warned:,} gave a warning.")
    if skipped:
        parts.append(f"{skipped:,} skipped.")
    if flaky:
        more = f" and {len(flaky) - 10:,} more" if len(flaky) > 10 else ""
        parts.append(f"Flaky (passed only on a rerun): {', '.join(flaky[:10])}{more}.")
    return " ".join(parts)


def counts_of(reports: Sequence[TestReport]) -> str:
    """Like ``12 passed, 0 failed, 1 skipped``; zero counts are omitted, except the first two."""
    passed, failed = sum(r.passed for r in reports), sum(r.failed for r in reports)
    more = {
        "skipped": sum(r.skipped for r in reports),
        "gave a warning": sum(r.warned for r in reports),
        "not run": sum(r.not_run for r in reports),
        "could not be read": sum(bool(r.problem) for r in reports),
    }
    named = [f"{number} {what}" for what, number in more.items() if number]
    return ", ".join([f"{passed} passed", f"{failed} failed", *named])


def line_of(report: TestReport) -> str:
    """A report as one line for the signed plan: the same report always gives the same line."""
    if report.problem:
        return report.problem
    counts = f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped"
    more = [f"{number} {what}" for number, what in ((report.warned, "warning"), (report.not_run, "not run")) if number]
    said = [*report.contradictions, *report.examined.sentences()]
    return " ".join([", ".join([counts, *more]), *(f"({sentence})" for sentence in said)])


_DEFAULTS = {field.name: field.default for field in fields(TestReport) if field.default is not MISSING}
_ALWAYS = {"title", "source", "link", "passed", "failed", "skipped", "cases", "problem"}


def sealed_report(report: TestReport) -> dict[str, Any]:
    """A report in sealed form: lists only failed or doubtful tests, with the number omitted."""
    wanted = [case for case in report.cases if case.outcome != PASSED and case.outcome not in SKIPPING]
    value = {
        name: item
        for name, item in asdict(report).items()
        if name in _ALWAYS or getattr(report, name) != _DEFAULTS[name]
    }
    value.pop("unlisted", None)
    value["cases"] = [asdict(case) for case in wanted[:SEALED]]
    there_are = report.failed + report.not_run + report.warned if report.unlisted else len(wanted)
    left_out = there_are - len(value["cases"])
    if left_out > 0:
        why = f"of one report the first {SEALED} are sealed; the counts include all"
        value["cases_left_out"] = asdict(LeftOut(f"{left_out:,} of {there_are:,} tests that did not pass", why))
    return value


def unsealed_report(value: Mapping[str, Any]) -> TestReport:
    """A sealed report, without its list of tests. Reports sealed by earlier versions have fewer fields."""
    known = {name: item for name, item in value.items() if name in {field.name for field in fields(TestReport)}}
    known |= {name: tuple(known[name]) for name in ("flaky", "contradictions") if name in known}
    if "examined" in known:
        known["examined"] = Examined.from_json(known["examined"])
    return TestReport(**{**known, "cases": ()})
