"""Run things that depend on each other, side by side where they can."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait


def run_graph(wants: Mapping[str, tuple[str, ...]], run: Callable[[str], None]) -> None:
    """Call `run` once for each name, after all that it wants; `run` must not raise.

    Names in `wants` that are not its keys are taken as done. The graph has no circles (checked when read).
    """
    if not wants:
        return
    left = {name: {other for other in others if other in wants} for name, others in wants.items()}
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(max_workers=len(wants), thread_name_prefix="pipeline") as pool:
        while left or running:
            for name in [name for name, needs in left.items() if not needs]:
                del left[name]
                running[pool.submit(run, name)] = name
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                finished = running.pop(future)
                future.result()
                for needs in left.values():
                    needs.discard(finished)


def ancestors(name: str, wants: Mapping[str, tuple[str, ...]]) -> set[str]:
    """All direct and indirect dependencies of a name."""
    found: set[str] = set()
    waiting = list(wants.get(name, ()))
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(wants.get(other, ()))
    return found
