"""Protocols for outside systems. Adapters implement them; `bootstrap` chooses.

Every method of a port that calls another system has a time-out and raises only `UpstreamError`s (and
`NotFoundError`); writes are sent once and never retried by the adapter.
"""
