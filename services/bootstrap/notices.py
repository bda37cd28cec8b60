"""The part of the composition root that opens notifications."""

from __future__ import annotations

from datetime import time

from services.adapters.notify.apprise_channel import AppriseChannel
from services.adapters.notify.webhook import WebhookChannel
from services.clock import SystemClock
from services.database.unit import Units
from services.domain.notices import Schedule
from services.notices.desk import NoticeDesk, Subscription
from services.notices.preferences import PreferenceDesk
from services.ports.channels import Channel
from services.settings import NotifyChannel, Settings


def open_notices(settings: Settings, units: Units) -> NoticeDesk:
    """The outbox with the channels of the settings."""
    return NoticeDesk(units, SystemClock(), [subscription(item, settings.address) for item in settings.notify])


def open_preferences(settings: Settings, units: Units) -> PreferenceDesk:
    """E-mail preferences of people."""
    return PreferenceDesk(units, SystemClock(), is_mailed=any(item.kind == "people" for item in settings.notify))


def subscription(item: NotifyChannel, address: str) -> Subscription:
    """One channel."""
    return Subscription(
        name=item.name,
        channel=_channel(item, address),
        topics=item.topics,
        schedule=Schedule(item.rhythm, _quiet(item.quiet), item.zone),
        is_personal=item.kind == "people",
    )


def check_channels(settings: Settings) -> None:
    """Raises SettingsError for an unusable URL; sends nothing."""
    for item in settings.notify:
        channel = _channel(item, settings.address)
        if isinstance(channel, AppriseChannel):
            channel.check()


def _channel(item: NotifyChannel, address: str) -> Channel:
    if item.kind == "webhook":
        return WebhookChannel(item.name, item.url, item.secret, address=address)
    return AppriseChannel(item.name, item.url, address=address)


def _quiet(text: str) -> tuple[time, time] | None:
    start, _, end = text.partition("-")
    return (time.fromisoformat(start), time.fromisoformat(end)) if end else None
