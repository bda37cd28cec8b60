#!/usr/bin/env bash
# behave 1.3.3: an error in the hook after_feature makes the run exit with 1, and the JUnit report shows no failure.
# Exits 1 when the behaviour changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check behave==1.3.3
cd "$folder"
mkdir -p features/steps
printf 'Feature: scores\n  Scenario: answers\n    Given a model\n' > features/scores.feature
printf 'from behave import given\n\n\n@given("a model")\ndef a_model(context):\n    pass\n' > features/steps/steps.py
printf 'def after_feature(context, feature):\n    raise RuntimeError("the clean-up failed")\n' > features/environment.py
"$folder/venv/bin/behave" --version
code=0
"$folder/venv/bin/behave" --junit --junit-directory reports || code=$?
head -c 400 reports/*.xml
echo
"$folder/venv/bin/python" - "$code" <<'PY'
import pathlib
import sys
from xml.etree import ElementTree

suite = ElementTree.parse(next(pathlib.Path("reports").glob("*.xml"))).getroot()
broken = [element for element in suite.iter() if element.tag in {"failure", "error"}]
print(f"exit code {sys.argv[1]}; failures {suite.get('failures')}, errors {suite.get('errors')}, elements {len(broken)}")
sys.exit(0 if sys.argv[1] == "1" and not broken and suite.get("errors") == suite.get("failures") == "0" else 1)
PY
