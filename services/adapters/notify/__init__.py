"""Notification channels: Apprise's services and signed webhooks."""
