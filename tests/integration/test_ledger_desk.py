"""The ledger for people: words, pages, what witnesses have seen, the check in the background, exports."""

from __future__ import annotations

import io
import json
import re
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from services.adapters.witness.file import FileWitness
from services.audit.answers import LedgerQuery
from services.audit.browser import PAGE_SIZE, LedgerDesk
from services.audit.exporting import LedgerExports
from services.audit.sentences import SENTENCES, words_of
from services.audit.verifying import LedgerChecks, LedgerVerdicts
from services.audit.witnesses import WitnessWatch
from services.domain.identity.people import Actor, Person
from services.domain.why.predictions import PredictionQuery
from services.errors import NotAllowedError, RefusedError
from services.ledger.actions import Action
from services.ledger.store import EntryFilter, EntryPage
from services.ledger.tree.entry import Actor as LedgerActor
from services.ledger.tree.entry import LedgerEntry, Subject
from tests.integration.why.scene import Scene
from tests.simulators.basics import ANA, BEN, DEV, START
from tests.unit.ledger.build import run_script
from tests.world import MODEL, World

HOUR = timedelta(hours=1)


def desk(world: World, *witnesses: FileWitness) -> LedgerDesk:
    keys = [world.signer.active.verifier]
    verdicts = LedgerVerdicts(world.units, lambda: keys, witnesses)
    return LedgerDesk(
        world.units,
        LedgerChecks(verdicts, world.clock),
        LedgerExports(world.units, lambda: keys, witnesses, world.clock),
        clock=world.clock,
        witnesses=[witness.name for witness in witnesses],
        interval=HOUR,
    )


def write(world: World, count: int, *, actor: Actor = ANA, subject: Subject | None = None) -> None:
    with world.units.begin() as unit:
        for _ in range(count):
            unit.ledger.append(actor, Action.COMMENT_ADDED, subject or Subject("model_version", "census/3"))


def entry(action: Action, subject: Subject, **fields: object) -> LedgerEntry:
    numbered = {"seq": 1, "at": "2026-11-21T07:00:00.000000Z", "actor": LedgerActor("a", "Ana")} | fields
    return LedgerEntry(action=action, subject=subject, **numbered)  # type: ignore[arg-type]


def test_words__every_action__is_a_sentence_of_its_own() -> None:
    assert set(SENTENCES) == set(Action)
    assert len(set(SENTENCES.values())) == len(SENTENCES)
    for action, words in SENTENCES.items():
        assert re.match(r"[a-z]+ ?", words), action
        assert not words.endswith("."), action
        assert "_" not in words.replace("{subject}", "").replace("{step}", ""), action


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (entry(Action.VERSION_LIVE, Subject("model_version", "census/3")), "marked census v3 as live"),
        (
            entry(
                Action.ROLLOUT_STEP_DONE,
                Subject("model_version", "census/3"),
                after={"step": "wait_for_witness", "detail": "The witness has seen the approval."},
            ),
            "finished “wait for witness” in the rollout of census v3: The witness has seen the approval",
        ),
        (entry(Action.LEDGER_HEARTBEAT, Subject("ledger", "x/1")), "opened the ledger"),
        (
            entry(Action.LEDGER_HEARTBEAT, Subject("ledger", "x/1"), seq=2),
            "wrote a heartbeat: there was no other activity",
        ),
        (
            entry(Action.LEDGER_HOLD_PLACED, Subject("promotion_request", "req-1")),
            "placed a legal hold on request req-1",
        ),
        (entry(Action.INCIDENT_OPENED, Subject("witness", "git")), "opened an incident about witness git"),
        (
            entry(Action.EXPORT_MADE, Subject("ledger", "x/1"), after={"detail": "all entries"}),
            "exported the ledger x/1: all entries",
        ),
        (
            entry(Action.PREDICTION_LOOKED_UP, Subject("prediction", "3f1c-0001")),
            "looked up prediction 3f1c-0001",
        ),
        (
            entry(
                Action.PREDICTION_LOOKED_UP,
                Subject("prediction_search", "census"),
                after={
                    "since": "2026-11-20T10:00:00+00:00",
                    "until": "2026-11-21T10:00:00+00:00",
                    "by": ["age", "sex"],
                },
            ),
            "searched for predictions of census from 2026-11-20 10:00 UTC to 2026-11-21 10:00 UTC, by age, sex",
        ),
        (
            entry(Action.PREDICTION_LOOKED_UP, Subject("prediction_search", "any model"), after={"by": []}),
            "searched for predictions",
        ),
        (
            entry(Action.EVIDENCE_VIEWED, Subject("evidence", "sha256:" + "a" * 64), after={"version": "census v7"}),
            "viewed the evidence for census v7",
        ),
        (
            entry(Action.EVIDENCE_VIEWED, Subject("evidence", "sha256:" + "a" * 64), request_id="req-1"),
            "viewed the evidence of request req-1",
        ),
        (
            entry(
                Action.EXPORT_MADE,
                Subject("prediction", "3f1c-0001"),
                after={"what": "dossier", "detail": "prediction 3f1c-0001"},
            ),
            "exported the dossier of prediction 3f1c-0001",
        ),
    ],
)
def test_words__of_an_entry__read_as_a_sentence(told: LedgerEntry, said: str) -> None:
    assert words_of(told) == said


def test_find__pages__are_cut_in_sql_with_and_without_filters(world: World) -> None:
    write(world, PAGE_SIZE + 7)
    write(world, 60, actor=BEN, subject=Subject("model_version", "fraud/1"))
    ledger = desk(world)
    total = 2 * PAGE_SIZE + 17
    first, last = ledger.find(LedgerQuery()), ledger.find(LedgerQuery(page=3))
    assert (first.total, [line.seq for line in first.lines][:2], len(first.lines)) == (total, [total, total - 1], 50)
    assert [line.seq for line in last.lines] == list(range(17, 0, -1))
    assert ledger.find(LedgerQuery(page=4)).lines == ()
    mine = ledger.find(LedgerQuery(actor="okaf", page=2))
    assert (mine.total, [line.seq for line in mine.lines]) == (60, list(range(67, 57, -1)))
    assert ledger.find(LedgerQuery(model="cens", page=2)).total == PAGE_SIZE + 7
    assert first.checkpoint.startswith("test.local/ledger/1\n117\n")


def test_find__by_time__takes_the_beginning_and_leaves_the_end(world: World) -> None:
    write(world, 2)
    world.clock.advance(3600)
    write(world, 3)
    ledger, moment = desk(world), START + HOUR
    assert ledger.find(LedgerQuery(since=moment)).total == 3
    assert ledger.find(LedgerQuery(until=moment)).total == 2
    assert ledger.find(LedgerQuery(since=moment, until=moment + HOUR, model="census")).total == 3


def test_witnesses__each__says_how_far_it_has_seen(world: World, tmp_path: Path) -> None:
    file, second = (
        FileWitness(tmp_path / "w.txt", clock=world.clock.now),
        FileWitness(tmp_path / "x.txt", name="second"),
    )
    ledger = desk(world, file, second)
    assert [(w.name, w.size, w.behind, w.freshness) for w in ledger.witnesses()] == [
        ("file", 0, 0, "fresh"), ("second", 0, 0, "fresh")
    ]  # fmt: skip
    write(world, 4)
    WitnessWatch(world.units, file, clock=world.clock, ids=world.ids, interval=HOUR).beat()
    write(world, 1)
    world.clock.advance(1.5 * 3600)
    assert [(w.size, w.behind, w.freshness) for w in ledger.witnesses()] == [(4, 1, "late"), (0, 5, "late")]
    world.clock.advance(3600)
    assert {w.freshness for w in ledger.witnesses()} == {"silent"}
    assert ledger.witnesses()[0].last_seen == START


@dataclass
class Gate:
    """A witness that answers when it is let."""

    behind: FileWitness
    opened: threading.Event
    name: str = "file"

    def all(self, origin: str) -> Sequence[str]:
        assert self.opened.wait(30)
        return self.behind.all(origin)


def test_check__in_the_background__is_one_for_all_and_tells_how_far_it_is(world: World, tmp_path: Path) -> None:
    write(world, 5)
    opened = threading.Event()
    ledger = desk(world, Gate(FileWitness(tmp_path / "w.txt"), opened))  # type: ignore[arg-type]
    assert ledger.last_check() is None
    first = ledger.start_check()
    assert first.finished is None
    assert ledger.start_check().started == first.started
    opened.set()
    for thread in threading.enumerate():
        if thread.name == "countersign-verify":
            thread.join(30)
    done = ledger.last_check()
    assert done is not None
    assert done.finished is not None
    assert done.verdict is not None
    assert (done.verdict.is_intact, done.verdict.size, done.share) == (True, 5, 1.0)


def test_check__that_cannot_run__says_so_and_can_be_started_again(world: World) -> None:
    def no_keys() -> list[object]:
        raise RefusedError("The key is away.")

    checks = LedgerChecks(LedgerVerdicts(world.units, no_keys, []), world.clock)  # type: ignore[arg-type]
    for _ in range(2):
        checks.start()
        for thread in threading.enumerate():
            if thread.name == "countersign-verify":
                thread.join(30)
        assert checks.last is not None
        assert checks.last.problem == "The key is away."


def test_export__by_an_auditor__is_recorded_inside_itself_and_verifies_offline(world: World, tmp_path: Path) -> None:
    witness = FileWitness(tmp_path / "w.txt")
    write(world, 3)
    WitnessWatch(world.units, witness, clock=world.clock, ids=world.ids, interval=HOUR).beat()
    packed = desk(world, witness).export(DEV)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        last = json.loads(archive.read("entries.jsonl").splitlines()[-1])
        (tmp_path / "script.py").write_bytes(archive.read("verify_ledger.py"))
    assert (last["action"], last["actor"]["name"]) == ("export:file:made", "Dev Patel")
    (tmp_path / "out.zip").write_bytes(packed)
    key = str(world.signer.active.verifier)
    now = (START + HOUR).isoformat()
    said = run_script(str(tmp_path / "out.zip"), "--vkey", key, "--witness", str(tmp_path / "w.txt"), "--now", now)
    assert said.returncode == 0, said.stdout
    assert "witnessed up to entry 3, 1 more stand" in said.stdout


def test_export__by_somebody_else__is_refused_and_not_recorded(world: World) -> None:
    write(world, 1)
    with pytest.raises(NotAllowedError):
        desk(world).export(ANA)
    with pytest.raises(NotAllowedError):
        desk(world).export(Actor(Person("x", "X"), frozenset()))
    assert world.actions() == ["promotion:comment:added"]


def test_search_by_inputs__values__stand_as_commitments_only_and_can_be_erased(world: World) -> None:
    scene = Scene(world)
    wanted = PredictionQuery(MODEL, since=START, until=START + HOUR, inputs={"age": "39"})
    scene.desk.search(DEV, wanted)
    with world.units.read() as unit:
        stored = unit.archive.page(EntryFilter(action_prefix="why:"), EntryPage(limit=1))[0]
        kept = unit.archive.personal([stored.seq])
    found = LedgerEntry.parse(stored.body)
    assert [(value.field, value.value) for value in kept] == [("input age", "39")]
    kept[0].check(found.personal or {})
    assert '"39"' not in stored.body
