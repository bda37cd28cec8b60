"""Walks MLflow's pages by their token.

A page may be empty and still have a successor: with access control MLflow filters after paging, so only a missing
token ends the walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.adapters.mlflow import parse
from services.adapters.mlflow.parse import InvalidAnswer, Json

MAX_PAGES = 10_000


def pages(fetch: Callable[[str], Json]) -> Iterator[Json]:
    """All answers; `fetch` takes the token ("" first). Raises InvalidAnswer when the pages never end."""
    token = ""
    for _ in range(MAX_PAGES):
        answer = fetch(token)
        yield answer
        following = parse.text(answer, "next_page_token")
        if not following:
            return
        if following == token:
            raise InvalidAnswer("keeps answering with the same page")
        token = following
    raise InvalidAnswer("has pages without an end")
