"""The other side, in memory: real implementations of the ports with switches for failure."""
