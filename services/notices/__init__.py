"""Notifications: e-mail, Teams, Slack and others through Apprise, and signed webhooks."""
