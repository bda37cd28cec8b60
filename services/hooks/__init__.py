"""Calls from Azure DevOps to the portal: service hooks, and the *Invoke REST API* check."""
