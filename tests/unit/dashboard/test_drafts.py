"""What was typed for a refused command is kept for its author, once, and not for ever."""

from __future__ import annotations

from dashboard.drafts import MOST, SECONDS, Drafts


def test_draft__is_for_the_same_person_and_command_once() -> None:
    drafts = Drafts()
    drafts.keep("ben", "approve:1", "first")
    drafts.keep("ben", "approve:1", "second")
    assert drafts.take("chloe", "approve:1") == ""
    assert drafts.take("ben", "approve:2") == ""
    assert drafts.take("ben", "approve:1") == "second"
    assert drafts.take("ben", "approve:1") == ""


def test_draft__too_old_or_empty_or_one_of_too_many__is_gone() -> None:
    now = [0.0]
    drafts = Drafts(lambda: now[0])
    drafts.keep("ben", "old", "text")
    now[0] = SECONDS + 1
    assert drafts.take("ben", "old") == ""
    drafts.keep("ben", "blank", "  ")
    assert drafts.take("ben", "blank") == ""
    for number in range(MOST + 1):
        drafts.keep("ben", str(number), "text")
    assert drafts.take("ben", "0") == ""
    assert drafts.take("ben", "1") == "text"
