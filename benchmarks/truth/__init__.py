"""Inputs whose truth is known because they were made so, asked of the product; see `benchmarks.truth.__main__`."""
