"""The demo's deployment target: named endpoints, each a real MLflow scoring server behind a small gateway."""
