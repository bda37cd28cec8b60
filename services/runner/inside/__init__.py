"""What runs inside the model's process. It imports the standard library, MLflow, pandas and this package only.

The first process is the jailer: it builds namespaces and limits, and starts the model's process inside them.
"""
