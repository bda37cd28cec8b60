"""Wires up the Why use case: prediction log, answers, model runs, dossiers."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from services.adapters.inference_log.build import build_inference_log
from services.bootstrap.ledger import LedgerKeys, ledger_keys
from services.catalogue.browse import CatalogueBrowser
from services.clock import SystemClock
from services.database.unit import Units
from services.ports.registry import RegistryReader
from services.settings import Settings
from services.why.desk import WhyDesk
from services.why.dossier import DossierDesk
from services.why.room import WhyRoom
from services.why.scoring import Runner, ScoringDesk


def why_room(
    settings: Settings,
    units: Units,
    browser: CatalogueBrowser,
    *,
    runner: Runner,
    registry: RegistryReader,
    keys: LedgerKeys,
) -> WhyRoom:
    """The use case. Raises SettingsError if the settings of the prediction log are invalid."""
    answers = WhyDesk(units, browser, build_inference_log(settings), masked_inputs=settings.predictions_masked)
    scoring = ScoringDesk(units, answers, runner, registry)
    host = urlsplit(settings.mlflow_public_url or settings.mlflow_url).netloc.rpartition("@")[2]
    dossiers = DossierDesk(
        units,
        answers,
        scoring,
        keys=partial(ledger_keys, units, keys),
        clock=SystemClock(),
        namespace=f"mlflow://{host}",
    )
    return WhyRoom(answers, scoring, dossiers)
