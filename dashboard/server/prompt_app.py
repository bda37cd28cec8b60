"""Streamlit's app, on connections that send each answer at once."""

from __future__ import annotations

import socket
from contextlib import suppress

from starlette.types import Receive, Scope, Send
from streamlit.starlette import App


class PromptApp(App):
    """Sets TCP_NODELAY on every connection.

    Streamlit binds its socket without naming the protocol, and asyncio then leaves TCP_NODELAY off: the system holds
    back the end of every answer until the client acknowledges the beginning, which takes 40 ms on a kept connection.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        send_at_once(send)
        await super().__call__(scope, receive, send)


def send_at_once(send: Send) -> None:
    """Set the option on the connection behind `send`, which uvicorn makes a method of the connection's owner."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    connection = transport.get_extra_info("socket") if transport is not None else None
    if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError):  # the client has left
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
