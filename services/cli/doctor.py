"""`countersign doctor`: checks the whole installation and reports how to fix each problem."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.access.people import refuse_demo_on_real_data
from services.adapters.inference_log.build import build_inference_log
from services.adapters.mlflow.registry import MlflowRegistry, build_registry
from services.audit.witnesses import WatchedWitness
from services.bootstrap.access import open_provider
from services.bootstrap.ledger import active_ring, demand_witnesses, open_keys, open_witnesses
from services.bootstrap.notices import check_channels
from services.bootstrap.portal import known_people, mlflow_config, open_access, open_adapters, open_pipelines
from services.cli.access import administrator
from services.clock import SystemClock
from services.database import migrate
from services.database.engine import open_engine
from services.database.stores.ledger import ledger_transactions
from services.domain.identity.people import Actor
from services.domain.policy import PipelineTarget
from services.domain.releases import RunKind
from services.errors import NotFoundError, PortalError, SettingsError, UpstreamRefusedError
from services.health.desk import HealthDesk
from services.ledger.witnessing import checkpoint_of, counted, demand_agreement
from services.ledger.writer import first_origin
from services.policies.lint import Level, lint
from services.policies.reading import load_governance, parse_text, read_text
from services.ports.pipelines import ReleasePipelines
from services.settings import Settings, unread_names

log = logging.getLogger(__name__)

MODELS_ASKED = 50
"""Models whose rights are asked for: without MLflow's cache of passwords each call takes 0.4 seconds."""
SHOWN = 5


@dataclass(frozen=True)
class Diagnosis:
    """One line of the report."""

    what: str
    is_well: bool
    sentence: str


def examine(settings: Settings) -> list[Diagnosis]:
    """All checks; each runs even if another fails."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("Settings", _settings),
        ("Policy", _policy),
        ("Database", _database),
        ("Data folder", _folder),
        ("MLflow", _mlflow),
        ("Azure DevOps", _azure),
        ("Worker", _worker),
        ("Ledger key", _ledger_key),
        ("Witnesses", _witnesses),
        ("Prediction log", _predictions),
        ("Sign-in", _sign_in),
        ("Service tokens", _token),
        ("Notifications", _notices),
    ]
    return [*(_check(name, check, settings) for name, check in checks), *_each_witness(settings)]


def _check(name: str, check: Callable[[Settings], str], settings: Settings) -> Diagnosis:
    try:
        return Diagnosis(name, True, check(settings))
    except PortalError as error:
        return Diagnosis(name, False, error.sentence())
    except Exception as error:
        log.debug("%s could not be checked", name, exc_info=error)
        return Diagnosis(name, False, f"Unexpected error ({type(error).__name__}); report it.")


def _settings(_: Settings) -> str:
    unread = unread_names(Settings.model_fields)
    if unread:
        raise SettingsError(" ".join(unread), hint="Correct or remove the name.")
    return "every COUNTERSIGN_ variable is a known setting."


def _policy(settings: Settings) -> str:
    path = settings.governance_file
    text = parse_text(read_text(path), name=path.name)
    summary = f"{len(text.rules.policies)} policies for {', '.join(text.rules.environments)}."
    people = _known(settings)
    if not people:
        return f"{summary} Nobody has signed in yet: check it with `countersign policy lint --people FILE`."
    remarks = lint(text, people, SystemClock().now())
    wrong = [remark for remark in remarks if remark.level is Level.ERROR]
    if wrong:
        raise SettingsError(
            "; ".join(f"line {remark.line}, {remark.where}: {remark.sentence}" for remark in wrong) + ".",
            hint="See `countersign policy lint`; it uses the people who have signed in.",
        )
    weak = f"; {len(remarks)} remarks, see `countersign policy lint`" if remarks else ""
    return f"{summary} The {len(people)} known people can satisfy each{weak}."


def _known(settings: Settings) -> Sequence[Actor]:
    """People who have signed in; none if there is no database (a separate check reports that)."""
    try:
        return known_people(settings)
    except Exception as error:
        log.debug("the people cannot be read", exc_info=error)
        return ()


def _database(settings: Settings) -> str:
    engine = open_engine(settings.database_url)
    try:
        migrate.upgrade(engine)
        return f"{engine.dialect.name}, schema {migrate.current_revision(engine)}."
    finally:
        engine.dispose()


def _folder(settings: Settings) -> str:
    probe = settings.data_dir / ".doctor"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        probe.write_text("written by countersign doctor")
        probe.unlink()
    except OSError as error:
        raise SettingsError(
            f"{settings.data_dir} is not writable ({error.strerror}).", hint="Set COUNTERSIGN_DATA_DIR."
        ) from error
    return f"{settings.data_dir} is writable."


def _mlflow(settings: Settings) -> str:
    registry = build_registry(mlflow_config(settings, settings.mlflow_timeout))
    try:
        version = registry.ping().version
        rights = _rights(registry, settings)
    finally:
        registry.close()
    return f"{settings.mlflow_url} answers{f', version {version}' if version else ''}.{rights}"


def _rights(registry: MlflowRegistry, settings: Settings) -> str:
    """What the portal's account may do with the models that it promotes. Raises SettingsError when it is too little."""
    if not settings.mlflow_username or not settings.governance_file.exists():
        return ""
    governance = load_governance(settings.governance_file)
    names = [model.name for page in registry.models() for model in page]
    governed = [n for n in names if any(governance.policy_for(n, place) for place in governance.environments)]
    looked = governed[:MODELS_ASKED]
    held = {name: registry.permission_on(name) for name in looked}
    if not any(held.values()):
        return " Its rights on models cannot be asked for." if held else ""
    demand_rights({name: right for name, right in held.items() if right})
    rest = f" of {len(governed)}; the others were not asked for" if len(governed) > len(looked) else ""
    return f" MANAGE on {len(looked)} models that it promotes{rest}."


def demand_rights(held: Mapping[str, str]) -> None:
    """EDIT promotes, MANAGE is needed to undo. Raises SettingsError."""
    weak = [f"{name} ({right})" for name, right in held.items() if right not in {"EDIT", "MANAGE"}]
    if weak:
        raise SettingsError(
            f"The portal's account cannot promote {_some(weak)}.",
            hint="Give it MANAGE on them in MLflow; EDIT at least.",
        )
    editing = [name for name, right in held.items() if right == "EDIT"]
    if editing:
        raise SettingsError(
            f"The portal's account has EDIT on {_some(editing)}: it can promote, but it cannot delete an alias or a "
            "tag, so undoing a first promotion stops and waits for a person, and candidates' tags stay.",
            hint="Give it MANAGE on these models in MLflow.",
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def _azure(settings: Settings) -> str:
    pipelines = open_pipelines(settings)
    if pipelines is None:
        needing = [e.name for e in load_governance(settings.governance_file).environments.values() if e.pipeline]
        if needing:
            raise SettingsError(
                f"The policy names pipelines for {', '.join(needing)}, but no organization is set.",
                hint="Set COUNTERSIGN_AZURE_DEVOPS_URL and COUNTERSIGN_AZURE_DEVOPS_TOKEN.",
            )
        return "not used."
    pipelines.ping()
    places = (
        load_governance(settings.governance_file).environments.values() if settings.governance_file.exists() else ()
    )
    lines = [_guards(pipelines, place.name, place.pipeline) for place in places if place.pipeline]
    return " ".join([f"{settings.azure_devops_url} answers.", *lines])


def _guards(pipelines: ReleasePipelines, name: str, target: PipelineTarget) -> str:
    """Checks on the environment; without one, only the pipeline's gate step holds a manually started run."""
    if target.kind is not RunKind.PIPELINE:
        return f"{name} uses a classic release."
    try:
        found = pipelines.checks(target.project, name)
    except (NotFoundError, UpstreamRefusedError) as error:
        return f"Environment {name}: {error.message}"
    names = ", ".join(check.name for check in found) or "none; see docs/azure-devops.md to add one"
    return f"Checks on {name}: {names}."


def _worker(settings: Settings) -> str:
    adapters = open_adapters(settings)
    try:
        waiting = HealthDesk(adapters.units).waiting_for_worker()
    finally:
        adapters.engine.dispose()
    if not waiting:
        return "no rollout waits for one."
    since = waiting[0].waits_for_worker_since
    raise SettingsError(
        f"{waiting[0].request_id} waits for a worker since {since:%Y-%m-%d %H:%M} UTC ({len(waiting)} in all).",
        hint="Start `countersign worker`, or set COUNTERSIGN_RUN_WORKER to true.",
    )


def _ledger_key(settings: Settings) -> str:
    engine = open_engine(settings.database_url)
    try:
        migrate.upgrade(engine)
        key = active_ring(open_keys(settings, engine)).active.verifier
    finally:
        engine.dispose()
    return f"{key} signs; auditors pin this public key."


def _witnesses(settings: Settings) -> str:
    witnesses = open_witnesses(settings)
    if settings.governance_file.exists():
        demand_witnesses(load_governance(settings.governance_file), settings, witnesses)
    if not witnesses:
        return "not set; a truncated or rewritten ledger tail would not be detected. Set COUNTERSIGN_WITNESS_GIT_URL."
    return f"{', '.join(found.name for found in witnesses)}."


def _each_witness(settings: Settings) -> list[Diagnosis]:
    try:
        witnesses = open_witnesses(settings)
    except PortalError:
        return []  # already reported by the check before

    def look(found: WatchedWitness) -> str:
        if found.check is not None:
            found.check()
        held = _held_by(found, settings)
        return f"answers and holds {held}."

    return [_check(f"Witness {w.name}", lambda _, found=w: look(found), settings) for w in witnesses]  # type: ignore[misc]  # mypy does not infer a default's type


def _held_by(found: WatchedWitness, settings: Settings) -> str:
    """What the witness holds. Raises WitnessRefusedError if it belongs to another ledger or has lost checkpoints."""
    engine = open_engine(settings.database_url)
    try:
        ledgers = ledger_transactions(engine)
        with ledgers() as ledger:
            head = ledger.head()
        held = found.witness.latest(head.origin if head else first_origin(settings.ledger_origin))
        with ledgers() as ledger:
            demand_agreement(ledger, held, found.name)
    finally:
        engine.dispose()
    return f"the checkpoint of {counted(checkpoint_of(held).size)}" if held else "no checkpoint yet"


def _predictions(settings: Settings) -> str:
    log = build_inference_log(settings)
    if log is None:
        return "not set; the Why page cannot find predictions. Set COUNTERSIGN_PREDICTIONS_PATH."
    return log.check()


def _sign_in(settings: Settings) -> str:
    if settings.demo_people:
        adapters = open_adapters(settings)
        try:
            refuse_demo_on_real_data(adapters.units)
        finally:
            adapters.engine.dispose()
        return "demo picker, on this machine only."
    governance = load_governance(settings.governance_file)
    provider = open_provider(settings, governance)
    if provider is None:
        raise SettingsError("Nobody can sign in.", hint="Set COUNTERSIGN_OIDC_ISSUER; see docs/sign-in.md.")
    provider.ping()
    if not any(governance.groups.values()):
        raise SettingsError(
            "No group maps to a role, so nobody can do anything.", hint="Fill in `roles:` in the governance file."
        )
    return f"{settings.oidc_issuer} answers; groups map to {',  '.join(sorted(governance.groups))}."


def _notices(settings: Settings) -> str:
    if not settings.notify:
        return "no channel is set, so nobody is notified. See docs/notifications.md."
    check_channels(settings)
    counts = _notice_counts(settings)
    lost = {state: counts[state] for state in ("failed", "unknown") if counts.get(state)}
    names = ", ".join(channel.name for channel in settings.notify)
    return f"{names}." + (f" Not delivered: {lost}." if lost else "")


def _notice_counts(settings: Settings) -> dict[str, int]:
    adapters = open_adapters(settings)
    try:
        with adapters.units.read() as unit:
            return unit.notices.counts()
    finally:
        adapters.engine.dispose()


def _token(settings: Settings) -> str:
    with open_access(settings) as access:
        good = [token.name for token in access.tokens.find(administrator()) if token.holds(SystemClock().now())]
    return (
        f"active:  {', '.join(sorted(set(good)))}."
        if good
        else "none; create one for pipelines with `countersign token create`."
    )
