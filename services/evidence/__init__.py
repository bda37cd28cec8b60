"""Evidence: whether the candidate is better than what is live, for whom, and how sure that is.

Start with `services.evidence.rows.inputs` (tables to predictions) and `services.evidence.comparison` (`compare`).
This package imports nothing heavy by itself; numba and pandas are loaded by the functions that need them.
"""
