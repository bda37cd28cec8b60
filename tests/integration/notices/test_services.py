"""Teams and Slack: the services' own forms, written by Apprise, as they arrive at a receiver."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from services.bootstrap.notices import check_channels, subscription
from services.errors import SettingsError
from services.notices.desk import NoticeDesk
from services.settings import NotifyChannel, load_settings
from tests.simulators.certificates import self_signed
from tests.simulators.receivers import Post, http_receiver
from tests.world import World

ADDRESS = "https://portal.example"
TITLE = "Countersign: Ana Ruiz requests the promotion of census v2"
DOCS = Path(__file__).resolve().parents[3] / "docs" / "notifications.md"


def opened(world: World, url: str) -> str:
    """Open a request while a channel goes there; returns the request's id."""
    desk = NoticeDesk(world.units, world.clock, [subscription(NotifyChannel(name="chat", url=SecretStr(url)), ADDRESS)])
    desk.beat()
    request = world.open()
    desk.beat()
    with world.units.read() as unit:
        assert unit.notices.counts() == {"sent": 1}
    return request.id


def said(post: Post) -> str:
    return json.dumps(json.loads(post.body), ensure_ascii=False)


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_teams__workflow_of_power_automate__gets_one_adaptive_card(world: World, tmp_path: Path) -> None:
    with http_receiver(self_signed(tmp_path)) as receiver:
        host = receiver.url.removeprefix("https://")
        request_id = opened(world, f"workflows://{host}/a1b2c3d4/signature-of-the-workflow/?verify=no")
        (post,) = receiver.posts
    assert post.path.startswith("/workflows/a1b2c3d4/triggers/manual/paths/invoke?")
    assert "sig=signature-of-the-workflow" in post.path
    (card,) = json.loads(post.body)["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert TITLE in said(post)
    assert f"{ADDRESS}/request?id={request_id}" in said(post).replace("\\\\", "")
    assert "Better on women" not in said(post)


def test_slack__incoming_webhook__gets_one_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from apprise.plugins.slack import NotifySlack

    with http_receiver() as receiver:
        receiver.answer = b"ok"  # as Slack answers; with anything else the message counts as not taken
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{receiver.url}/services")
        request_id = opened(world, "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7F/%23mlops")
        (post,) = receiver.posts
    assert post.path == "/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7F"
    message = json.loads(post.body)
    assert message["channel"] == "#mlops"
    assert TITLE in said(post)
    assert f"{ADDRESS}/request?id={request_id}" in said(post)


@pytest.mark.parametrize("known", ["mailto", "workflows", "slack"])
def test_docs__services_that_they_name__are_known_to_apprise(known: str) -> None:
    """A service that was taken out of Apprise is found here and by the doctor, not by whoever misses a message."""
    import apprise

    shown = re.findall(r'"url": "(\w+)://', DOCS.read_text(encoding="utf-8"))
    assert known in {name.removesuffix("s") if name == "mailtos" else name for name in shown}
    schemas: dict[str, Any] = apprise.Apprise().details()
    kinds = [found[kind] or () for found in schemas["schemas"] for kind in ("protocols", "secure_protocols")]
    offered = {name for names in kinds for name in names}
    assert set(shown) - {"https"} <= offered


def test_doctor__service_that_apprise_no_longer_knows__is_told() -> None:
    channel = {"name": "risk", "url": "msteams://token@company/a/b/"}
    with pytest.raises(SettingsError, match="'risk' cannot be used"):
        check_channels(load_settings(notify=[channel]))
