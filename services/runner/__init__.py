"""The model runner: a model is code, so it runs in a separate process, never in the portal's.

Start with `services.runner.process.run_model`; `services.runner.desk` adds fetching by version and a cache by digest.
"""
