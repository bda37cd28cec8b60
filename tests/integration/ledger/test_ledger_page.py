"""The documentation's commands do what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from services.cli.ledger import add_parser
from tests.unit.ledger.build import run_script

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "ledger.md").read_text()


def test_page__command_for_a_checkout__runs_and_all_holds() -> None:
    (command,) = re.findall(r"```bash\n(.*?)\n```", PAGE, re.DOTALL)
    words = shlex.split(command)
    assert words.pop(0) == "python"
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_page__portal_commands__are_understood_and_complete() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    commands = re.findall(r"^countersign (ledger .*?)(?: > .*)?$", PAGE, re.MULTILINE)
    assert {command.split()[1] for command in commands} == {
        "export",
        "proof",
        "key",
        "rotate-key",
        "restore",
        "erase",
        "hold",
        "retain",
    }
    for command in commands:
        parser.parse_args(shlex.split(command))


def test_page__options_of_the_script__are_all_there() -> None:
    said = run_script("--help").stdout
    for option in re.findall(r"--[a-z-]+", said):
        assert option == "--help" or f"`{option}`" in PAGE, option
