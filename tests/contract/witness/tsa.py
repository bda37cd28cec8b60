"""A time stamp authority made with openssl: a root certificate, a signing certificate, and an HTTP front."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_CONFIG = """\
[tsa]
default_tsa = tsa_config
[tsa_config]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/signer.pem
certs = {folder}/root.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
[signer]
extendedKeyUsage = critical,timeStamping
"""


@dataclass(frozen=True)
class Authority:
    """Where it lives, and whom its clients believe."""

    folder: Path
    url: str = ""

    @property
    def ca_file(self) -> Path:
        return self.folder / "root.pem"


def make_authority(parent: Path) -> Authority:
    folder = parent / "authority"
    folder.mkdir()
    (folder / "tsa.cnf").write_text(_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl(
        folder,
        "req",
        "-x509",
        *new_key,
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
        "-subj",
        "/CN=Test root",
        "-days",
        "30",
    )
    _openssl(folder, "req", *new_key, "-keyout", "signer.key", "-out", "signer.csr", "-subj", "/CN=Test TSA")
    by_root = ["-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2", "-days", "30"]
    extensions = ["-extfile", "tsa.cnf", "-extensions", "signer"]
    _openssl(folder, "x509", "-req", "-in", "signer.csr", *by_root, "-out", "signer.pem", *extensions)
    return Authority(folder)


@contextmanager
def serve_authority(authority: Authority) -> Iterator[Authority]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(authority))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield replace(authority, url=f"http://127.0.0.1:{server.server_address[1]}/")
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _handler(authority: Authority) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/" or self.headers["Content-Type"] != "application/timestamp-query":
                self.send_error(400)
                return
            with lock:
                (authority.folder / "query").write_bytes(query)
                reply = ["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply"]
                _openssl(authority.folder, *reply)
                body = (authority.folder / "reply").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)
