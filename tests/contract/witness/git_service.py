"""A Git remote over HTTP: Git's own `git http-backend` behind a small server that asks for a token, as Azure Repos does."""

from __future__ import annotations

import base64
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN = "a-personal-access-token"


def header(token: str = TOKEN) -> str:
    """What a personal access token is sent as: basic authentication without a user."""
    return f"Authorization: Basic {base64.b64encode(f':{token}'.encode()).decode()}"


@dataclass(frozen=True)
class GitService:
    """The running service; repositories lie in `folder`."""

    port: int
    folder: Path

    def new_repository(self, name: str) -> str:
        """URL of a new, empty repository that refuses force pushes and deletions, as the branch policy should."""
        where = self.folder / f"{name}.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(where)], check=True, timeout=30)
        for setting in ("receive.denyNonFastForwards", "receive.denyDeletes"):
            subprocess.run(["git", "-C", str(where), "config", setting, "true"], check=True, timeout=30)
        return f"http://127.0.0.1:{self.port}/{name}.git"


def is_possible() -> bool:
    """False where git came without its HTTP server."""
    where = subprocess.run(
        ["git", "--exec-path"], check=True, timeout=30, capture_output=True, text=True
    ).stdout.strip()
    return Path(where, "git-http-backend").exists()


@contextmanager
def serve_git(folder: Path) -> Iterator[GitService]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.folder = folder  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield GitService(server.server_address[1], folder)
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """CGI, RFC 3875, as far as git-http-backend needs it."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if f"Authorization: {self.headers.get('Authorization')}" != header():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        given = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.server.folder), "GIT_HTTP_EXPORT_ALL": "1",  # type: ignore[attr-defined]
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "portal",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }  # fmt: skip
        done = subprocess.run(
            ["git", "http-backend"], input=body, env=given, capture_output=True, check=False, timeout=60
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n") if line]
        fields = {name: value for name, _, value in lines}
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
