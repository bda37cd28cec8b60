"""Rules that must hold for whatever is thrown at them: generated cases."""
