#!/usr/bin/env bash
# pytest-rerunfailures 16.7 beside pytest's own --junitxml: each try of a flaky test becomes a <testcase> of the same name
# without children, so the tries that failed look like passes. Only the counter `tests` tells that they are one test.
# Exits 1 when the behaviour changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pytest==9.2.0 pytest-rerunfailures==16.7
cd "$folder"
cat > test_flaky.py <<'PY'
tries = []


def test_answers_on_the_third_try():
    tries.append(1)
    assert len(tries) == 3
PY
"$folder/venv/bin/python" -m pytest --version
"$folder/venv/bin/python" -m pytest -q -p no:cacheprovider --reruns 2 --junitxml=report.xml test_flaky.py
cat report.xml
"$folder/venv/bin/python" - <<'PY'
import sys
from xml.etree import ElementTree

root = ElementTree.parse("report.xml").getroot()
suite = root.find("testsuite")
cases = suite.findall("testcase")
empty = [case for case in cases if len(case) == 0]
print(f"\ncounted: {suite.get('tests')}; <testcase> elements: {len(cases)}, of them without a child: {len(empty)}")
sys.exit(0 if (suite.get("tests"), len(cases), len(empty)) == ("1", 3, 3) else 1)
PY
