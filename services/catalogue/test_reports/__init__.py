"""Readers of test reports, one module a family of formats; `reading.read_report` chooses by what a file holds."""
