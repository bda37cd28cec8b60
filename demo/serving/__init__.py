"""The demo's place to deploy to: named endpoints, each a real MLflow scoring server behind a small gateway."""
