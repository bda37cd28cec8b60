"""A strict OpenID Connect provider on 127.0.0.1, with Entra ID's habits where a test asks for them.

Unlike mocks it refuses what a real one refuses: a wrong redirect address, a missing or wrong PKCE verifier, a code or a
refresh token used twice, a wrong client secret.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa


@cache
def _key(number: int) -> rsa.RSAPrivateKey:
    """Keys are made once for each test process: making one takes longer than most tests."""
    return rsa.generate_private_key(65537, 2048)


CLIENT, SECRET = "countersign", "s3cret/with+odd=characters"


@dataclass
class Provider:
    """What the provider knows and how it behaves; tests change it while it runs."""

    issuer: str = ""
    redirect_uri: str = "http://127.0.0.1:8501/sign-in/callback"
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    overage: str = ""
    """``claim_names`` or ``hasgroups``: groups are left out and Graph must be asked."""
    graph_status: int = 200
    refresh_gives_id_token: bool = True
    id_token_extra: dict[str, Any] = field(default_factory=dict)
    drop_claims: tuple[str, ...] = ()
    asked_at: dict[str, int] = field(default_factory=dict)
    """When each person was last asked for the password: it is told as ``auth_time``."""
    slow: dict[str, float] = field(default_factory=dict)
    broken: dict[str, bytes] = field(default_factory=dict)
    key: Any = field(default_factory=lambda: _key(0))
    kid: str = "k1"
    rotations: int = 0
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: dict[str, str] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)

    def rotate_keys(self) -> None:
        """To a key that this provider has not had yet."""
        self.rotations += 1
        self.key, self.kid = _key(self.rotations), f"k{secrets.token_hex(2)}"

    def revoke(self, sub: str) -> None:
        self.refresh = {token: owner for token, owner in self.refresh.items() if owner != sub}

    def calls(self, path: str) -> int:
        return sum(1 for seen, _ in self.seen if seen == path)

    def authorize(self, url: str, sub: str) -> dict[str, str]:
        """What a person does in the browser: the parameters of the redirect back."""
        asked = dict(parse_qsl(urlsplit(url).query))
        assert asked["client_id"] == CLIENT
        assert asked["redirect_uri"] == self.redirect_uri
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        if asked.get("prompt") == "login" or sub not in self.asked_at:
            self.asked_at[sub] = int(time.time())
        self.codes[code] = {"sub": sub, "challenge": asked["code_challenge"], "nonce": asked["nonce"]}
        return {"code": code, "state": asked["state"]}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return jwt.encode(claims, self.key, "RS256", headers={"kid": self.kid, **header})

    def claims(self, sub: str, **more: Any) -> dict[str, Any]:
        now = int(time.time())
        told = {"iss": self.issuer, "sub": sub, "aud": CLIENT, "iat": now, "exp": now + 600, **self.users.get(sub, {})}
        if self.overage == "claim_names":
            told["_claim_names"] = {"groups": "src1"}
            told["_claim_sources"] = {"src1": {"endpoint": f"https://graph.windows.net/x/users/{sub}/getMemberObjects"}}
        elif self.overage == "hasgroups":
            told["hasgroups"] = True
        else:
            told["groups"] = self.groups.get(sub, [])
        if sub in self.asked_at:
            told["auth_time"] = self.asked_at[sub]
        told |= {**more, **self.id_token_extra}
        return {name: value for name, value in told.items() if name not in self.drop_claims}

    def token(self, form: dict[str, str], auth: str) -> tuple[int, dict[str, Any]]:
        if not self._is_client(auth):
            return 401, {"error": "invalid_client"}
        if form.get("grant_type") == "authorization_code":
            return self._code(form)
        sub = self.refresh.pop(form.get("refresh_token", ""), None)
        if sub is None:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(sub, with_id_token=self.refresh_gives_id_token)

    def _code(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        kept = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        is_ours = kept and kept["challenge"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if not kept or not is_ours or form.get("redirect_uri") != self.redirect_uri:
            return 400, {"error": "invalid_grant"}
        return 200, self._tokens(kept["sub"], nonce=kept["nonce"])

    def _tokens(self, sub: str, *, with_id_token: bool = True, **more: Any) -> dict[str, Any]:
        access, refresh = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.access[access], self.refresh[refresh] = sub, sub
        told = {"access_token": access, "token_type": "Bearer", "expires_in": 600, "refresh_token": refresh}
        return told | ({"id_token": self.sign(self.claims(sub, **more))} if with_id_token else {})

    def _is_client(self, auth: str) -> bool:
        if not auth.startswith("Basic "):
            return False
        name, _, secret = base64.b64decode(auth[6:]).decode().partition(":")
        return (unquote(name), unquote(secret)) == (CLIENT, SECRET)

    def answer(self, method: str, path: str, form: dict[str, str], auth: str) -> tuple[int, dict[str, Any]]:
        sub = self.access.get(auth.removeprefix("Bearer "))
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "token_endpoint": f"{self.issuer}/token",
                "authorization_endpoint": f"{self.issuer}/authorize", "userinfo_endpoint": f"{self.issuer}/me",
                "end_session_endpoint": f"{self.issuer}/logout",
            }  # fmt: skip
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            return 200, {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "RS256"}, {"kty": "odd"}]}
        if path == "/token":
            return self.token(form, auth)
        if path == "/me":
            return (200, self.claims(sub)) if sub else (401, {"error": "invalid_token"})
        if path == "/graph/me/getMemberObjects" and method == "POST":
            if sub is None or self.graph_status != 200:
                return self.graph_status if sub else 401, {"error": {"code": "Authorization_RequestDenied"}}
            return 200, {"value": self.groups.get(sub, [])}
        return 404, {"error": "not_found"}


@contextmanager
def running_provider() -> Iterator[Provider]:
    """The provider while the block lasts."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            path = urlsplit(self.path).path
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            provider.seen.append((path, form))
            time.sleep(provider.slow.get(path, 0))
            status, value = provider.answer(self.command, path, form, self.headers.get("Authorization", ""))
            told = provider.broken.get(path, json.dumps(value).encode())
            self.send_response(status)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
