"""The catalogue in SQL: writes of the sync, and paged searches, on the caller's connection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    and_,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from services.database.tables.catalogue import catalogue_model, catalogue_run, catalogue_version, sync_state
from services.database.tables.governance import deployment, promotion_request
from services.domain.catalogue import (
    FilterValues,
    SortBy,
    SourceHealth,
    TestReport,
    TestState,
    VersionQuery,
    VersionRow,
)
from services.domain.derived import derive, search_words
from services.domain.promotions.requests import FINAL
from services.domain.registry import ModelVersion, RegisteredModel, Run, VersionKey

_RUN = TypeAdapter(Run)
_REPORTS = TypeAdapter(tuple[TestReport, ...])
_V, _M, _D = catalogue_version.c, catalogue_model.c, deployment.c
_SORTS: dict[SortBy, ColumnElement[Any]] = {
    SortBy.LAST_ACTIVITY: _V.last_activity,
    SortBy.MODEL: _V.model,
    SortBy.VERSION: _V.version,
    SortBy.CREATED: _V.created,
    SortBy.METRIC: _V.metric_value,
    SortBy.OWNER: _V.owner,
    SortBy.STAGE: _V.stage,
}


class CatalogueStore:
    """All statements about the catalogue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_models(self, models: Iterable[RegisteredModel]) -> None:
        """Insert or replace models."""
        rows = [
            {"name": m.name, "created": m.created, "updated": m.updated, "description": m.description,
             "tags": dict(m.tags), "aliases": dict(m.aliases), "gone": None}
            for m in models
        ]  # fmt: skip
        self._upsert(catalogue_model, ["name"], rows)

    def put_versions(self, versions: Iterable[ModelVersion]) -> None:
        """Insert or replace versions with the values derived from model and run."""
        listed = list(versions)
        models = {m.name: m for m in self.models([v.model for v in listed])}
        runs = self._run_rows([v.run_id for v in listed])
        rows = [_version_row(v, models[v.model], runs.get(v.run_id)) for v in listed if v.model in models]
        self._upsert(catalogue_version, ["model", "version"], rows)

    def mark_gone(self, models: Sequence[str], present: Iterable[VersionKey], now: datetime) -> int:
        """After a complete read of these models: versions that MLflow no longer has are marked, never deleted."""
        there = {(k.model, k.version) for k in present}
        known = self._connection.execute(
            select(_V.model, _V.version).where(_V.model.in_(models), _V.gone.is_(None))
        ).all()
        missing = [(m, v) for m, v in known if (m, v) not in there]
        for model, version in missing:
            same = and_(_V.model == model, _V.version == version)
            self._connection.execute(update(catalogue_version).where(same).values(gone=now, aliases=""))
        return len(missing)

    def mark_models_gone(self, present: Iterable[str], now: datetime) -> Sequence[str]:
        """After a complete read of all models: mark those that MLflow no longer has; returns their names."""
        there = set(present)
        known = self._connection.execute(select(_M.name).where(_M.gone.is_(None))).scalars().all()
        missing = [name for name in known if name not in there]
        for name in missing:
            self._connection.execute(update(catalogue_model).where(_M.name == name).values(gone=now, aliases={}))
            self.mark_gone([name], [], now)
        return missing

    def put_run(self, run: Run, now: datetime) -> None:
        """Insert or replace a run; its reports and card are kept."""
        self._upsert(catalogue_run, ["run_id"], [{"run_id": run.run_id, "body": _dump(_RUN, run), "fetched": now}])

    def put_papers(self, run_id: str, reports: tuple[TestReport, ...], card: str | None) -> None:
        """Store the test reports and model card of a run."""
        self._connection.execute(
            update(catalogue_run)
            .where(catalogue_run.c.run_id == run_id)
            .values(reports=_dump(_REPORTS, reports), card=card)
        )

    def missing_runs(self, limit: int) -> Sequence[str]:
        """Run ids of versions whose run was never read, newest versions first."""
        known = exists().where(catalogue_run.c.run_id == _V.run_id)
        query = select(_V.run_id).where(_V.run_id != "", ~known, _V.gone.is_(None)).order_by(_V.created.desc())
        return list(dict.fromkeys(self._connection.execute(query.limit(limit)).scalars()))

    def runs_without_papers(self, limit: int) -> Sequence[str]:
        """Run ids whose artifacts were not read yet, newest versions first."""
        query = (
            select(_V.run_id)
            .join(catalogue_run, catalogue_run.c.run_id == _V.run_id)
            .where(catalogue_run.c.reports.is_(None), _V.gone.is_(None))
            .order_by(_V.created.desc())
        )
        return list(dict.fromkeys(self._connection.execute(query.limit(limit)).scalars()))

    def running_runs(self, limit: int, *, since: datetime) -> Sequence[str]:
        """Run ids of versions registered since then whose run had not ended when it was read, newest first."""
        query = (
            select(_V.run_id)
            .join(catalogue_run, catalogue_run.c.run_id == _V.run_id)
            .where(_V.created >= since, _V.gone.is_(None), catalogue_run.c.body.contains('"status": "RUNNING"'))
            .order_by(_V.created.desc())
        )
        return list(dict.fromkeys(self._connection.execute(query.limit(limit)).scalars()))

    def aged_runs(self, limit: int, *, before: datetime) -> Sequence[str]:
        """Run ids that were read before then, oldest read first."""
        wanted = exists().where(_V.run_id == catalogue_run.c.run_id, _V.gone.is_(None))
        fetched = catalogue_run.c.fetched
        query = select(catalogue_run.c.run_id).where(fetched < before, wanted).order_by(fetched).limit(limit)
        return list(self._connection.execute(query).scalars())

    def put_fetched(self, run_ids: Sequence[str], now: datetime) -> None:
        """Record that these runs were read now, whether MLflow still has them or not."""
        same = catalogue_run.c.run_id.in_(list(run_ids))
        self._connection.execute(update(catalogue_run).where(same).values(fetched=now))

    def versions_of_runs(self, run_ids: Sequence[str]) -> Sequence[ModelVersion]:
        """Versions that belong to these runs."""
        rows = self._connection.execute(select(catalogue_version).where(_V.run_id.in_(run_ids))).mappings()
        return [_version(row) for row in rows]

    def models(self, names: Sequence[str] | None = None) -> Sequence[RegisteredModel]:
        """Models by name, or all, including deleted ones."""
        query = select(catalogue_model)
        if names is not None:
            query = query.where(_M.name.in_(list(set(names))))
        return [_model(row) for row in self._connection.execute(query.order_by(_M.name)).mappings()]

    def gone_models(self) -> Sequence[str]:
        """Names of models that were deleted in MLflow."""
        return list(self._connection.execute(select(_M.name).where(_M.gone.is_not(None))).scalars())

    def watched_models(self) -> Sequence[str]:
        """Models with a live request or a holder of a stage or alias: every sync reads their tags."""
        asked = select(promotion_request.c.model).where(
            promotion_request.c.state.not_in([state.value for state in FINAL])
        )
        held = select(_V.model).where(_V.gone.is_(None), or_(_V.aliases != "", _V.stage.in_(["Production", "Staging"])))
        there = set(self._connection.execute(select(_M.name).where(_M.gone.is_(None))).scalars())
        return sorted({*self._connection.execute(asked).scalars(), *self._connection.execute(held).scalars()} & there)

    def search(self, query: VersionQuery) -> tuple[tuple[VersionRow, ...], int]:
        """A page of versions and the number of matches."""
        matching = self._matching(query)
        total = self._connection.execute(select(func.count()).select_from(matching.subquery())).scalar_one()
        column = _SORTS[query.sort]
        first = column.desc().nulls_last() if query.descending else column.asc().nulls_last()
        rows = self._connection.execute(
            matching.order_by(first, _V.model, _V.version.desc())
            .limit(query.page_size)
            .offset((query.page - 1) * query.page_size)
        ).mappings()
        return self._rows(list(rows)), total

    def version(self, key: VersionKey) -> tuple[ModelVersion, RegisteredModel, VersionRow, datetime | None] | None:
        """One version with its model, its row, and when it was deleted in MLflow, if it was."""
        same = and_(_V.model == key.model, _V.version == key.version)
        row = self._connection.execute(select(catalogue_version).where(same)).mappings().first()
        models = self.models([key.model])
        if row is None or not models:
            return None
        return _version(row), models[0], self._rows([row])[0], row["gone"]

    def versions(self, model: str) -> tuple[VersionRow, ...]:
        """All versions of a model, newest first."""
        query = select(catalogue_version).where(_V.model == model).order_by(_V.version.desc())
        return self._rows(list(self._connection.execute(query).mappings()))

    def run(self, run_id: str) -> tuple[Run, tuple[TestReport, ...], str | None] | None:
        """A run with its reports and card."""
        row = self._run_rows([run_id]).get(run_id)
        return None if row is None else (_load_run(row), _load_reports(row), row["card"])

    def runs_of(self, model: str) -> Mapping[int, Run]:
        """Runs of a model's versions by version number."""
        query = (
            select(_V.version, catalogue_run.c.body)
            .join(catalogue_run, catalogue_run.c.run_id == _V.run_id)
            .where(_V.model == model)
        )
        return {version: _RUN.validate_json(body) for version, body in self._connection.execute(query)}

    def registered(self, model: str) -> Sequence[ModelVersion]:
        """All versions of a model as the registry had them."""
        rows = self._connection.execute(select(catalogue_version).where(_V.model == model)).mappings()
        return [_version(row) for row in rows]

    def outdated_runs(self, limit: int) -> Sequence[str]:
        """Run ids that an earlier release kept, without the run's logged models; newest versions first."""
        query = (
            select(_V.run_id)
            .join(catalogue_run, catalogue_run.c.run_id == _V.run_id)
            .where(_V.gone.is_(None), ~catalogue_run.c.body.contains('"models_problem": '))
            .order_by(_V.created.desc())
        )
        return list(dict.fromkeys(self._connection.execute(query.limit(limit)).scalars()))

    def filter_values(self) -> FilterValues:
        """The filters' options."""
        present = _V.gone.is_(None)
        owners = self._distinct(select(_V.owner).where(present, _V.owner.is_not(None)))
        aliases = {a for m in self.models() for a in m.aliases}
        return FilterValues(
            models=self._distinct(select(_V.model).where(present)),
            stages=self._distinct(select(_V.stage).where(present)),
            aliases=tuple(sorted(aliases)),
            owners=owners,
            environments=self._distinct(select(_D.environment)),
        )

    def put_health(self, health: SourceHealth, *, now: datetime, swept: bool = False) -> None:
        """The worker's last view of an outside system."""
        row: dict[str, Any] = {
            "system": health.system, "last_attempt": now, "problem": health.problem, "hint": health.hint,
        }  # fmt: skip
        if health.is_reachable:
            row["last_success"] = now
        if swept:
            row["last_sweep"] = now
        self._upsert(sync_state, ["system"], [row])

    def health(self) -> tuple[SourceHealth, ...]:
        """All outside systems as last seen."""
        rows = self._connection.execute(select(sync_state).order_by(sync_state.c.system)).mappings()
        return tuple(
            SourceHealth(r["system"], not r["problem"], r["last_success"], r["problem"], r["hint"]) for r in rows
        )

    def last_sweep(self, system: str) -> datetime | None:
        """When everything was last read."""
        query = select(sync_state.c.last_sweep).where(sync_state.c.system == system)
        found: datetime | None = self._connection.execute(query).scalar()
        return found

    def _matching(self, query: VersionQuery) -> Select[Any]:
        found = select(catalogue_version).where(_V.gone.is_(None))
        for word in query.text.lower().split():
            found = found.where(_V.words.contains(word, autoescape=True))
        for column, value in ((_V.model, query.model), (_V.stage, query.stage), (_V.owner, query.owner)):
            if value:
                found = found.where(column == value)
        if query.alias:
            found = found.where(_V.aliases.contains(f"\n{query.alias}\n", autoescape=True))
        if query.live_in:
            found = found.where(_is_live(query.live_in))
        return found.where(_test_filter(query.tests)) if query.tests else found

    def _rows(self, rows: Sequence[RowMapping]) -> tuple[VersionRow, ...]:
        live = self._live({(r["model"], r["version"]) for r in rows})
        names = self._run_names({r["run_id"] for r in rows if r["run_id"]})
        return tuple(_line(r, live.get((r["model"], r["version"]), ()), names.get(r["run_id"])) for r in rows)

    def _live(self, keys: set[tuple[str, int]]) -> dict[tuple[str, int], tuple[str, ...]]:
        models = {model for model, _ in keys}
        query = select(_D.model, _D.version, _D.environment).where(_D.model.in_(models), _D.live_until.is_(None))
        found: dict[tuple[str, int], tuple[str, ...]] = {}
        for model, version, environment in self._connection.execute(query.order_by(_D.environment)):
            found[(model, version)] = (*found.get((model, version), ()), environment)
        return found

    def _run_names(self, run_ids: set[str]) -> dict[str, str]:
        return {run_id: _load_run(row).name for run_id, row in self._run_rows(list(run_ids)).items()}

    def _run_rows(self, run_ids: Sequence[str]) -> dict[str, RowMapping]:
        query = select(catalogue_run).where(catalogue_run.c.run_id.in_(list(run_ids)))
        return {row["run_id"]: row for row in self._connection.execute(query).mappings()}

    def _distinct(self, query: Select[Any]) -> tuple[str, ...]:
        return tuple(sorted(str(v) for v in self._connection.execute(query.distinct()).scalars()))

    def _upsert(self, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            return
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
        self._connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), list(rows))


def _is_live(environment: str) -> ColumnElement[bool]:
    """Joins from the few live versions; the other direction would scan every version."""
    live = select(_D.model, _D.version).where(_D.environment == environment, _D.live_until.is_(None))
    return tuple_(_V.model, _V.version).in_(live)


def _test_filter(state: TestState) -> ColumnElement[bool]:
    unknown = and_(func.coalesce(_V.tests_passed, 0) == 0, func.coalesce(_V.tests_failed, 0) == 0)
    if state is TestState.UNKNOWN:
        return unknown
    return _V.tests_failed > 0 if state is TestState.FAILED else and_(~unknown, func.coalesce(_V.tests_failed, 0) == 0)


def _version_row(version: ModelVersion, model: RegisteredModel, run_row: RowMapping | None) -> dict[str, Any]:
    run = _load_run(run_row) if run_row else None
    derived = derive(version, model, run, _load_reports(run_row) if run_row else ())
    aliases = sorted(alias for alias, number in model.aliases.items() if number == version.version)
    return {
        "model": version.model, "version": version.version, "created": version.created, "updated": version.updated,
        "stage": version.stage, "status": version.status, "description": version.description,
        "source": version.source, "run_id": version.run_id, "tags": dict(version.tags),
        "aliases": "\n" + "\n".join(aliases) + "\n" if aliases else "",
        "owner": derived.owner,
        "dataset": derived.dataset, "dataset_digest": derived.dataset_digest,
        "metric_name": derived.metric_name, "metric_value": derived.metric_value,
        "tests_passed": derived.tests_passed, "tests_failed": derived.tests_failed,
        "last_activity": version.updated, "words": search_words(version, derived, aliases), "gone": None,
    }  # fmt: skip


def _version(row: RowMapping) -> ModelVersion:
    return ModelVersion(
        model=row["model"], version=row["version"], created=row["created"], updated=row["updated"],
        stage=row["stage"], status=row["status"], description=row["description"], source=row["source"],
        run_id=row["run_id"], tags=row["tags"], aliases=_aliases(row),
    )  # fmt: skip


def _aliases(row: RowMapping) -> tuple[str, ...]:
    return tuple(alias for alias in row["aliases"].split("\n") if alias)


def _line(row: RowMapping, live_in: tuple[str, ...], run_name: str | None) -> VersionRow:
    return VersionRow(
        key=VersionKey(row["model"], row["version"]), created=row["created"], stage=row["stage"],
        aliases=_aliases(row), owner=row["owner"], run_id=row["run_id"] or None, run_name=run_name or None,
        dataset=row["dataset"], dataset_digest=row["dataset_digest"], metric_name=row["metric_name"],
        metric_value=row["metric_value"], tests_passed=row["tests_passed"], tests_failed=row["tests_failed"],
        live_in=live_in, last_activity=row["last_activity"], description=row["description"],
    )  # fmt: skip


def _model(row: RowMapping) -> RegisteredModel:
    return RegisteredModel(
        name=row["name"], created=row["created"], updated=row["updated"], description=row["description"],
        tags=row["tags"], aliases=row["aliases"],
    )  # fmt: skip


def _load_run(row: RowMapping) -> Run:
    return _RUN.validate_json(row["body"])


def _load_reports(row: RowMapping) -> tuple[TestReport, ...]:
    return _REPORTS.validate_json(row["reports"]) if row["reports"] else ()


def _dump(adapter: TypeAdapter[Any], value: Any) -> str:
    return json.dumps(adapter.dump_python(value, mode="json"))
