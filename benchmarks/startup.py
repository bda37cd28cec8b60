"""How long `make demo` takes, and how much memory it uses at rest: this build against the one before the redesign.

    python -m benchmarks.startup [--quick] [--base FOLDER]

The base is always commit 1c17697, in a separate worktree and environment, both created here as `make` creates them;
FOLDER keeps them for the next run. Bytecode and compiled kernels of both builds are on disk before anything is timed.

The builds alternate, so that other load on the machine affects both. A *first* start begins with an empty folder, a
*second* one with the folder of the first. `ready_s` runs from the command to its printed address. `rest_mb` is the
proportional memory (PSS, 10^6 bytes) of all its processes, read when they have been quiet for some seconds after the
address and every endpoint answers (one that did not come back by itself is deployed again, and counted as `lost`).
The last line is JSON. The exit status is 1 when a median ratio is above the target.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.startup_base import BASE, Build, BuildError, base_build, remove_base, this_build
from benchmarks.startup_run import Started, start_once

TARGET = 0.6
ROUNDS, QUICK_ROUNDS = 3, 1
STARTS = ("first", "second")
FIGURES = {"ready_s": "s to the address", "rest_mb": "MB at rest"}
Found = dict[str, dict[str, list[Started]]]
"""By build, by start: one entry a round."""


def main() -> int:
    """Measure, print the table, and the JSON line last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--base", type=Path, help="folder that keeps the base's worktree and environment between runs")
    arguments = parser.parse_args()
    with _folder(arguments.base) as folder:
        try:
            found = measure([base_build(folder), this_build()], QUICK_ROUNDS if arguments.quick else ROUNDS)
        except BuildError as error:
            print(error, file=sys.stderr)
            return 2
    answer = summary(found)
    print_table(found, answer["ratio"])
    print(json.dumps(answer))
    return 0 if answer["is_met"] else 1


def measure(builds: list[Build], rounds: int) -> Found:
    """A first and a second start of each build a round; who begins changes from round to round."""
    found: Found = {build.name: {start: [] for start in STARTS} for build in builds}
    for number in range(rounds):
        for build in builds[:: -1 if number % 2 else 1]:
            with TemporaryDirectory(prefix="startup-world-") as world:
                for start in STARTS:
                    started = start_once(build, Path(world))
                    found[build.name][start].append(started)
                    print(f"round {number + 1}, {build.name}, {start}: {started.line()}", flush=True)
    return found


def summary(found: Found) -> dict[str, object]:
    """Medians by build and start, the median of each round's ratio, and whether all ratios reach the target."""
    base, new = found[BASE.name], found["new"]
    ratio = {
        start: {
            name: round(
                statistics.median(
                    getattr(after, name) / getattr(before, name)
                    for before, after in zip(base[start], new[start], strict=True)
                ),
                3,
            )
            for name in FIGURES
        }
        for start in STARTS
    }
    is_met = all(value <= TARGET for by_figure in ratio.values() for value in by_figure.values())
    medians = {name: {start: _median(rows) for start, rows in starts.items()} for name, starts in found.items()}
    return {"commit": BASE.commit, "target": TARGET, "is_met": is_met, "ratio": ratio, **medians}


def _median(rows: list[Started]) -> dict[str, object]:
    middle = sorted(rows, key=lambda row: row.rest_mb)[len(rows) // 2]
    figures = {name: round(statistics.median(getattr(row, name) for row in rows), 1) for name in FIGURES}
    by_process = {name: round(size, 1) for name, size in middle.by_process.items()}
    return {**figures, "lost": max(row.lost for row in rows), "by_process": by_process}


def print_table(found: Found, ratio: object) -> None:
    """Both figures of both starts, and the processes behind the memory."""
    assert isinstance(ratio, dict)
    print(f"{'':>24} {'base':>10} {'new':>10} {'ratio':>8}   target {TARGET}")
    for start in STARTS:
        for name, label in FIGURES.items():
            base, new = (statistics.median(getattr(row, name) for row in found[b][start]) for b in (BASE.name, "new"))
            print(f"{start + ', ' + label:>24} {base:>10,.1f} {new:>10,.1f} {ratio[start][name]:>8.2f}")
    for build, starts in found.items():
        for name, size in sorted(starts["first"][-1].by_process.items(), key=lambda pair: -pair[1]):
            print(f"{build:>24} {size:>10,.1f} MB  {name}")


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    with ExitStack() as stack:
        if kept is None:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="startup-base-")))
            stack.callback(remove_base, folder)
            yield folder
        else:
            kept.mkdir(parents=True, exist_ok=True)
            yield kept.resolve()


if __name__ == "__main__":
    sys.exit(main())
