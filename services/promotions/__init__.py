"""Promotion requests: collect the evidence, seal the plan, decide."""
