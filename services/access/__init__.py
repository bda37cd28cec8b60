"""Access: sessions of people, tokens of services."""
