"""The one place where errors become text on a page. Never a traceback."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.text import as_text
from services.errors import InvalidInputError, NotFoundError, PortalError, UpstreamError

LOG = logging.getLogger("countersign.dashboard")


@contextmanager
def boundary() -> Iterator[None]:
    """Show errors raised inside, and continue after it."""
    try:
        yield
    except PortalError as error:
        show_expected(error)
    except Exception as error:  # noqa: BLE001 - the one boundary of the pages
        show_unexpected(error)


@contextmanager
def or_heading(title: str, page: str, label: str) -> Iterator[None]:
    """The item in an address may not exist: the page still gets a heading, and a link to the list.

    The error goes on to the boundary, which says what was not found.
    """
    try:
        yield
    except (NotFoundError, InvalidInputError):
        st.title(title)
        st.page_link(page, label=label, icon=":material/arrow_back:")
        raise


def show_expected(error: PortalError) -> None:
    """Message and hint of a Countersign error."""
    text = f"**{as_text(error.message)}**"
    if error.hint:
        text += f"  \n{as_text(error.hint)}"
    if isinstance(error, NotFoundError):
        st.info(text, icon=":material/search_off:")
    elif isinstance(error, UpstreamError):
        st.warning(text, icon=":material/cloud_off:")
    else:
        st.error(text, icon=":material/block:")


def show_unexpected(error: Exception) -> None:
    """A reference that finds the error in the log; nothing else leaves the server."""
    reference = secrets.token_hex(4)
    LOG.error("Page failed, reference %s", reference, exc_info=error)
    st.error(
        f"**Something went wrong.** Nothing that you did is lost on the server. Load the page again; "
        f"if it stays, give your operator the reference `{reference}`.",
        icon=":material/error:",
    )


def on_script_error(error: Exception) -> bool:
    """Streamlit's hook for errors outside any boundary: fragments, dialogs and callbacks."""
    if isinstance(error, PortalError):
        show_expected(error)
    else:
        show_unexpected(error)
    return True
