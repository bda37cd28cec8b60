"""Every witness keeps the same promises: remember all, take only what extends, answer the same note again."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.adapters.witness.azure_blob import AzureBlobWitness, BlobContainer
from services.adapters.witness.file import FileWitness
from services.adapters.witness.git import GitRemote, GitWitness
from services.adapters.witness.timestamp import TimeStampAuthority, TimeStampWitness
from services.errors import (
    IntegrityError,
    PortalError,
    SettingsError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from services.ledger.signing.keys import KeyRing
from services.ledger.tree.note import Checkpoint
from services.ledger.witnessing import Witness, WitnessRefusedError
from tests.contract.witness.blob_service import BlobService, serve_blobs
from tests.contract.witness.git_service import GitService, header, is_possible, serve_git
from tests.contract.witness.tsa import Authority, make_authority, serve_authority
from tests.unit.ledger.build import NAME, START, fixed_key

ORIGIN = f"{NAME}/1"
OCTOBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC)
Make = Callable[[], Witness]


def note(size: int, root: int = 0, origin: str = ORIGIN) -> str:
    return KeyRing(fixed_key()).sign(Checkpoint(origin, size, bytes([root]) * 32), START).text()


def git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository that refuses force pushes and deletions, as the branch policy would."""
    path = tmp_path / "remote.git"
    git("init", "--quiet", "--bare", "--initial-branch", "main", str(path), cwd=tmp_path)
    git("config", "receive.denyNonFastForwards", "true", cwd=path)
    git("config", "receive.denyDeletes", "true", cwd=path)
    return path


@pytest.fixture(scope="module")
def blobs() -> Iterator[BlobService]:
    with serve_blobs() as service:
        yield service


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = make_authority(tmp_path_factory.mktemp("tsa"))
    with serve_authority(made) as served:
        yield served


@pytest.fixture(scope="module")
def gits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitService]:
    if not is_possible():
        pytest.skip("git has no http-backend here")
    with serve_git(tmp_path_factory.mktemp("git")) as service:
        yield service


@pytest.fixture(params=["file", "git", "git over HTTP", "blob", "timestamp"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Opens the same witness again and again, each time as another process would."""
    if request.param == "file":
        return lambda: FileWitness(tmp_path / "notes.txt")
    if request.param == "git":
        remote = request.getfixturevalue("remote")
        numbers = iter(range(100))
        return lambda: GitWitness(GitRemote(str(remote), tmp_path / f"clone-{next(numbers)}"))
    if request.param == "git over HTTP":
        url = request.getfixturevalue("gits").new_repository(tmp_path.name)
        numbers = iter(range(100))
        return lambda: GitWitness(GitRemote(url, tmp_path / f"clone-{next(numbers)}", header=header()))
    if request.param == "blob":
        container = request.getfixturevalue("blobs").new_container()
        return lambda: AzureBlobWitness(container, clock=lambda: START)
    served: Authority = request.getfixturevalue("authority")
    return lambda: TimeStampWitness(tmp_path / "stamps", TimeStampAuthority(served.url, served.ca_file))


def test_witness__notes_of_a_growing_log__keeps_all_in_order(make: Make) -> None:
    witness = make()
    assert (witness.latest(ORIGIN), list(witness.all(ORIGIN))) == (None, [])
    receipts = [witness.publish(note(size)) for size in (1, 2, 5)]
    assert [receipt.size for receipt in receipts] == [1, 2, 5]
    assert all(receipt.at.tzinfo is not None and receipt.reference for receipt in receipts)
    again = make()
    assert list(again.all(ORIGIN)) == [note(1), note(2), note(5)]
    assert again.latest(ORIGIN) == note(5)


def test_witness__same_note_again__gives_a_receipt_and_keeps_one(make: Make) -> None:
    assert make().publish(note(3)).size == make().publish(note(3)).size == 3
    assert list(make().all(ORIGIN)) == [note(3)]


@pytest.mark.parametrize("offered", [note(4), note(5, root=1), note(1)])
def test_witness__note_that_does_not_extend__is_refused_and_not_kept(make: Make, offered: str) -> None:
    make().publish(note(5))
    with pytest.raises(WitnessRefusedError):
        make().publish(offered)
    assert list(make().all(ORIGIN)) == [note(5)]


def test_witness__two_origins__are_kept_apart(make: Make) -> None:
    make().publish(note(9))
    make().publish(note(4, origin=f"{NAME}/2"))
    assert list(make().all(f"{NAME}/2")) == [note(4, origin=f"{NAME}/2")]
    assert make().latest(ORIGIN) == note(9)


def test_witness__many_at_once__never_keeps_a_note_that_does_not_extend(make: Make) -> None:
    """The race of two publishers: whoever comes late is refused; what is kept always grows."""
    make().publish(note(1))
    refused: list[PortalError] = []
    sizes = [7, 3, 9, 5]
    witnesses = [make() for _ in sizes]

    def offer(witness: Witness, size: int) -> None:
        try:
            witness.publish(note(size))
        except WitnessRefusedError as error:
            refused.append(error)

    threads = [threading.Thread(target=offer, args=pair) for pair in zip(witnesses, sizes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    kept = [int(text.split("\n")[1]) for text in make().all(ORIGIN)]
    assert kept == sorted(set(kept))
    assert kept[-1] == 9
    assert len(kept) + len(refused) == 1 + len(sizes)


def test_file__torn_by_a_crash__loses_only_the_note_that_was_never_receipted(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    FileWitness(path).publish(note(1))
    whole = note(2)
    for cut in (5, len(whole) - 40, len(whole) - 1):
        path.write_text(note(1) + "\n" + whole[:cut])
        assert list(FileWitness(path).all(ORIGIN)) == [note(1)]
        FileWitness(path).publish(note(3))
        assert list(FileWitness(path).all(ORIGIN)) == [note(1), note(3)]


def test_file__longer_than_its_tail__still_knows_the_last_note_of_an_old_origin(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    FileWitness(path).publish(note(9))
    with path.open("a") as file:
        file.writelines(note(size, origin=f"{NAME}/2") + "\n" for size in range(1, 400))
    with pytest.raises(WitnessRefusedError):
        FileWitness(path).publish(note(8))
    with pytest.raises(WitnessRefusedError):
        FileWitness(path).publish(note(399, root=1, origin=f"{NAME}/2"))
    FileWitness(path).publish(note(400, origin=f"{NAME}/2"))
    assert len(FileWitness(path).all(f"{NAME}/2")) == 400


def test_git__each_checkpoint__is_a_commit_in_the_file_of_its_month(remote: Path, tmp_path: Path) -> None:
    target = GitRemote(str(remote), tmp_path / "clone")
    GitWitness(target, clock=lambda: OCTOBER).publish(note(1))
    GitWitness(target, clock=lambda: START).publish(note(2))
    receipt = GitWitness(target, clock=lambda: OCTOBER).publish(note(3))  # a clock that is behind
    assert git("rev-parse", "main", cwd=remote).strip() == receipt.reference
    assert git("ls-tree", "-r", "--name-only", "main", cwd=remote).split() == [
        "checkpoints/2026-10.txt",
        "checkpoints/2026-11.txt",
    ]
    assert git("log", "--format=%s", "main", cwd=remote).splitlines()[0] == "Checkpoint of 3 entries"
    assert list(GitWitness(target).all(ORIGIN)) == [note(1), note(2), note(3)]


def test_git__history_rewritten_at_the_remote__is_refused_not_followed(remote: Path, tmp_path: Path) -> None:
    witness = GitWitness(GitRemote(str(remote), tmp_path / "clone"))
    witness.publish(note(1))
    witness.publish(note(2))
    git("update-ref", "refs/heads/main", "main~1", cwd=remote)
    with pytest.raises(IntegrityError, match="rewritten"):
        witness.publish(note(3))
    git("update-ref", "-d", "refs/heads/main", cwd=remote)
    with pytest.raises(IntegrityError, match="rewritten"):
        witness.latest(ORIGIN)


def test_git__killed_between_commit_and_push__starts_from_the_remote_again(remote: Path, tmp_path: Path) -> None:
    witness = GitWitness(GitRemote(str(remote), tmp_path / "clone"))
    clone = tmp_path / "clone" / "repository"
    for before in ([], [note(1)]):
        (clone / "checkpoints").mkdir(parents=True, exist_ok=True)
        if before:
            with (clone / "checkpoints" / "2026-11.txt").open("a") as file:
                file.write(note(9) + "\n")
            git("add", ".", cwd=clone)
            git("-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "unpushed", cwd=clone)
            (clone / ".git" / "index.lock").touch()
        assert witness.publish(note(len(before) + 1)).size == len(before) + 1
    assert list(witness.all(ORIGIN)) == [note(1), note(2)]


def test_git__remote_away_or_refusing__says_so(remote: Path, tmp_path: Path) -> None:
    away = GitWitness(GitRemote(str(tmp_path / "absent.git"), tmp_path / "one"))
    with pytest.raises(UpstreamRefusedError) as caught:
        away.publish(note(1))
    assert str(tmp_path / "absent.git") not in caught.value.message
    (remote / "hooks" / "pre-receive").write_text("#!/bin/sh\necho no >&2\nexit 1\n")
    (remote / "hooks" / "pre-receive").chmod(0o755)
    with pytest.raises(UpstreamRefusedError, match="refused"):
        GitWitness(GitRemote(str(remote), tmp_path / "two")).publish(note(1))
    slow = GitRemote(str(remote), tmp_path / "three", timeout=0.0001)
    with pytest.raises(UpstreamUnavailableError, match="took longer"):
        GitWitness(slow).publish(note(1))


def test_git__over_http_with_a_wrong_token__is_refused_and_tells_no_secret(gits: GitService, tmp_path: Path) -> None:
    url = gits.new_repository("wrong-token")
    for number, sent in enumerate((header("hunter2"), "")):
        witness = GitWitness(GitRemote(url, tmp_path / str(number), header=sent))
        with pytest.raises(UpstreamRefusedError, match="Witness git rejected the token") as caught:
            witness.publish(note(1))
        assert "COUNTERSIGN_WITNESS_GIT_TOKEN" in caught.value.hint
        assert "hunter2" not in caught.value.sentence() + str(caught.value)
    absent = GitWitness(GitRemote(url.replace("wrong-token", "absent"), tmp_path / "absent", header=header()))
    with pytest.raises(UpstreamRefusedError, match="not found"):
        absent.latest(ORIGIN)


def test_git__over_http_history_rewritten__is_refused(gits: GitService, tmp_path: Path) -> None:
    url = gits.new_repository("rewritten")
    witness = GitWitness(GitRemote(url, tmp_path / "clone", header=header()))
    witness.publish(note(1))
    witness.publish(note(2))
    git("update-ref", "refs/heads/main", "main~1", cwd=gits.folder / "rewritten.git")
    with pytest.raises(IntegrityError, match="rewritten"):
        witness.publish(note(3))


def test_git__secret_header__reaches_git_by_the_environment_only(tmp_path: Path) -> None:
    target = GitRemote("https://example.test/x.git", tmp_path, header="Authorization: Basic c2VjcmV0")
    environment = GitWitness(target)._environment()
    assert environment["GIT_CONFIG_VALUE_0"] == "Authorization: Basic c2VjcmV0"
    assert "c2VjcmV0" not in repr(target)


def test_blob__container_without_immutability__is_a_setting_error(blobs: BlobService) -> None:
    AzureBlobWitness(blobs.new_container()).check()
    with pytest.raises(SettingsError, match="immutability"):
        AzureBlobWitness(blobs.new_container(immutable=False)).check()


def test_blob__month_after_month__goes_on_in_the_newest_blob(blobs: BlobService) -> None:
    container = blobs.new_container()
    AzureBlobWitness(container, clock=lambda: OCTOBER).publish(note(1))
    AzureBlobWitness(container, clock=lambda: START).publish(note(2))
    AzureBlobWitness(container, clock=lambda: OCTOBER).publish(note(3))
    assert list(AzureBlobWitness(container).all(ORIGIN)) == [note(1), note(2), note(3)]
    names = sorted(name.rpartition("/")[2] for name in blobs.names(container))
    assert names == ["2026-10.txt", "2026-11.txt"]
    for size in range(4, 8):  # the list comes in pages of two
        AzureBlobWitness(container, clock=lambda s=size: datetime(2027, s, 1, tzinfo=UTC)).publish(note(size))
    assert len(AzureBlobWitness(container).all(ORIGIN)) == 7


def test_blob__that_takes_no_more_blocks__is_followed_by_another_of_the_month(blobs: BlobService) -> None:
    container = blobs.new_container(most_blocks=2)
    for size in range(1, 8):
        assert AzureBlobWitness(container, clock=lambda: START).publish(note(size)).size == size
    with pytest.raises(WitnessRefusedError):
        AzureBlobWitness(container, clock=lambda: START).publish(note(6))
    AzureBlobWitness(container, clock=lambda: datetime(2026, 12, 1, tzinfo=UTC)).publish(note(8))
    assert list(AzureBlobWitness(container).all(ORIGIN)) == [note(size) for size in range(1, 9)]
    assert AzureBlobWitness(container).latest(ORIGIN) == note(8)
    names = [name.rpartition("/")[2] for name in blobs.names(container)]
    assert names == ["2026-11.txt", "2026-11_002.txt", "2026-11_003.txt", "2026-11_004.txt", "2026-12.txt"]


def test_blob__receipt__has_the_services_own_time(blobs: BlobService) -> None:
    receipt = AzureBlobWitness(blobs.new_container(), clock=lambda: OCTOBER).publish(note(1))
    assert receipt.at != OCTOBER
    assert "2026-10.txt" in receipt.reference


def test_blob__signature_or_token__is_sent_and_never_told(blobs: BlobService) -> None:
    plain = blobs.new_container()
    with_token = BlobContainer(plain.url, token=lambda: "t0ken")
    AzureBlobWitness(with_token, clock=lambda: START).publish(note(1))
    assert blobs.last_authorization == "Bearer t0ken"
    refused = BlobContainer(plain.url, sas="sig=wr0ng")
    with pytest.raises(UpstreamRefusedError, match="AuthenticationFailed") as caught:
        AzureBlobWitness(refused).latest(ORIGIN)
    assert "wr0ng" not in caught.value.sentence() + repr(refused)


def test_blob__service_away_or_broken__says_so(blobs: BlobService) -> None:
    gone = BlobContainer("http://127.0.0.1:1/gone", sas="sig=secret", timeout=2)
    with pytest.raises(UpstreamUnavailableError) as caught:
        AzureBlobWitness(gone).latest(ORIGIN)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(UpstreamUnavailableError, match="ServerBusy"):
        AzureBlobWitness(blobs.new_container(answer=503)).latest(ORIGIN)
    with pytest.raises(UpstreamInvalidError):
        AzureBlobWitness(blobs.new_container(answer=200)).latest(ORIGIN)


def test_timestamp__token__belongs_to_its_note_and_its_authority(authority: Authority, tmp_path: Path) -> None:
    trusted = TimeStampAuthority(authority.url, authority.ca_file)
    witness = TimeStampWitness(tmp_path / "stamps", trusted)
    receipt = witness.publish(note(1))
    assert abs((receipt.at - datetime.now(UTC)).total_seconds()) < 600
    (file,) = (tmp_path / "stamps").rglob("*.note")
    file.write_text(note(1, root=1))
    with pytest.raises(IntegrityError, match="does not belong"):
        witness.verify(file)
    stranger = make_authority(tmp_path)
    with pytest.raises(UpstreamInvalidError, match="does not cover"):
        TimeStampWitness(tmp_path / "other", TimeStampAuthority(authority.url, stranger.ca_file)).publish(note(1))


def test_timestamp__authority_away_or_refusing__keeps_nothing(authority: Authority, tmp_path: Path) -> None:
    for url, error in (("http://127.0.0.1:1/", UpstreamUnavailableError), (authority.url + "no", UpstreamRefusedError)):
        witness = TimeStampWitness(tmp_path / "stamps", TimeStampAuthority(url, authority.ca_file, timeout=5))
        with pytest.raises(error):
            witness.publish(note(1))
        assert witness.latest(ORIGIN) is None
