"""A digest over the whole content of a table: what MLflow's own digest leaves out."""
