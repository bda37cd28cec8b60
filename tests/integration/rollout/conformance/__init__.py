"""Holds the real worker to the model of the protocol: its traces, replayed with scripted outside systems."""
