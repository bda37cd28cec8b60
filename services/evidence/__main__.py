"""`python -m services.evidence compare …`: the command without the rest of the portal."""

from __future__ import annotations

import argparse
import sys

from services.evidence.command import add_compare


def main(arguments: list[str] | None = None) -> int:
    """Parse and run; the exit code is the answer."""
    parser = argparse.ArgumentParser(prog="countersign evidence")
    add_compare(parser.add_subparsers(required=True))
    args = parser.parse_args(arguments)
    code: int = args.run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
