"""Answers are not held back: measured on a real server over a socket that was bound as Streamlit binds it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import uvicorn
from starlette.types import Receive, Scope, Send

from dashboard.app import app
from dashboard.server.prompt_app import PromptApp, send_at_once


async def _tells_its_option(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers `before after` of TCP_NODELAY on its own connection."""
    del scope, receive
    connection = send.__self__.transport.get_extra_info("socket")  # type: ignore[attr-defined]
    before = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    send_at_once(send)
    after = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{bool(before)} {bool(after)}".encode()})


@contextmanager
def _served() -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(_tells_its_option, log_level="error", lifespan="off"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_answer__on_a_socket_as_streamlit_binds_it__is_sent_at_once() -> None:
    with _served() as address:
        assert requests.get(address, timeout=10).text == "False True"


def test_send_at_once__no_connection_behind_it__does_nothing() -> None:
    async def send(message: object) -> None:
        del message

    send_at_once(send)


def test_portal__its_app__is_the_prompt_one() -> None:
    assert isinstance(app, PromptApp)
