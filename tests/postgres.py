"""A real PostgreSQL server for tests, from the wheel `pgserver`: own folder, own socket, gone at the end.

The wheel's own helper is not used: as root it makes a system account and opens up folders above the environment. Here the
server runs as ``nobody`` when the tests run as root, from a copy of the binaries where that account cannot reach them.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

_START_SECONDS = 60
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class _Account:
    """Whom the server runs as; None means as ourselves."""

    uid: int | None
    gid: int | None


@contextmanager
def start_postgres(tmp: Path, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Run a server while the block lasts; yields a SQLAlchemy URL of its first database.

    `tmp` gets the server's log. Without `settings` nothing is synced to disk, which suits tests and not benchmarks.
    """
    account = _account()
    # Socket paths must be short, and other accounts cannot look into pytest's folders.
    home = Path(tempfile.mkdtemp(prefix="csg-pg-"))
    try:
        programs = _programs(home, account)
        _give(home, account)
        _initialise(programs, home, account)
        with (tmp / "postgres.log").open("wb") as log:
            server = _launch(
                programs, home, account, log=log.fileno(), settings=_FAST if settings is None else settings
            )
            try:
                _await_ready(home, server, tmp / "postgres.log")
                yield f"postgresql+psycopg://postgres@/postgres?host={home}"
            finally:
                _stop(server)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def fresh_database(url: str, template: str = "template1") -> Iterator[str]:
    """A new database on a running server, empty or like `template`, dropped afterwards; yields its SQLAlchemy URL."""
    name = f"test_{uuid4().hex}"
    plain = url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield url.replace("/postgres?", f"/{name}?")
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account(None, None)
    nobody = pwd.getpwnam("nobody")
    return _Account(nobody.pw_uid, nobody.pw_gid)


def _programs(home: Path, account: _Account) -> Path:
    """The folder with the server's programs, copied when the account cannot reach the installed ones."""
    spec = importlib.util.find_spec("pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("the wheel pgserver is not installed")
    package = Path(spec.origin).parent
    if account.uid is None or all(parent.stat().st_mode & 0o001 for parent in package.parents):
        return package / "pginstall" / "bin"
    for folder in (package, package.with_name("pgserver.libs")):
        shutil.copytree(folder, home / "programs" / folder.name, symlinks=True)
    return home / "programs" / "pgserver" / "pginstall" / "bin"


def _give(home: Path, account: _Account) -> None:
    if account.uid is None or account.gid is None:
        return
    for path in (home, *home.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _initialise(programs: Path, home: Path, account: _Account) -> None:
    command = [str(programs / "initdb"), "-D", str(home / "data"), "-U", "postgres", "--auth=trust", "--encoding=UTF8"]
    command += ["--no-sync", "--locale=C"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=home, user=account.uid, group=account.gid)


def _launch(
    programs: Path, home: Path, account: _Account, *, log: int, settings: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    command = [str(programs / "postgres"), "-D", str(home / "data"), "-k", str(home), "-c", "listen_addresses="]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return subprocess.Popen(
        command,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        user=account.uid,
        group=account.gid,
        preexec_fn=_end_with_parent(),  # noqa: PLW1509 - one C call, no lock
        start_new_session=True,
    )


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux the server ends when the tests are killed (prctl PR_SET_PDEATHSIG), so that none is left behind."""
    if not hasattr(os, "pidfd_open"):
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(1, signal.SIGINT)


def _await_ready(home: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={home}", connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.send_signal(signal.SIGINT)  # fast shutdown
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(10)
