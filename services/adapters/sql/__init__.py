"""Adapters for the ports in `services.ports`."""
