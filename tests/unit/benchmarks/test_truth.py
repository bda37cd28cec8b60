"""The benchmark of known truth: it fails a product that is always sure, never sure, or wrong about one kind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from benchmarks.truth.__main__ import MAKERS, groups_of_cases, main, measure, product
from benchmarks.truth.case import Answer, Case, Outcome, Truth, outcome_of

FEWEST = ["--inputs", str(len(MAKERS))]
KINDS = 11


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    found: dict[str, int] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_benchmark__the_product__is_right_about_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FEWEST, "--seed", "7"]) == 0
    line = last_line(capsys)
    assert (line["inputs"], line["wrong_green"], line["false_red"]) == (KINDS, 0, 0)
    assert line["unknown"] > 0 == line["unknown_where_settled"]


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (Answer.UNKNOWN, "unknown_where_settled"),
        (Answer.GREEN, "wrong_green"),
        (Answer.RED, "false_red"),
        (Answer.FALSE, "wrong_green"),
        (Answer.WARNED, "wrong_green"),
    ],
)
def test_benchmark__a_judge_that_always_says_the_same__fails(
    answer: Answer, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(FEWEST, judge=lambda _: answer) == 1
    assert last_line(capsys)[wrong] > 0


@pytest.mark.parametrize("answer", [Answer.UNKNOWN, Answer.GREEN])
def test_benchmark__always_the_same__is_wrong_about_each_kind_of_input(answer: Answer) -> None:
    tallies, _ = measure(KINDS, 1, lambda _: answer)
    assert len(tallies) == KINDS
    assert not any(tally.is_right for tally in tallies.values())


def test_benchmark__one_wrong_green_among_right_answers__fails(capsys: pytest.CaptureFixture[str]) -> None:
    """As a reader of test reports that passes over a failing one."""

    def lenient(case: Case) -> Answer:
        return Answer.GREEN if case.name.endswith("one failed") else knowing(case)

    assert main(FEWEST, judge=knowing) == 0
    assert main(FEWEST, judge=lenient) == 1
    assert last_line(capsys)["wrong_green"] == 1


def knowing(case: Case) -> Answer:
    """Answers by the truth itself."""
    sure = {Truth.GOOD: Answer.GREEN, Truth.FAIR: Answer.WARNED, Truth.BAD: Answer.RED}
    return sure.get(case.truth, Answer.UNKNOWN)


@pytest.mark.parametrize(
    ("truth", "answer", "outcome"),
    [
        (Truth.GOOD, Answer.GREEN, Outcome.RIGHT), (Truth.GOOD, Answer.WARNED, Outcome.FALSE_RED),
        (Truth.GOOD, Answer.FALSE, Outcome.WRONG_GREEN), (Truth.FAIR, Answer.GREEN, Outcome.WRONG_GREEN),
        (Truth.FAIR, Answer.RED, Outcome.FALSE_RED), (Truth.BAD, Answer.RED, Outcome.RIGHT),
        (Truth.BAD, Answer.UNKNOWN, Outcome.UNKNOWN_SETTLED), (Truth.OPEN, Answer.UNKNOWN, Outcome.RIGHT),
        (Truth.OPEN, Answer.RED, Outcome.FALSE_RED), (Truth.OPEN, Answer.WARNED, Outcome.WRONG_GREEN),
        (Truth.DOUBTFUL, Answer.RED, Outcome.RIGHT), (Truth.DOUBTFUL, Answer.GREEN, Outcome.WRONG_GREEN),
    ],
)  # fmt: skip
def test_outcome__answer_against_truth__is_as_defined(truth: Truth, answer: Answer, outcome: Outcome) -> None:
    assert outcome_of(truth, answer) is outcome


def test_inputs__same_seed__are_the_same_and_another_seed_gives_others() -> None:
    def names(seed: int) -> list[str]:
        return [f"{case.kind} {case.name} {case.truth}" for cases in groups_of_cases(22, seed) for case in cases]

    assert names(1) == names(1)
    assert names(1) != names(2)


@pytest.mark.parametrize("make", MAKERS)
def test_inputs__each_kind__starts_whole_and_has_good_and_other_truths(
    make: Callable[[random.Random], list[Case]],
) -> None:
    cases = [case for seed in range(5) for case in make(random.Random(seed))]
    assert len({case.kind for case in cases}) == 1
    assert Truth.GOOD in {case.truth for case in cases}
    assert {case.truth for case in cases} & {Truth.BAD, Truth.OPEN, Truth.DOUBTFUL}


def test_inputs__fewer_than_kinds__are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--inputs", "3"], judge=product)
