"""Trains all versions in a few parallel processes, and returns them in order while later ones are still training."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from demo.leash import end_with_parent
from demo.world.adult import Adult, load_adult
from demo.world.training import RECIPES, Fitted, Trained, fit

MOST_PROCESSES = 4


@contextmanager
def training(data: Adult) -> Iterator[Iterator[Trained]]:
    """The versions in order; each is awaited when it is requested.

    On Linux the trainers are forked, so that they share the imported libraries and the data. Enter before this process
    starts threads.
    """
    processes = min(MOST_PROCESSES, os.cpu_count() or 1)
    way = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(processes, way, initializer=end_with_parent) as pool:
        futures = [pool.submit(_fit, recipe.version) for recipe in RECIPES]
        try:
            yield _in_order(futures, data)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _in_order(futures: list[Future[Fitted]], data: Adult) -> Iterator[Trained]:
    for recipe, future in zip(RECIPES, futures, strict=True):
        yield future.result().of(recipe, recipe.rows(data.train))


def _fit(version: int) -> Fitted:
    """Runs in a trainer; the result has no rows, because the parent has them already."""
    recipe, data = RECIPES[version - 1], load_adult()
    return fit(recipe, recipe.rows(data.train), data.evaluation)
