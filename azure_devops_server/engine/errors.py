"""What the engine raises when a pipeline cannot be used."""

from __future__ import annotations

from collections.abc import Iterable


class PipelineError(Exception):
    """The YAML, its templates or the given parameters cannot be used.

    `messages` has one text per problem, in the style of Azure Pipelines:
    ``/azure-pipelines.yml (Line: 1, Col: 1): Unexpected value 'stepz'``. `str()` joins them by newline.
    """

    code = "pipeline"
    hint = "Correct the YAML or the parameters; docs/local-azure-devops-yaml.md lists what the local server runs."

    def __init__(self, messages: Iterable[str]) -> None:
        self.messages = tuple(messages)
        super().__init__("\n".join(self.messages))
