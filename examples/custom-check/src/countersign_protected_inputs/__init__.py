"""A Countersign check: the model takes no protected attribute, such as sex or race, as an input.

The portal calls `check(settings, evidence)` when it collects the evidence for a request, seals the result with the
request, and shows it to the reviewers. `evidence` is plain JSON: version, run, card, tests, comparison, drift, live and
model; docs/evidence.md describes the contract.

A check runs inside the portal's process. Read only what you are given: no network, no files. An exception does not stop
the request: the check becomes *unknown*, and unknown blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NESTED = {"object", "map", "any"}
"""Types whose fields this check does not look into."""


def check(settings: Mapping[str, Any], evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Fail if an input of the model's signature is listed in the setting `columns`."""
    columns = [str(name) for name in settings.get("columns") or ()]
    if not columns:
        # A check that was configured with nothing to look for has not shown anything: unknown, not pass.
        return unknown("The policy lists no protected columns.")
    signature = (evidence.get("model") or {}).get("signature")
    if not signature:
        return unknown("The model has no signature, so its inputs are not known.")
    inputs = signature.get("inputs") or []
    if not inputs or not all(column.get("name") for column in inputs):
        return unknown("The signature does not name its inputs.")
    return judged(columns, inputs)


def judged(columns: list[str], inputs: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The verdict for named inputs. Names are compared without regard to case."""
    protected = {name.casefold() for name in columns}
    found = [str(column["name"]) for column in inputs if str(column["name"]).casefold() in protected]
    answer = {
        "name": "No protected inputs",
        "value": ", ".join(found) or "none",  # what was measured
        "threshold": f"none of {', '.join(columns)}",  # what the policy requires
        "source": "model signature",
    }
    if found:
        return answer | {"verdict": "fail", "sentence": f"The model takes protected inputs: {', '.join(found)}."}
    nested = [str(column["name"]) for column in inputs if column.get("type") in NESTED]
    return answer | {
        "verdict": "pass",
        "sentence": f"None of the {len(inputs)} inputs is protected.",
        # Say what you did not look at. The portal turns a pass with anything left out into unknown, so that nobody
        # reads "pass" and believes that everything was checked.
        "left_out": [{"what": f"the fields of {name}", "why": "nested inputs are not inspected"} for name in nested],
    }


def unknown(sentence: str) -> dict[str, Any]:
    """A check that cannot decide says why; the portal shows the sentence to the reviewers."""
    return {"name": "No protected inputs", "verdict": "unknown", "sentence": sentence}
