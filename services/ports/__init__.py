"""What the services need from outside, as Protocols. Adapters implement them; `bootstrap` chooses.

Every method of a port that talks to another system has a bounded time and raises only `UpstreamError`s (and
`NotFoundError`); writes are sent once and never retried by the adapter.
"""
