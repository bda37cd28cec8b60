"""`compare` on real files in a real process: what it prints and how it exits."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from services.evidence.__main__ import main
from tests.unit.evidence.makers import World


def written(path, world, scores, **further):
    data = pd.DataFrame({"row_id": world.ids, "label": world.labels, "score": scores, **further})
    data.sample(frac=1, random_state=1).to_parquet(path) if path.suffix == ".parquet" else data.to_csv(
        path, index=False
    )
    return str(path)


def called(capsys, *arguments):
    code = main(["compare", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.integration
def test_module__fresh_process__prints_json_and_exits_by_recommendation(tmp_path):
    world = World(seed=1)
    candidate = written(tmp_path / "candidate.parquet", world, world.scores(0.1), sex=world.sex)
    current = written(tmp_path / "current.csv", world, world.scores(1.0))
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-m",
            "services.evidence",
            "compare",
            candidate,
            current,
            "--json",
            "--slice",
            "sex",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["verdict"], found["recommendation"]) == ("better", "promote")
    assert found["difference"]["low"] < found["difference"]["value"] < found["difference"]["high"]
    assert {line["value"] for line in found["slices"]} == {"female", "male"}
    for key in (
        "p_value",
        "win_rate",
        "published_rule",
        "findings",
        "reason",
        "wins",
        "ties",
        "losses",
        "seed",
        "resamples",
    ):
        assert key in found


def test_command__importing_the_package__loads_nothing_heavy():
    code = "import sys, services.evidence, services.evidence.command; print([m for m in ('numba','pandas','scipy','numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_command__harm_to_women__exit_4_and_the_reason_first(tmp_path, capsys):
    world = World(rows=4000, seed=2)
    good = world.scores(0.3)
    current = written(tmp_path / "current.csv", world, good)
    candidate = written(
        tmp_path / "candidate.csv", world, np.where(world.sex == "female", world.scores(1.3), good), sex=world.sex
    )
    code, out, err = called(capsys, candidate, current)
    assert (code, err) == (4, "")
    assert out.startswith("REJECT: ")
    assert "sex = female" in out.splitlines()[0]
    assert "HARMED" in out
    code, _, _ = called(capsys, candidate, current, "--exit-zero")
    assert code == 0


def test_command__no_difference__exit_3(tmp_path, capsys):
    world = World(seed=3)
    candidate = written(tmp_path / "a.parquet", world, world.scores(0.4))
    current = written(tmp_path / "b.parquet", world, world.scores(0.4))
    code, out, _ = called(capsys, candidate, current)
    assert code == 3
    assert out.startswith("HOLD: The rows cannot tell")


def test_command__other_column_names_and_leak_check__work(tmp_path, capsys):
    world = World(seed=4)
    names = {"row_id": "id", "label": "churned", "score": "p"}
    for name, noise in (("a", 0.1), ("b", 1.0)):
        pd.DataFrame(
            {"row_id": world.ids, "label": np.where(world.labels == 1, "yes", "no"), "score": world.scores(noise)}
        ).rename(columns=names).to_csv(tmp_path / f"{name}.csv", index=False)
    pd.DataFrame({"id": world.ids[:100]}).to_csv(tmp_path / "train.csv", index=False)
    arguments = [
        str(tmp_path / "a.csv"),
        str(tmp_path / "b.csv"),
        "--key",
        "id",
        "--label",
        "churned",
        "--score",
        "p",
        "--json",
    ]
    code, out, _ = called(capsys, *arguments)
    assert code == 0
    code, out, _ = called(capsys, *arguments, "--train", str(tmp_path / "train.csv"))
    found = json.loads(out)
    assert (code, found["recommendation"]) == (3, "hold")
    assert "leak" in {finding["kind"] for finding in found["findings"]}


def test_command__first_version__needs_no_current_table(tmp_path, capsys):
    world = World(seed=5)
    candidate = written(tmp_path / "a.csv", world, world.scores(0.1))
    code, out, _ = called(capsys, candidate, "--baseline", "0.6", "--json")
    assert (code, json.loads(out)["difference"]["method"]) == (0, "threshold")
    code, _, _ = called(capsys, candidate, "--baseline", "0.99")
    assert code == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.csv", "b.csv"], "does not exist"),
        (["a.csv", "b.csv", "--score", "prob"], "no column 'prob'"),
        (["a.csv", "b.csv", "--slice", "country"], "slice column 'country'"),
        (["a.csv", "b.csv", "--group", "customer"], "group column 'customer'"),
        (["a.csv", "empty.csv"], "has no rows"),
        (["a.csv", "b.csv", "--metric", "rmse"], "cannot be computed"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_command__unusable_input__exit_2_with_message_and_hint(
    tmp_path, capsys, monkeypatch, arguments, message, as_json
):
    world = World(rows=100, seed=6)
    for name in ("a.csv", "b.csv"):
        written(tmp_path / name, world, world.scores(0.3))
    (tmp_path / "empty.csv").write_text("row_id,label,score\n")
    monkeypatch.chdir(tmp_path)
    code, out, err = called(capsys, *arguments, *(["--json"] if as_json else []))
    assert code == 2
    assert message in err
    assert "hint: " in err
    assert (message in json.loads(out)["error"]["message"]) if as_json else out == ""


@pytest.mark.parametrize("option", [["--margin", "-1"], ["--bar", "2"], ["--resamples", "0"], ["--task", "ranking"]])
def test_command__option_out_of_range__exit_2(option, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["compare", "a.csv", "b.csv", *option])
    assert caught.value.code == 2
    assert option[0] in capsys.readouterr().err


def test_command__replay_and_seed__repeat_themselves(tmp_path, capsys):
    world = World(rows=500, seed=7)
    pair = [written(tmp_path / name, world, world.scores(noise)) for name, noise in (("a.csv", 0.3), ("b.csv", 0.5))]
    runs = [called(capsys, *pair, "--replay", "--resamples", "100", "--seed", "5", "--json")[1] for _ in range(2)]
    assert runs[0] == runs[1]
    assert json.loads(runs[0])["published_rule"]["stream"] == "reference"


def test_command__portal_command_line__has_the_same_compare(tmp_path, capsys):
    from services.cli.main import main as portal

    world = World(seed=8)
    pair = [written(tmp_path / name, world, world.scores(noise)) for name, noise in (("a.csv", 0.1), ("b.csv", 1.0))]
    assert portal(["evidence", "compare", *pair]) == 0
    assert capsys.readouterr().out.startswith("PROMOTE: ")
