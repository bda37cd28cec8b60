"""Isolates a model's process with Linux namespaces, through the C library.

Anything that the kernel refuses is recorded and reported. Sources: unshare(2), mount(2), mount_setattr(2),
capset(2), prctl(2), user_namespaces(7).
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

NEW_USER, NEW_MOUNT, NEW_NET, NEW_PID, NEW_IPC = 0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000
_BIND, _REC, _PRIVATE, _NOSUID, _NODEV, _RDONLY = 0x1000, 0x4000, 0x40000, 0x2, 0x4, 0x1
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 24, 38
_CAP_VERSION = 0x20080522
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE = 442, -100, 0x8000
_SIGKILL = 9
_LAST_CAPABILITY = 63


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def enter_namespaces() -> tuple[set[str], str]:
    """Leave the host's namespaces; returns those left (network, mount, pid) and why others were not."""
    if not sys.platform.startswith("linux"):
        return set(), f"namespaces need Linux, this is {sys.platform}"
    user, group = os.getuid(), os.getgid()
    try:
        _check(_libc().unshare(NEW_USER), "user namespace")
        _map_ids(user, group)
    except OSError as error:
        return set(), error.strerror or str(error)
    left, problem = set(), ""
    for name, flag in (("network", NEW_NET), ("mount", NEW_MOUNT), ("pid", NEW_PID), ("ipc", NEW_IPC)):
        try:
            _check(_libc().unshare(flag), f"{name} namespace")
            left.add(name)
        except OSError as error:
            problem = error.strerror or str(error)
    return left, problem


def _map_ids(user: int, group: int) -> None:
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    parts = [None if text is None else text.encode() for text in (source, target, kind)]
    told = None if data is None else data.encode()
    _check(_libc().mount(*parts, ctypes.c_ulong(flags), told), f"mount {target}")


def build_files(work: Path, model: Path, hidden: Sequence[Path]) -> None:
    """Own /proc; the model under the work folder; hidden folders empty; all but the work folder read-only.

    Call it inside the mount and pid namespaces. Raises OSError.
    """
    _mount(None, "/", None, _REC | _PRIVATE)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV)
    _mount(str(work), str(work), None, _BIND | _REC)
    _mount(str(model), str(work / "model"), None, _BIND | _REC)
    for path in hidden:
        _hide(path, work)
    _read_only("/", recursive=True, on=True)
    _read_only(str(work), recursive=False, on=False)


def _hide(path: Path, work: Path) -> None:
    """Hide it behind an empty folder or file. Parents of the work folder and missing paths are skipped."""
    path = Path(os.path.realpath(path))
    if not path.exists() or path == work or path in work.parents:
        return
    if path.is_dir():
        _mount("tmpfs", str(path), "tmpfs", _NOSUID | _NODEV, "size=64k,mode=0755")
    else:
        _mount("/dev/null", str(path), None, _BIND)


def _read_only(path: str, *, recursive: bool, on: bool) -> None:
    bits = struct.pack("QQQQ", _RDONLY if on else 0, 0 if on else _RDONLY, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    call = _libc().syscall
    _check(call(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), flags, bits, len(bits)), f"read-only {path}")


def drop_privileges() -> None:
    """Drop all capabilities and any way to gain them, and disable set-uid programs. Raises OSError."""
    libc = _libc()
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # the highest number differs between kernels
    header, nothing = struct.pack("Ii", _CAP_VERSION, 0), struct.pack("IIIIII", 0, 0, 0, 0, 0, 0)
    _check(libc.capset(header, nothing), "capset")


def die_with_parent() -> None:
    """Make the kernel end this process when its parent ends."""
    if sys.platform.startswith("linux"):
        _libc().prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)


def set_limits(*, memory: int, seconds: float, output: int, processes: int | None) -> None:
    """Set kernel limits. `processes` only inside a user namespace: elsewhere it counts all of the user's processes."""
    wanted = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: int(seconds) + 2,
        resource.RLIMIT_FSIZE: output,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 512,
    }
    if processes is not None:
        wanted[resource.RLIMIT_NPROC] = processes
    for what, value in wanted.items():
        _, hard = resource.getrlimit(what)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (most, most))


def in_child(run: Callable[[], int]) -> int:
    """Run in a child process and give its exit code (128 + signal when one ended it)."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_with_parent()
            code = run()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
