"""Requirements are read as pip reads them, and nothing is greener because it was not read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.checks import Check, Verdict
from services.promotions.checks import ModelFacts
from services.promotions.requirements import included_files, logical_lines, read_requirements
from tests.unit.checks.test_checks import judge, model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HASH = "sha256:" + "1" * 64
GREENER = [Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS]


def check(text: str, *forbidden: str, **facts: object) -> Check:
    return judge("dependencies", {"forbidden": list(forbidden)} if forbidden else {}, model(requirements=text, **facts))


@pytest.mark.parametrize(
    "text",
    [
        f"mlflow==3.1.0 --hash={HASH}\n",
        f"mlflow==3.1.0 \\\n    --hash={HASH} \\\n    --hash={HASH}\nscikit-learn==1.5.2 \\\n    --hash={HASH}\n",
        "-c constraints.txt\nmlflow==3.1.0\n",
        "--constraint=constraints.txt\nmlflow==3.1.0\n",
        "--extra-index-url https://download.example.org/whl/cu118\nmlflow==3.1.0\ntorch==2.3.1+cu118\n",
        f"churnlib @ git+https://git.example.org/team/churnlib@{COMMIT}\n",
        f"git+https://git.example.org/team/churnlib.git@{COMMIT}#egg=churnlib\n",
        f"-e git+ssh://git@git.example.org/team/churnlib@{COMMIT}#egg=churnlib\n",
        "mlflow==3.1.0\ncode/churnlib-0.4.0-py3-none-any.whl\n",
        "./wheels/churnlib-0.4.0.tar.gz\n",
        "https://files.example.org/churnlib-0.4.0-py3-none-any.whl\n",
        f"churnlib @ https://files.example.org/master.zip#sha256={'a' * 64}\n",
        "mlflow[extras]==3.1.0\nPyYAML===5.3.1\n",
        "numpy==1.26.4,>=1.0\n",
        "mlflow==3.1.0 # pinned\n# comment\n\n--no-binary :all:\n--require-hashes\n",
        "\ufeffmlflow==3.1.0\r\nnumpy==1.26.4\r\n",
        'mlflow==3.1.0\nnumpy>1 ; python_version < "3"\n',
        'mlflow==3.1.0\npywin32==306 ; sys_platform == "win32"\n',
    ],
)
def test_dependencies__pinned_in_any_form_of_pip__pass(text: str) -> None:
    """Case 17."""
    found = check(text)
    assert found.verdict is Verdict.PASS, found.sentence


@pytest.mark.parametrize(
    "text",
    [
        "mlflow>=3.1.0\n", "mlflow\n", "mlflow==3.*\n", "mlflow~=3.1.0\n", "mlflow==3.1.0,==3.2.0\n",
        "churnlib @ git+https://git.example.org/team/churnlib@main\n",
        "churnlib @ git+https://git.example.org/team/churnlib@v1.0\n",
        "churnlib @ git+https://git.example.org/team/churnlib@0123456\n",
        "git+https://git.example.org/team/churnlib\n",
        "churnlib @ https://files.example.org/master.zip\n", "-e ../mine\n", "/opt/mine\n", "mlflow == \n",
        "mlflow==3.1.0\nnumpy>1 ; python_version > '3'\n", "mlflow==3.1.0\n--no-such-option x\n",
        "mlflow==3.1.0\nnumpy \\\n>1\n", "mlflow==3.1.0\npywin32 ; sys_platform == 'win32'\n", "# nothing\n",
    ],
)  # fmt: skip
def test_dependencies__not_pinned__fails(text: str) -> None:
    found = check(text)
    assert found.verdict is not Verdict.PASS, found.sentence
    assert text.startswith("#") or found.verdict is Verdict.FAIL


def test_dependencies__forbidden_behind_a_marker_that_never_holds__is_no_hit_and_is_named() -> None:
    text = 'mlflow==3.1.0\npyyaml==6.0.2\npyyaml==5.3 ; python_version < "3"\n'
    found = check(text, "pyyaml<5.4")
    assert found.verdict is Verdict.PASS
    assert 'pyyaml==5.3; python_version < "3"' in found.sentence.replace(" ;", ";")
    old = 'pyyaml==5.3 ; python_version < "3.10"\n'
    flavors = {"python_function": {"python_version": "3.9.7"}}
    assert check(old, "pyyaml<5.4", flavors=flavors).verdict is Verdict.FAIL
    flavors = {"python_function": {"python_version": "3.11.2"}}
    assert check(f"mlflow==3.1.0\n{old}", "pyyaml<5.4", flavors=flavors).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "line", ["PyYAML===5.3.1", "pyyaml[x]==5.3", "py-yaml==1\npyyaml==5.3", "pyyaml==5.3 --hash=sha256:1"]
)
def test_dependencies__forbidden_in_any_spelling__fails(line: str) -> None:
    assert check(f"mlflow==3.1.0\n{line}\n", "pyyaml<5.4").verdict is Verdict.FAIL


def test_dependencies__pre_release_of_the_version_that_fixes_it__is_forbidden_too() -> None:
    for pin in ("5.4rc1", "5.4.dev1", "5.4a0"):
        assert check(f"pyyaml=={pin}\n", "pyyaml<5.4").verdict is Verdict.FAIL
        assert check(f"pyyaml=={pin}\n", "pyyaml>5.0,<5.4").verdict is Verdict.FAIL
    for pin in ("5.4", "5.5rc1", "5.4.post1"):
        assert check(f"pyyaml=={pin}\n", "pyyaml<5.4").verdict is Verdict.PASS


def test_dependencies__forbidden_pinned_by_commit__may_be_inside_and_fails() -> None:
    assert check(f"pyyaml @ git+https://git.example.org/yaml@{COMMIT}\n", "pyyaml<5.4").verdict is Verdict.FAIL


def test_dependencies__loose_line_under_constraints__is_judged_with_them() -> None:
    """Case 17: constraints."""
    text = "-c constraints.txt\nnumpy\n"
    assert check(text, included={"constraints.txt": "numpy==1.26.4\n"}).verdict is Verdict.PASS
    assert check(text, "numpy<2", included={"constraints.txt": "numpy==1.26.4\n"}).verdict is Verdict.FAIL
    assert check(text, included={"constraints.txt": "scipy==1.0\n"}).verdict is Verdict.FAIL
    found = check(text, included={"constraints.txt": None})
    assert found.verdict is Verdict.UNKNOWN
    assert "constraints.txt" in found.sentence


def test_dependencies__included_file__counts_and_a_missing_one_is_unknown() -> None:
    text = "mlflow==3.1.0\n-r more.txt\n"
    assert check(text, included={"more.txt": "numpy==1.26.4\n"}).verdict is Verdict.PASS
    assert check(text, included={"more.txt": "numpy\n"}).verdict is Verdict.FAIL
    assert check(text, included={"more.txt": "-r more.txt\nnumpy==1.26.4\n"}).verdict is Verdict.PASS
    assert check(text).verdict is Verdict.UNKNOWN


def test_dependencies__line_without_a_name__is_unknown() -> None:
    files = ("MLmodel", "code/churnlib/__init__.py")
    assert check("mlflow==3.1.0\n./code/churnlib\n", files=files).verdict is Verdict.UNKNOWN
    assert check("mlflow==3.1.0\n./elsewhere\n", files=files).verdict is Verdict.FAIL
    by_hash = f"mlflow==3.1.0\nhttps://files.example.org/master.zip --hash={HASH}\n"
    assert check(by_hash).verdict is Verdict.PASS
    assert check(by_hash, "pyyaml<5.4").verdict is Verdict.UNKNOWN


def test_dependencies__another_index__is_said_without_its_password() -> None:
    """Case 17: a further index."""
    found = check(
        "--extra-index-url https://me:secret@pypi.example.org/simple\nmlflow==3.1.0\nx @ https://me:secret@h/x-1.zip"
    )
    assert "pypi.example.org" in found.sentence
    assert "secret" not in found.sentence


def test_logical_lines__as_pip_joins_them() -> None:
    assert list(logical_lines("a \\\n  b\n# c \\\nd # e\nf#g\n\\\n")) == ["a   b", "d", "f#g"]


def test_included_files__of_options() -> None:
    assert included_files("-r a.txt\n--requirement=b.txt\n-cc.txt\n--constraint d.txt\nnumpy") == (
        "a.txt", "b.txt", "c.txt", "d.txt",
    )  # fmt: skip


lines = st.sampled_from(
    ["mlflow==3.1.0", "numpy", "pyyaml==5.3", f"scipy==1.0 --hash={HASH}", "-c c.txt", "-r r.txt", "./code/x", "odd line",
     f"x @ git+https://h/x@{COMMIT}", "# comment", 'y>1 ; python_version < "3"', "torch==2.3.1+cu118", "--pre"]
)  # fmt: skip


@given(st.lists(lines, max_size=6), st.sampled_from(["c.txt", "r.txt"]))
def test_dependencies__included_file_removed__is_never_greener(text: list[str], gone: str) -> None:
    included = {"c.txt": "numpy==1.26.4\n", "r.txt": "pyyaml==5.3\nz\n"}
    for forbidden in ((), ("pyyaml<5.4",)):
        full = check("\n".join(text), *forbidden, included=included)
        poorer = check("\n".join(text), *forbidden, included={**included, gone: None})
        assert poorer.verdict in {Verdict.FAIL, Verdict.UNKNOWN} or poorer.verdict is full.verdict
        assert not (full.is_blocking and not poorer.is_blocking)


@given(st.text(max_size=200))
def test_requirements__any_text__is_read_without_an_error(text: str) -> None:
    read_requirements(text)


def test_model_facts__that_were_sealed_before__read_as_they_were() -> None:
    from dataclasses import asdict

    from services.promotions.model_facts import facts_of_json

    sealed = asdict(ModelFacts(files=("MLmodel",), requirements="numpy==1.0"))
    del sealed["included"]
    facts = facts_of_json(sealed)
    assert facts is not None
    assert facts.included == {}
