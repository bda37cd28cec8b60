"""What stands outside the portal in tests, as real processes that can be killed, slowed down and garbled."""
