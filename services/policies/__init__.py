"""Policy as code: the file format, the linter, the replay over past requests, and the explanation in words."""
