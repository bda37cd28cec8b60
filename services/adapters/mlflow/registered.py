"""Reads registered models and model versions by the calls that tell the truth (`docs/mlflow.md`)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from services.adapters.mlflow import entities, filters, parse
from services.adapters.mlflow.failures import AnswerTooLargeError
from services.adapters.mlflow.paging import pages
from services.adapters.mlflow.parse import Json
from services.adapters.mlflow.transport import Params, Transport
from services.domain.registry import ModelVersion, RegisteredModel, RegistrySnapshot, VersionKey
from services.errors import NotFoundError

logger = logging.getLogger(__name__)
MODELS_A_PAGE = 1_000
VERSIONS_A_PAGE = 10_000
"""Of one search; up to here the answer is a single statement and so consistent in itself."""
CHANGES_A_PAGE = 200
FEW_A_PAGE = 20
"""When an answer was too large: tags may hold 100,000 characters each."""
SEARCH_MODELS = "registered-models/search"
SEARCH_VERSIONS = "model-versions/search"


class RegisteredReads:
    """Models and versions; stateless."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def models(self) -> Iterator[Sequence[RegisteredModel]]:
        """All models in pages of 1000, ordered by name; a model that moves between pages comes once."""
        seen: set[str] = set()
        with self._transport.understanding():
            try:
                yield from self._models(MODELS_A_PAGE, seen)
            except AnswerTooLargeError:
                yield from self._models(FEW_A_PAGE, seen)

    def _models(self, size: int, seen: set[str]) -> Iterator[Sequence[RegisteredModel]]:
        for answer in self._pages(SEARCH_MODELS, {"max_results": size, "order_by": ["name ASC"]}):
            found = [entities.registered_model(item) for item in _usable(answer, "registered_models")]
            page = [model for model in found if model.name not in seen]
            seen.update(model.name for model in page)
            if page:
                yield page

    def model(self, name: str) -> RegisteredModel:
        """One model, fresh. Raises NotFoundError.

        The search costs a fifth of `registered-models/get`, which loads every version of the model; that one is
        asked only when the search finds nothing.
        """
        if not parse.is_storable(name):
            raise NotFoundError("MLflow has no registered model with such a name.")
        with self._transport.understanding():
            if filters.fits(name):
                asked: Params = {"filter": filters.one_of("name", [name]), "max_results": 2}
                items = parse.objects(self._transport.get(SEARCH_MODELS, asked), "registered_models")
                listed = next((i for i in items if i.get("name") == name and not entities.is_prompt(i)), None)
                if listed is not None:
                    return entities.registered_model(listed)
            answer = self._transport.get("registered-models/get", {"name": name})
            found = parse.child(answer, "registered_model")
            model = entities.registered_model(found)
        if model.name != name or entities.is_prompt(found):
            raise NotFoundError(f"MLflow has no registered model “{name}”.")
        return model

    def version(self, key: VersionKey) -> ModelVersion:
        """One version with its aliases, fresh. Raises NotFoundError."""
        if not 1 <= key.version <= parse.MAX_VERSION:  # MLflow's database fails on larger numbers
            raise NotFoundError(f"MLflow has no version {key}.")
        with self._transport.understanding():
            answer = self._transport.get("model-versions/get", _named(key))
            item = parse.child(answer, "model_version")
            found = entities.model_version(item)
        if found.key != key or entities.is_prompt(item):
            raise NotFoundError(f"MLflow has no version {key}.")
        return found

    def versions_of(self, models: Sequence[str]) -> Sequence[ModelVersion]:
        """All versions of these models, by name and number; `aliases` are never filled here."""
        wanted = [name for name in dict.fromkeys(models) if parse.is_storable(name)]
        found: dict[VersionKey, ModelVersion] = {}
        with self._transport.understanding():
            for group in filters.chunks([name for name in wanted if filters.fits(name)]):
                found |= self._of_group(group)
            for name in self._unanswered(wanted, found):
                found |= self._matching(filters.like(name), {name}, VERSIONS_A_PAGE)
        return [found[key] for key in sorted(found)]

    def recently_updated(self, since: datetime) -> Sequence[ModelVersion]:
        """Versions with a time stamp at or after `since`, newest first; tags and aliases move no time stamp.

        What changes during the walk moves to the front and is missed by it, but found by the next one.
        """
        with self._transport.understanding():
            try:
                return self._updated(since, CHANGES_A_PAGE)
            except AnswerTooLargeError:
                return self._updated(since, FEW_A_PAGE)

    def _updated(self, since: datetime, size: int) -> Sequence[ModelVersion]:
        found: dict[VersionKey, ModelVersion] = {}
        asked: Params = {"max_results": size, "order_by": ["last_updated_timestamp DESC"]}
        for answer in self._pages(SEARCH_VERSIONS, asked):
            page = [entities.model_version(item) for item in _usable(answer, "model_versions")]
            for version in page:
                if version.updated >= since:
                    found.setdefault(version.key, version)
            if page and page[-1].updated < since:
                break
        return list(found.values())

    def holders(self, model: str, *, stage: str | None, alias: str | None) -> RegistrySnapshot:
        """Holders of a stage and an alias. Raises NotFoundError if the model was deleted.

        MLflow cannot filter by stage, and `get-latest-versions` hides all but the newest holder, so all versions of
        the model are read.
        """
        aliases = self.model(model).aliases
        versions = self.versions_of([model])
        holding = [v.version for v in versions if _same(v.stage, stage)] if stage else []
        return RegistrySnapshot(
            in_stage=tuple(holding),
            alias_version=aliases.get(alias) if alias else None,
            stages={v.version: v.stage for v in versions},
            created={v.version: v.created for v in versions},
        )

    def _unanswered(self, wanted: Iterable[str], found: Iterable[VersionKey]) -> list[str]:
        """Unusual names without a row: another server may read the filter in another way, so ask again."""
        answered = {key.model for key in found}
        return [n for n in wanted if n not in answered and not (filters.is_plain(n) and filters.fits(n))]

    def _of_group(self, names: Sequence[str]) -> dict[VersionKey, ModelVersion]:
        """One statement; when a model's tags blow up the answer, its neighbours are read without it."""
        condition = filters.one_of("name", names)
        try:
            return self._matching(condition, set(names), VERSIONS_A_PAGE)
        except AnswerTooLargeError:
            if len(names) == 1:
                return self._matching(condition, set(names), FEW_A_PAGE)
        half = len(names) // 2
        return self._of_group(names[:half]) | self._of_group(names[half:])

    def _matching(self, condition: str, names: set[str], size: int) -> dict[VersionKey, ModelVersion]:
        asked: Params = {
            "filter": condition,
            "max_results": size,
            "order_by": ["name ASC", "version_number ASC"],
        }
        versions = (
            entities.model_version(item)
            for answer in self._pages(SEARCH_VERSIONS, asked)
            for item in _usable(answer, "model_versions")
            if item.get("name") in names
        )
        return {version.key: version for version in versions}

    def _pages(self, path: str, params: Params) -> Iterator[Json]:
        def fetch(token: str) -> Json:
            return self._transport.get(path, {**params, "page_token": token} if token else params)

        return pages(fetch)


def _named(key: VersionKey) -> Params:
    return {"name": key.model, "version": str(key.version)}


def _same(stage: str, wanted: str) -> bool:
    """MLflow takes stages in any case."""
    return stage.casefold() == wanted.casefold()


def _usable(answer: Json, key: str) -> Iterator[Json]:
    """Without prompts, and without names that no database can hold: one of those must not stop the whole catalogue."""
    for item in parse.objects(answer, key):
        name = parse.name(item, "name")
        if entities.is_prompt(item):
            continue
        if parse.is_storable(name):
            yield item
        else:
            logger.warning("MLflow's %s %s is left out: its name cannot be stored.", key, ascii(name))
