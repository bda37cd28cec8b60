"""The portal's own database: tables, the stores that hold all statements, and the unit of work that opens them.

Use cases use the database but contain no SQL (docs/adr/0008). A unit of work is one transaction: a change and its
ledger entry commit together or not at all. No network call belongs inside.
"""
