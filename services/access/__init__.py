"""Who may come in: sign-ins of people, tokens of services."""
