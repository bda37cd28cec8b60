"""Does the product ever say green where it is not? Inputs of known truth, each also with something changed.

    python -m benchmarks.truth [--inputs 500] [--seed 1] [--quick]

The truth is the generator's, who made the input so; the code under test has no part in it. Prints a line a kind and
each wrong answer. The last line is JSON. Exit code 1 on any wrong green, any false red, and any *unknown* where the
input settles the answer.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.truth import (
    cards,
    drift,
    groups,
    logs,
    models,
    policies,
    reports,
    requirements,
    signatures,
    tables,
    training,
)
from benchmarks.truth.case import Answer, Case, Judge, Maker, Outcome, outcome_of

MAKERS: tuple[Maker, ...] = (
    tables.make, drift.make, groups.make, reports.make, logs.make, cards.make, requirements.make, signatures.make,
    policies.make, models.make, training.make,
)  # fmt: skip
INPUTS, QUICK = 500, 66
SHOWN = 40
"""Wrong answers that are printed one by one; all are counted."""


@dataclass
class Tally:
    """What came out for one kind."""

    inputs: int = 0
    changed: int = 0
    unknown: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Sum up."""
        self.inputs += other.inputs
        self.changed += other.changed
        self.unknown += other.unknown
        self.outcomes += other.outcomes

    @property
    def is_right(self) -> bool:
        """Nothing wrong, and nothing unknown that the input settles."""
        return not any(self.outcomes[kind] for kind in Outcome if kind is not Outcome.RIGHT)


def product(case: Case) -> Answer:
    """The judge under test."""
    return case.ask()


def groups_of_cases(inputs: int, seed: int) -> Iterator[Sequence[Case]]:
    """So many inputs, in turns over all kinds, each with its changed forms; the same ones for one seed."""
    for number in range(inputs):
        make = MAKERS[number % len(MAKERS)]
        yield make(random.Random(f"{seed} {number}"))


def measure(inputs: int, seed: int, judge: Judge) -> tuple[dict[str, Tally], list[str]]:
    """Ask the judge about everything: what came out by kind, and a sentence on each wrong answer."""
    tallies: dict[str, Tally] = {}
    wrong: list[str] = []
    for cases in groups_of_cases(inputs, seed):
        tally = tallies.setdefault(cases[0].kind, Tally())
        tally.inputs += 1
        tally.changed += len(cases) - 1
        for case in cases:
            answer = judge(case)
            found = outcome_of(case.truth, answer)
            tally.outcomes[found] += 1
            tally.unknown += answer is Answer.UNKNOWN
            if found is not Outcome.RIGHT:
                wrong.append(
                    f"{found.value}: {case.kind}, {case.name}: expected {case.truth.value}, reported {answer.value}"
                )
    return tallies, wrong


def _print(tallies: dict[str, Tally], wrong: list[str]) -> None:
    heads = ("inputs", "changed", "wrong green", "false red", "unknown", "unknown where settled")
    print(f"{'kind':<20}" + "".join(f"{head:>{len(head) + 3}}" for head in heads))
    for kind, tally in tallies.items():
        bad = [tally.outcomes[name] for name in (Outcome.WRONG_GREEN, Outcome.FALSE_RED)]
        values = (tally.inputs, tally.changed, *bad, tally.unknown, tally.outcomes[Outcome.UNKNOWN_SETTLED])
        print(f"{kind:<20}" + "".join(f"{v:>{len(h) + 3}}" for v, h in zip(values, heads, strict=True)))
    counted = Counter(wrong)
    for sentence, times in list(counted.items())[:SHOWN]:
        print(f"{sentence} ({times} times)" if times > 1 else sentence)
    if len(counted) > SHOWN:
        print(f"… and {len(counted) - SHOWN:,} more kinds of wrong answers")


def main(arguments: Sequence[str] | None = None, *, judge: Judge = product) -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--inputs", type=int, default=None, help=f"inputs over all kinds (default {INPUTS})")
    parser.add_argument("--seed", type=int, default=1, help="other inputs (default 1)")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} inputs")
    given = parser.parse_args(arguments)
    inputs = given.inputs if given.inputs is not None else QUICK if given.quick else INPUTS
    if inputs < len(MAKERS):
        parser.error(f"--inputs must be at least {len(MAKERS)}, so that each kind is asked about")
    tallies, wrong = measure(inputs, given.seed, judge)
    total = Tally()
    for tally in tallies.values():
        total.add(tally)
    _print({**tallies, "all": total}, wrong)
    print(json.dumps(_line(total)))
    return 0 if total.is_right else 1


def _line(total: Tally) -> dict[str, int]:
    return {
        "inputs": total.inputs,
        "changed": total.changed,
        "wrong_green": total.outcomes[Outcome.WRONG_GREEN],
        "false_red": total.outcomes[Outcome.FALSE_RED],
        "unknown": total.unknown,
        "unknown_where_settled": total.outcomes[Outcome.UNKNOWN_SETTLED],
    }


if __name__ == "__main__":
    sys.exit(main())
