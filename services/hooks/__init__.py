"""What Azure DevOps tells and asks the portal by itself: service hooks, and the *Invoke REST API* check."""
