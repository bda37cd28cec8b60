"""`countersign evidence verify REQUEST`: recompute sealed evidence and say equal or not.

Exit codes: 0 equal, 3 not equal, 4 it could not be computed again (a table is gone), 2 no such request or no access.
"""

from __future__ import annotations

import argparse
import sys

from services.errors import PortalError
from services.promotions.verifying import EvidenceVerifier, Verified

CODES = {True: 0, False: 3, None: 4}
UNUSABLE = 2


def verify(args: argparse.Namespace, verifier: EvidenceVerifier) -> int:
    """Verify, print, and give the exit code."""
    try:
        found = verifier.verify(args.request)
    except PortalError as error:
        sys.stderr.write(f"countersign: {error.sentence()}\n")
        return UNUSABLE
    sys.stdout.write(as_text(found) + "\n")
    return CODES[found.is_equal]


def as_text(found: Verified) -> str:
    """For people."""
    lines = [f"{found.request_id}: {found.lines[0]}", *(f"  {line}" for line in found.lines[1:])]
    return "\n".join([*lines, *(f"  {line}" for line in found.differences)])
