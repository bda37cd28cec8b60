"""Policy as code: the file's form, its linter, its replay over past requests, and its plain words."""
