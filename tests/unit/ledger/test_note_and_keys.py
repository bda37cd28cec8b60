from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.errors import SettingsError
from services.ledger.signing.keys import KeyRing, SigningKey, load_or_create
from services.ledger.tree.note import (
    Checkpoint,
    NoteError,
    SignedNote,
    VerifierKey,
    parse_note,
    split_notes,
    verify_note,
)
from tests.unit.ledger.build import NAME, START, fixed_key

CHECKPOINT = Checkpoint(f"{NAME}/1", 7, bytes(range(32)))
NOTE = KeyRing(fixed_key()).sign(CHECKPOINT, START)


def test_note__written_and_read__is_equal_and_verifies() -> None:
    read = parse_note(NOTE.text())
    assert read == NOTE
    assert verify_note(read, [fixed_key().verifier], origin=CHECKPOINT.origin) == fixed_key().verifier


def test_note__text__is_the_published_form() -> None:
    lines = NOTE.text().split("\n")
    assert lines[:2] == [f"{NAME}/1", "7"]
    assert lines[3] == ""
    assert lines[4].startswith(f"— {NAME} ")
    assert lines[5:] == [""]


def test_vkey__of_the_published_example__is_read() -> None:
    """The example key of c2sp.org/signed-note."""
    key = VerifierKey.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert str(key).startswith("PeterNeumann+c74f20a3+")
    text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    signature = parse_note(f"o\n1\n{'A' * 43}=\n\n{line}\n").signatures[0]
    key._check(signature.signature, text)
    with pytest.raises(NoteError):
        key._check(signature.signature, text + " ")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("\n\n", "\n"),
        lambda text: text[:-1],
        lambda text: text.replace("\n7\n", "\n07\n"),
        lambda text: text.replace("\n7\n", "\n-7\n"),
        lambda text: text.replace("\n7\n", "\n7\nextra\n"),
        lambda text: text.replace("AAEC", "AAE=", 1),
        lambda text: text.replace("— ", "- "),
        lambda text: text.replace("=\n\n", "\n\n"),
        lambda text: text + "rubbish\n",
        lambda text: "\n" + text.split("\n", 1)[1],
        lambda text: text.rsplit(" ", 1)[0] + " AAAA\n",
    ],
)
def test_note__malformed__is_refused_with_our_own_error(damage) -> None:
    with pytest.raises(NoteError):
        parse_note(damage(NOTE.text()))


def test_note__other_size_under_the_same_signature__is_refused() -> None:
    forged = parse_note(NOTE.text().replace("\n7\n", "\n8\n"))
    with pytest.raises(NoteError, match="is invalid"):
        verify_note(forged, [fixed_key().verifier])


def test_note__unknown_key_or_other_origin__is_refused() -> None:
    with pytest.raises(NoteError, match="None of the known keys"):
        verify_note(NOTE, [fixed_key(seed=2).verifier])
    with pytest.raises(NoteError, match="belongs to"):
        verify_note(NOTE, [fixed_key().verifier], origin=f"{NAME}/2")


def test_note__one_good_and_one_bad_known_signature__is_refused() -> None:
    other = fixed_key(seed=2)
    bad = type(NOTE.signatures[0])(NAME, other.verifier.key_id, b"\0" * 64)
    with pytest.raises(NoteError, match="is invalid"):
        verify_note(SignedNote(CHECKPOINT, (*NOTE.signatures, bad)), [fixed_key().verifier, other.verifier])


@pytest.mark.parametrize("vkey", ["", "a+b+c", f"{NAME}+00000000+{'A' * 44}", "x y+00000000+AAAA"])
def test_vkey__malformed__is_refused(vkey: str) -> None:
    with pytest.raises(NoteError):
        VerifierKey.parse(vkey)


def test_split_notes__joined_text__gives_each_note() -> None:
    assert split_notes(f"{NOTE.text()}\n{NOTE.text()}\n") == [NOTE.text()] * 2


def test_key_file__absent__is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ledger.pem"
    ring = load_or_create(path, NAME)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_create(path, NAME).active.verifier == ring.active.verifier
    assert list(path.parent.iterdir()) == [path]
    assert "PRIVATE" not in repr(ring)


def test_key_file__readable_by_others__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.pem"
    load_or_create(path, NAME)
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="0644"):
        load_or_create(path, NAME)


def test_ring__two_keys_until__both_sign_until_then() -> None:
    until = START + timedelta(days=1)
    ring = KeyRing(fixed_key()).rotated(fixed_key(seed=2), until)
    read = KeyRing.parse(NAME, ring.to_text())
    assert read.previous_until == until
    assert [s.key_id for s in read.sign(CHECKPOINT, START).signatures] == [
        fixed_key().verifier.key_id,
        fixed_key(seed=2).verifier.key_id,
    ]
    assert len(read.sign(CHECKPOINT, until).signatures) == 1


def _curve_pem() -> str:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _curve_pem(),
        SigningKey.generate(NAME).pem() * 2,
        f"{fixed_key().pem()}previous-until: never\n{fixed_key().pem()}",
        f"{fixed_key().pem()}previous-until: 2026-11-21T00:00:00\n{fixed_key().pem()}",
    ],
)
def test_ring__text_without_a_usable_key__is_a_setting_error(text: str) -> None:
    with pytest.raises(SettingsError):
        KeyRing.parse(NAME, text)


def test_ring__time_of_the_file__keeps_its_zone() -> None:
    until = datetime(2026, 12, 1, tzinfo=UTC)
    assert KeyRing.parse(NAME, KeyRing(fixed_key(), fixed_key(seed=3), until).to_text()).previous_until == until
