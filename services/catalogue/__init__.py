"""The catalogue: a searchable copy of the MLflow registry in the portal's own database."""
