"""What tasks raise."""

from __future__ import annotations


class TaskError(ValueError):
    """A task cannot do its work; its step fails with this text."""
