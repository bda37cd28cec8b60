"""How fast is the paired bootstrap? The reference loop and ours, interleaved in one run.

    python -m benchmarks.bootstrap [--quick]

Reference: draw row indices, scikit-learn's `roc_auc_score` of both models on them, 1000 times (timed on a few and
multiplied). Ours: 1000 resamples, sort included. The last line is JSON for machines; `delong_ratio` is the smallest
over the sizes, `peak_mb` the memory beyond the inputs at the largest size, measured in a separate process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.resampling.bootstrap import Draw, paired_auc, warm_up
from services.evidence.resampling.delong import delong_test

RESAMPLES = 1000
SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000, "1M": 1_000_000}
REFERENCE_STEPS = {"1k": 60, "10k": 30, "100k": 6, "1M": 1}
ROUNDS = 7
QUICK_ROUNDS = 3
Data = tuple[FloatArray, FloatArray, FloatArray]


@dataclass(frozen=True)
class Timing:
    """Medians in seconds for 1000 resamples; `*_cpu` on one thread."""

    reference: float
    ours: float
    delong: float
    reference_cpu: float
    ours_cpu: float
    rounds: int

    @property
    def ratio(self) -> float:
        """Speed-up by wall-clock time, two threads."""
        return self.reference / self.ours

    @property
    def cpu_ratio(self) -> float:
        """Speed-up by processor time, one thread each."""
        return self.reference_cpu / self.ours_cpu

    @property
    def delong_ratio(self) -> float:
        """DeLong's closed form against the loop."""
        return self.reference / self.delong


def make_data(rows: int) -> Data:
    """Labels (30 % positive) and two models' scores that resemble each other."""
    rng = np.random.default_rng(20)
    labels = (rng.random(rows) < 0.3).astype(np.float64)
    signal = labels + rng.normal(size=rows)
    return labels, signal + 0.5 * rng.normal(size=rows), signal + 0.6 * rng.normal(size=rows)


def reference_step(data: Data, rng: np.random.Generator) -> bool:
    """One turn of the published loop."""
    from sklearn.metrics import roc_auc_score

    labels, candidate, current = data
    rows = rng.integers(0, len(labels), len(labels))
    return bool(roc_auc_score(labels[rows], candidate[rows]) >= roc_auc_score(labels[rows], current[rows]))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def measure(name: str, rounds: int) -> Timing:
    """Reference, ours on one and on two threads, and DeLong, alternating; medians over the rounds."""
    data = make_data(SIZES[name])
    steps = REFERENCE_STEPS[name]
    rng = np.random.default_rng(1)
    reference_step(data, rng)
    parts: dict[str, list[tuple[float, float]]] = {"reference": [], "one": [], "two": [], "delong": []}
    for seed in range(rounds):
        parts["reference"].append(timed(lambda: [reference_step(data, rng) for _ in range(steps)]))
        parts["two"].append(timed(partial(paired_auc, *data, Draw(RESAMPLES, seed))))
        parts["one"].append(timed(partial(paired_auc, *data, Draw(RESAMPLES, seed, threads=1))))
        parts["delong"].append(timed(partial(delong_test, *data)))
    wall = {key: statistics.median(pair[0] for pair in pairs) for key, pairs in parts.items()}
    cpu = {key: statistics.median(pair[1] for pair in pairs) for key, pairs in parts.items()}
    scale = RESAMPLES / steps
    return Timing(wall["reference"] * scale, wall["two"], wall["delong"], cpu["reference"] * scale, cpu["one"], rounds)


def peak_above_inputs(rows: int) -> float:
    """Megabytes (10^6 bytes) that the bootstrap adds to its inputs at its peak, in a fresh process."""
    code = f"from benchmarks.bootstrap import print_peak; print_peak({rows})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    return float(done.stdout.split()[-1])


def print_peak(rows: int) -> None:
    """In the fresh process: inputs and compiled code first, then the peak above them."""
    data = make_data(rows)
    warm_up()
    paired_auc(*make_data(1000), Draw(128))
    before = _reset_peak()
    paired_auc(*data, Draw(256))
    print((_peak() - before) / 1e6)


def _reset_peak() -> int:
    """Reset the peak (Linux: proc(5), clear_refs) and return the memory in use now."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak()
    return _status("VmRSS")


def _peak() -> int:
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"{field} is not in /proc/self/status")


def print_line(name: str, timing: Timing) -> None:
    """One line of the table."""
    print(
        f"{name:>5} {timing.reference:>12.2f} s {timing.ours * 1e3:>10.2f} ms {timing.ratio:>9,.0f}x"
        f" {timing.cpu_ratio:>10,.0f}x {timing.delong * 1e3:>10.3f} ms {timing.delong_ratio:>9,.0f}x",
        flush=True,
    )


def main() -> None:
    """Measure, print the table, and the JSON line last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = QUICK_ROUNDS if parser.parse_args().quick else ROUNDS
    print(f"engine {warm_up()}; {RESAMPLES} paired resamples, medians of {rounds} interleaved rounds")
    print(f"{'rows':>5} {'reference':>14} {'ours':>13} {'ratio':>10} {'CPU ratio':>11} {'DeLong':>13} {'ratio':>10}")
    found = {}
    for name in SIZES:
        found[name] = measure(name, rounds)
        print_line(name, found[name])
    peak = peak_above_inputs(SIZES["1M"])
    print(f"CPU ratio: processor time, one thread each. Memory above the inputs at 1M rows: {peak:.0f} MB.")
    answer = {
        "ratio": {name: round(timing.ratio, 1) for name, timing in found.items()},
        "delong_ratio": round(min(timing.delong_ratio for timing in found.values()), 1),
        "peak_mb": round(peak, 1),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
