"""Prediction logs behind one port: DuckDB over Parquet and Delta, SQL tables, Databricks SQL, Spark Connect.

Rules that all of them keep: values are bound, never pasted into a statement; names of columns come from the settings
and are quoted; every statement has a limit and a time-out; what would read more bytes than the settings allow is
refused before it reads them.
"""
