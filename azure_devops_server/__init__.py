"""A local Azure DevOps server: the true protocol over HTTP, pipelines run as real processes."""
