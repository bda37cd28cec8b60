"""Groups of rows with rates that were set exactly: alike, apart, too small, or one that cannot be judged."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.truth.case import Answer, Case, Truth
from benchmarks.truth.gate import ask
from benchmarks.truth.tables import Columns, compared, cut

GROUPS = ("north", "south", "east", "west")
BOUND = 0.1


def _bound(rate: str, column: str = "region") -> tuple[str, Mapping[str, Any]]:
    return "fairness_bound", {"column": column, "rate": rate, "max_difference": BOUND}


def table(rates: Mapping[str, float], rows: int, *, positives: float = 0.5, no_positives: str = "") -> Columns:
    """In each group that share of the positive rows is selected, and of the negative ones as well."""
    label, score, region = [], [], []
    for group, rate in rates.items():
        for is_positive in (True, False):
            count = round(rows * (positives if is_positive else 1 - positives))
            is_one = is_positive and group != no_positives
            label += [int(is_one)] * count
            score += [0.9 if place < round(rate * count) else 0.1 for place in range(count)]
            region += [group] * count
    ids = [f"row-{number}" for number in range(len(label))]
    return {"row_id": ids, "label": label, "score": score, "region": region}


def _accurate(right: Mapping[str, float], rows: int, *, no_positives: str = "") -> Columns:
    """In each group the scores are on the label's side in that share of the rows."""
    made = table(dict.fromkeys(right, 0.0), rows, no_positives=no_positives)
    counts = dict.fromkeys(right, 0)
    for at, group in enumerate(made["region"]):
        counts[group] += 1
        is_right = (counts[group] * 7919) % rows < right[group] * rows
        made["score"][at] = 0.9 if bool(made["label"][at]) is is_right else 0.1
    return made


def _case(
    name: str, truth: Truth, kind: str, settings: Mapping[str, Any], *tables: Columns, metric: str | None = None
) -> Case:
    def answer() -> Answer:
        candidate, current = tables if len(tables) == 2 else (tables[0], tables[0])
        return ask(kind, settings, compared(candidate, current, metric=metric))

    return Case("groups", name, truth, answer)


def _without(made: Columns, group: str, share: float) -> Columns:
    """Without that share of a group's rows, spread evenly over them, so that its rates stay."""
    places = np.array([at for at, found in enumerate(made["region"]) if found == group])
    lost = places[np.linspace(0, len(places) - 1, round(share * len(places))).astype(int)]
    return cut(made, np.setdiff1d(np.arange(len(made["region"])), lost))


def make(chance: random.Random) -> Sequence[Case]:
    """Groups that are alike; then one moved, made small, stripped of positive rows, or lost in one table."""
    groups, rows = chance.sample(GROUPS, chance.randint(2, 4)), 20 * chance.randint(6, 15)
    base, victim = chance.choice([0.3, 0.4, 0.5, 0.6]), chance.choice(groups)
    alike = {group: base + chance.choice([0.0, 0.05]) for group in groups}
    apart = {**dict.fromkeys(groups, base), victim: base + 0.3}
    rate = chance.choice(["selection rate", "true positive rate", "false positive rate"])
    bound = _bound(rate)
    good, bad = table(alike, rows), table(apart, rows)
    blank = table({**alike, "islands": base}, rows, no_positives="islands")
    small = {name: [*good[name], *part] for name, part in table({"islands": 1.0}, 16).items()}
    small["row_id"] = [f"row-{number}" for number in range(len(small["label"]))]
    nothing = {name: values for name, values in good.items() if name != "region"}
    return (
        _case(f"{rate}, alike", Truth.GOOD, *bound, good),
        _case(f"{rate}, apart", Truth.BAD, *bound, bad, good),
        _case(f"{rate}, a small group far off", Truth.GOOD, *bound, small),
        _case("a group without positive rows", Truth.OPEN, *_bound("true positive rate"), blank),
        _case("a group without positive rows, selected", Truth.GOOD, *_bound("selection rate"), blank),
        _case("a fifth of a group lost", Truth.OPEN, *bound, _without(good, victim, 0.2), good),
        _case("a whole group lost", Truth.OPEN, *bound, good, _without(good, victim, 1.0)),
        _case("apart, a part of a group lost", Truth.BAD, *bound, _without(bad, victim, 0.1), good),
        _case("column removed", Truth.OPEN, *bound, nothing),
        _case("another column asked for", Truth.OPEN, *_bound(rate, "sex"), good),
        *_slices(chance, groups, victim),
    )  # fmt: skip


def _slices(chance: random.Random, groups: Sequence[str], victim: str) -> list[Case]:
    rows = 20 * chance.randint(6, 15)
    floor = ("slice_floor", {"at_least": 0.7, "columns": ["region"]})
    fine = _accurate(dict.fromkeys(groups, 0.85), rows)
    low = _accurate({**dict.fromkeys(groups, 0.85), victim: 0.5}, rows)
    blank = _accurate({**dict.fromkeys(groups, 0.85), "islands": 0.85}, rows, no_positives="islands")
    nothing, less = {name: values for name, values in fine.items() if name != "region"}, _without(fine, victim, 0.2)
    return [
        _case("every slice accurate", Truth.GOOD, *floor, fine, metric="accuracy"),
        _case("a slice below the floor", Truth.BAD, *floor, low, metric="accuracy"),
        _case("a slice whose AUC nobody can tell", Truth.OPEN, *floor, blank, metric="auc"),
        _case("a fifth of a slice lost", Truth.OPEN, *floor, less, fine, metric="accuracy"),
        _case("slices removed", Truth.OPEN, *floor, nothing, metric="accuracy"),
    ]  # fmt: skip
