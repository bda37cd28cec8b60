"""Witnesses and the ledger's key as the settings choose them, over real files and a real Git repository."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.bootstrap.ledger import active_ring, demand_witnesses, open_keys, open_witnesses
from services.cli.doctor import examine
from services.database.stores.ledger import ledger_transactions
from services.errors import SettingsError
from services.ledger.actions import Action
from services.ledger.signing.keys import KeyRing, SigningKey
from services.ledger.signing.rotation import MINIMUM_OVERLAP, rotate
from services.ledger.tree.entry import Actor, Subject
from services.ledger.verify import verify_ledger
from services.ledger.witnessing import publish_head
from services.ledger.writer import append
from services.policies.reading import parse_governance
from services.settings import Settings
from tests.schema import make_tables
from tests.simulators.basics import StillClock
from tests.world import GOVERNANCE

GRACE = Actor("u-1", "Grace Hopper")


def settings(folder: Path, **more: object) -> Settings:
    return Settings(
        _env_file=None, database_url=f"sqlite:///{folder / 'portal.db'}", data_dir=folder / "data",
        governance_file=folder / "governance.yaml", **more,
    )  # fmt: skip


def write_entry(engine: Engine, signer: object) -> None:
    with ledger_transactions(engine)() as ledger:
        append(
            ledger, actor=GRACE, action=Action.LEDGER_HEARTBEAT, subject=Subject("ledger", "x"),
            clock=StillClock().now, signer=signer,
        )  # fmt: skip


@pytest.fixture
def tables(engine: Engine) -> Engine:
    make_tables(engine)
    return engine


def test_witnesses__each_setting__opens_its_witness(tmp_path: Path) -> None:
    everything = settings(
        tmp_path, witness_file=tmp_path / "w.txt", witness_git_url="https://git.test/w", witness_git_token="hunter2",
        witness_blob_url="https://blob.test/w", witness_blob_sas="?sig=hunter2",
        witness_timestamp_url="https://tsa.test", witness_timestamp_ca=tmp_path / "ca.pem",
    )  # fmt: skip
    found = open_witnesses(everything)
    assert [w.name for w in found] == ["file", "git", "azure-blob", "timestamp"]
    assert [w.remembers for w in found] == [True, True, True, False]
    assert "hunter2" not in repr(everything) + repr(found)
    assert open_witnesses(settings(tmp_path)) == []


def test_witnesses__time_stamp_without_a_root_certificate__is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="root certificate"):
        open_witnesses(settings(tmp_path, witness_timestamp_url="https://tsa.test"))


def test_policy_that_waits__with_too_few_witnesses__is_refused_at_the_start(tmp_path: Path) -> None:
    text = GOVERNANCE.replace("REGISTRY", "before").replace("QUORUM", "1")
    waiting = parse_governance(text.replace("expires_after", "witness_before_release: true\n    expires_after"))
    stamp = settings(tmp_path, witness_timestamp_url="https://tsa.test", witness_timestamp_ca=tmp_path / "ca.pem")
    with pytest.raises(SettingsError, match="1 needed, 0 set"):
        demand_witnesses(waiting, stamp, open_witnesses(stamp))
    two = settings(tmp_path, witness_file=tmp_path / "w.txt", witnesses_needed=2)
    with pytest.raises(SettingsError, match="2 needed, 1 set"):
        demand_witnesses(waiting, two, open_witnesses(two))
    demand_witnesses(parse_governance(text), stamp, open_witnesses(stamp))


def test_governance__retention_below_the_floor__is_refused_with_its_line(tmp_path: Path) -> None:
    text = GOVERNANCE.replace("REGISTRY", "before").replace("QUORUM", "1")
    assert parse_governance(text).keep_personal is None
    kept = parse_governance(text + "ledger: {keep_personal_days: 184}\n").keep_personal
    assert kept is not None
    assert kept.days == 184
    with pytest.raises(SettingsError, match=r"ledger.keep_personal_days: .*184"):
        parse_governance(text + "ledger:\n  keep_personal_days: 183\n")


def test_key__missing_while_the_ledger_has_entries__is_never_made_anew(tables: Engine, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    write_entry(tables, open_keys(chosen, tables))
    (chosen.data_dir / "ledger.pem").unlink()
    with pytest.raises(SettingsError, match="is missing, but it has signed"):
        open_keys(chosen, tables)


def test_key__other_than_the_one_that_signed__is_refused(tables: Engine, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    write_entry(tables, open_keys(chosen, tables))
    other = KeyRing(SigningKey.generate(chosen.ledger_origin)).to_text()
    with pytest.raises(SettingsError, match="did not sign"):
        open_keys(settings(tmp_path, ledger_key=other), tables)


def test_key__from_a_setting__signs_and_leaves_no_file(tables: Engine, tmp_path: Path) -> None:
    ring = KeyRing(SigningKey.generate("countersign.local/ledger"))
    keys = open_keys(settings(tmp_path, ledger_key=ring.to_text()), tables)
    assert active_ring(keys).active.verifier == ring.active.verifier
    assert not (tmp_path / "data").exists()


def test_key__changed_in_the_setting__is_announced_once_and_signed_by_both(tables: Engine, tmp_path: Path) -> None:
    name = "countersign.local/ledger"
    old = KeyRing(SigningKey.generate(name))
    write_entry(tables, open_keys(settings(tmp_path, ledger_key=old.to_text()), tables))
    text = old.rotated(SigningKey.generate(name), datetime.now(UTC) + timedelta(days=30)).to_text()
    for _ in range(2):
        keys = open_keys(settings(tmp_path, ledger_key=text), tables)
    with ledger_transactions(tables)() as ledger:
        assert [row.columns["action"] for row in ledger.stream(1, 9)][1:] == ["ledger:key:rotated"]
        assert (ledger.checkpoint(2) or "").count("—") == 2
        assert verify_ledger(ledger, [old.active.verifier]).holds
    assert active_ring(keys).active.verifier != old.active.verifier


def test_key__rotated_by_another_process__signs_from_the_next_entry_on(tables: Engine, tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    keys = open_keys(chosen, tables)
    write_entry(tables, keys)
    old = active_ring(keys).active.verifier
    path, name = chosen.data_dir / "ledger.pem", chosen.ledger_origin
    told = {"actor": GRACE, "clock": StillClock().now, "overlap": MINIMUM_OVERLAP}
    rotate(ledger_transactions(tables), path, name, **told)
    write_entry(tables, keys)
    assert active_ring(keys).active.verifier != old
    with ledger_transactions(tables)() as ledger:
        note = ledger.checkpoint(3)
    assert note is not None
    assert note.count("—") == 2


def test_doctor__each_witness__has_its_own_line(tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True, timeout=30)
    (tmp_path / "broken").mkdir()
    chosen = settings(tmp_path, witness_git_url=str(remote), witness_file=tmp_path / "broken", mlflow_timeout=0.1)
    told = {found.what: found for found in examine(chosen)}
    assert told["Witness git"].is_well, told["Witness git"].sentence
    assert told["Witness git"].sentence == "answers and holds no checkpoint yet."
    assert not told["Witness file"].is_well
    assert "cannot be used" in told["Witness file"].sentence
    assert told["Ledger key"].sentence.startswith("countersign.local/ledger+")


def test_doctor__witness_that_contradicts_or_forgot__is_told(tables: Engine, tmp_path: Path) -> None:
    chosen = settings(tmp_path, witness_file=tmp_path / "w.txt", mlflow_timeout=0.1)
    write_entry(tables, open_keys(chosen, tables))
    (found,) = open_witnesses(chosen)
    publish_head(ledger_transactions(tables), found.witness, StillClock().now)

    def told() -> str:
        return next(d.sentence for d in examine(chosen) if d.what == "Witness file")

    assert told() == "answers and holds the checkpoint of 1 entry."
    kept = (tmp_path / "w.txt").read_text()
    (tmp_path / "w.txt").unlink()
    assert told().startswith("Witness file confirmed 1 entry but now holds none of them.")
    (tmp_path / "w.txt").write_text(kept.replace("/1\n1\n", "/1\n2\n"))
    assert "this ledger does not continue" in told()
