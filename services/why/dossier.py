"""The dossier of one prediction: a folder that documents and proves the answer without the portal.

Sealed documents are written byte for byte: the ledger's entries name their SHA-256, and the evidence pack contains
those entries with their proofs, which `verify_ledger.py` checks offline. The export itself is recorded first.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from services.database.unit import Unit, Units
from services.domain.identity.people import Actor, Permission
from services.domain.lineage import Certainty
from services.domain.why.predictions import left_out_of
from services.domain.why.reasons import SAYS, SAYS_NOT
from services.errors import NotAllowedError, PortalError, SettingsError
from services.ledger.actions import Action
from services.ledger.evidence_pack import evidence_pack
from services.ledger.export import verifier_script
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Subject
from services.ledger.tree.note import VerifierKey
from services.ports.time import Clock
from services.why.desk import Examined, WhyDesk
from services.why.document import answer_document, plain
from services.why.exchange import Chain, open_lineage, prov
from services.why.gathered import Gathered
from services.why.scoring import ScoringDesk

FORMAT = 1
SEALED = (("plan", "plan_digest"), ("evidence", "evidence_digest"), ("policy", "policy_digest"))
Files = dict[str, bytes]
T = TypeVar("T")


class DossierDesk:
    """Makes dossiers."""

    def __init__(
        self,
        units: Units,
        why: WhyDesk,
        scoring: ScoringDesk,
        *,
        keys: Callable[[], Sequence[VerifierKey]],
        clock: Clock,
        namespace: str,
    ) -> None:
        self._units = units
        self._why = why
        self._scoring = scoring
        self._keys = keys
        self._clock = clock
        self._namespace = namespace

    def make(self, actor: Actor, prediction_id: str) -> Files:
        """File name to bytes. Raises NotAllowedError, NotFoundError, InvalidInputError, UpstreamError."""
        if not actor.may(Permission.EXPORT) or not actor.may(Permission.LOOK_UP_PREDICTION):
            raise NotAllowedError("Your role cannot export dossiers.", hint="Auditors do.")
        found = self._why.found(prediction_id)
        record = found[0]
        told: dict[str, Json] = {"what": "dossier"}
        with self._units.begin() as unit:
            unit.ledger.append(actor, Action.EXPORT_MADE, Subject("prediction", record.request_id), after=told)
        gathered = self._gather(actor, replace(self._why.examine(record), left_out=left_out_of(found)))
        return self._files(gathered)

    def _gather(self, actor: Actor, examined: Examined) -> Gathered:
        answer = self._why.answer_of(actor, examined)
        prediction, problems = examined.record.request_id, list[str]()
        replay = _attempt(lambda: self._scoring.replay(actor, prediction), "Replay", problems)
        reasons = _attempt(lambda: self._scoring.reasons(actor, prediction), "Reasons", problems)
        origin = examined.origin
        promotion = origin.promotion if origin else None
        with self._units.read() as unit:
            sealed = _sealed(unit, examined, problems)
            pack = None
            if promotion is not None:
                pack = evidence_pack(unit.archive, promotion.request_id, tuple(self._keys())).as_json()
        card = (promotion.evidence.card if promotion and promotion.evidence else None) or (
            origin.detail.card if origin and origin.detail and not origin.is_other_version else None
        )
        now = self._clock.now()
        return Gathered(
            answer,
            examined,
            now.isoformat(),
            actor.person.name,
            replay,
            reasons,
            tuple(problems),
            card or "",
            pack,
            sealed,
        )

    def _files(self, gathered: Gathered) -> Files:
        from services.why.page import page_html
        from services.why.paper import paper_pdf

        document = dossier_document(gathered)
        files: Files = {
            "dossier.json": _json(document),
            "dossier.html": page_html(gathered).encode(),
            "dossier.pdf": paper_pdf(gathered),
            "README.txt": _readme(gathered).encode(),
        }
        chain = chain_of(gathered, self._namespace)
        if chain is not None:
            files["openlineage.json"] = _json(open_lineage(chain))
            files["prov.json"] = _json(prov(chain))
        if gathered.card:
            files["model-card.md"] = gathered.card.encode()
        if gathered.pack is not None:
            files["evidence-pack.json"] = _json(gathered.pack)
            files["verify_ledger.py"] = verifier_script()
        return files | {f"sealed/{name}.json": body.encode() for name, body in gathered.sealed.items()}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The dossier as one file, for a download."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """The dossier as a folder. Raises SettingsError."""
    try:
        for name, data in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be written ({error.strerror}).", hint="Name another folder.") from error


def dossier_document(gathered: Gathered) -> dict[str, Any]:
    """Everything as one JSON value."""
    reasons = gathered.reasons
    return {
        "countersign_dossier": FORMAT,
        "made_at": gathered.made_at,
        "made_by": gathered.made_by,
        "answer": answer_document(gathered.answer),
        "predicted": list(gathered.predicted),
        "given_reasons": [asdict(given) for given in gathered.given_reasons],
        "replay": plain(asdict(gathered.replay)) if gathered.replay else None,
        "reasons": None
        if reasons is None
        else {**plain(asdict(reasons)), "in_words": reasons.in_words(), "says": SAYS, "does_not_say": list(SAYS_NOT)},
        "problems": list(gathered.problems),
        "model_card": gathered.card or None,
        "sealed": {name: json.loads(body) for name, body in gathered.sealed.items()},
        "ledger": gathered.pack,
    }


def chain_of(gathered: Gathered, namespace: str) -> Chain | None:
    """Lineage of the one version that answered; None while that is not certain."""
    origin = gathered.examined.origin
    if origin is None:
        return None
    record = gathered.answer.record
    chain = Chain(record=record, key=origin.key, namespace=namespace)
    run = origin.detail.run if origin.detail and not origin.is_other_version else None
    if run is not None:
        datasets = tuple({"name": d.name, "digest": d.best_digest} for d in run.training_data)
        chain = replace(
            chain,
            run_id=run.run_id,
            run_ended=run.ended,
            author=run.user,
            commit=run.git_commit or "",
            datasets=datasets,
        )
    promotion, spell = origin.promotion, gathered.examined.answered.spell_of(origin.key)
    if promotion is None or spell is None:
        return chain
    return replace(
        chain,
        environment=spell.environment,
        live_from=spell.sure_from,
        request_id=promotion.request_id,
        release=spell.release,
        approvers=tuple(zip(promotion.approver_ids, promotion.approvers, strict=True)),
        plan_digest=promotion.plan_digest,
        evidence_digest=promotion.evidence_digest,
        checkpoint=str(gathered.pack["checkpoint"]) if gathered.pack else "",
    )


def _attempt(call: Callable[[], T], what: str, problems: list[str]) -> T | None:
    try:
        return call()
    except PortalError as error:
        problems.append(f"{what}: {error.sentence()}")
        return None


def _sealed(unit: Unit, examined: Examined, problems: list[str]) -> dict[str, str]:
    """The sealed documents whose digest holds, as their exact text."""
    promotion = examined.origin.promotion if examined.origin else None
    request = promotion.request if promotion else None
    if promotion is None or request is None:
        return {}
    found: dict[str, str] = {}
    for name, attribute in SEALED:
        digest = str(getattr(promotion, attribute, "") or getattr(request, attribute))
        try:
            body = unit.requests.document(digest)
        except PortalError as error:
            problems.append(f"Sealed {name}: {error.sentence()}")
            continue
        found[f"{name}-{digest.removeprefix('sha256:')[:16]}"] = body
    return found


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _readme(gathered: Gathered) -> str:
    answer = gathered.answer
    known = sum(fact.certainty is Certainty.KNOWN for fact in answer.facts)
    lines = [
        f"Dossier of prediction {answer.record.request_id}, made at {gathered.made_at} by {gathered.made_by}",
        "",
        answer.sentence,
        f"{known} of {len(answer.facts)} parts are known; dossier.html and dossier.pdf show each with its source.",
        "",
        "To verify it without the portal:",
        "",
        "1. python -I verify_ledger.py evidence-pack.json --vkey PINNED --witness WITNESS",
        "   PINNED is the ledger's public key as you noted it when the portal was set up; do not take it from here.",
        "   WITNESS is the witness's own copy of checkpoints. Take the script from a place that you trust.",
        "2. sha256sum sealed/*: the digests are those that the entries of evidence-pack.json name (plan, evidence,",
        "   policy), and that the approvers signed.",
        "",
        "openlineage.json and prov.json say the same lineage for other tools (OpenLineage 2-0-2, W3C PROV-JSON).",
    ]
    return "\n".join([*lines, *(["", "Missing:", *gathered.problems] if gathered.problems else [])]) + "\n"
