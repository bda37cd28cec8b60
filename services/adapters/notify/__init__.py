"""Where notices go: Apprise's services, and signed webhooks."""
