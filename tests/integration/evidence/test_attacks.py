"""Tables that tempt the command into a wrong answer: each with a truth that is known, and what must be said of it."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.errors import InvalidInputError
from services.evidence.__main__ import main
from services.evidence.rows.tables import read_table
from tests.integration.evidence.test_adversary import (
    HOLD,
    PROMOTE,
    REJECT,
    UNUSABLE,
    Truth,
    better,
    multiclass,
    run,
    sigmoid,
)


def kinds(document):
    return {(finding["kind"], finding["severity"], finding["subject"]) for finding in document["findings"]}


def test_slice__harm_to_those_who_gave_no_answer__is_found_and_not_taken_for_customers(tmp_path, capsys):
    truth = Truth(6000, seed=3)
    told = np.where(truth.sex == "female", None, "told")
    bad = sigmoid(truth.logit + 2.2 * truth.rng.normal(size=truth.rows))
    current, good = truth.table(0.8), truth.table(0.5)
    candidate = good.assign(score=np.where(told == "told", good["score"], bad))
    tables = [table.assign(answer=told).drop(columns="sex") for table in (candidate, current)]
    code, document = run(tmp_path, capsys, tables)
    assert code == REJECT
    assert ("slice_harm", "blocking", "answer=(missing)") in kinds(document)
    assert "clustered_rows" not in {finding["kind"] for finding in document["findings"]}


@pytest.mark.parametrize("ids", [range(1500), [f"r{n}" for n in range(1500)]], ids=["counting", "names"])
def test_ids__in_the_index_of_a_frame__are_read_from_the_file(ids, tmp_path, capsys):
    tables = [table.assign(row_id=ids) for table in better()]
    code, document = run(tmp_path, capsys, (tables[0].set_index("row_id"), tables[1].iloc[::-1]))
    assert (code, document["rows"]) == (PROMOTE, 1500)
    code, document = run(tmp_path, capsys, [table.iloc[::-1] for table in tables])
    assert not [line for line in document["slices"] if "index" in line["column"]]


def test_ids__the_same_moments_in_two_time_zones__are_matched_and_said(tmp_path, capsys):
    moments = pd.date_range("2026-01-01", periods=1500, freq="min", tz="Europe/Berlin")
    candidate, current = better()
    tables = candidate.assign(row_id=moments), current.assign(row_id=moments.tz_convert("UTC"))
    code, document = run(tmp_path, capsys, tables)
    assert (code, document["rows"]) == (PROMOTE, 1500)
    assert ("key_types", "info", "both") in kinds(document)
    code, document = run(tmp_path, capsys, (candidate.assign(row_id=moments.tz_localize(None)), tables[1]))
    assert (code, document["error"]["code"]) == (UNUSABLE, "misaligned")


def test_ids__beyond_2_53_and_one_missing__stay_apart(tmp_path, capsys):
    ids = pd.array([None, *(2**53 + place for place in range(1, 1500))], dtype="Int64")
    code, document = run(tmp_path, capsys, [table.assign(row_id=ids) for table in better()])
    assert (code, document["rows"]) == (PROMOTE, 1499)
    assert "duplicate_rows" not in {finding["kind"] for finding in document["findings"]}


def test_multiclass__probability_in_place_of_a_class__is_refused(tmp_path, capsys):
    code, document = run(tmp_path, capsys, better(), ("--task", "multiclass", "--accept", "not_worse"))
    assert (code, document["error"]["code"]) == (UNUSABLE, "labels")
    assert "score_<class>" in document["error"]["hint"]


def test_multiclass__percents_from_one_side__are_held(tmp_path, capsys):
    candidate, current = multiclass(1.0)
    percents = candidate.assign(**{name: 100 * candidate[name] for name in ("score_a", "score_b", "score_c")})
    code, document = run(tmp_path, capsys, (percents, current), ("--task", "multiclass"))
    assert (code, document["verdict"]) == (HOLD, "better")
    assert ("score_range", "blocking", "candidate") in kinds(document)


def numbers(candidate_noise, current_noise, *, seed=1, rows=1500):
    rng = np.random.default_rng(seed)
    value = 3 * rng.normal(size=rows)
    scores = [value + noise * rng.normal(size=rows) for noise in (candidate_noise, current_noise)]
    return [pd.DataFrame({"row_id": np.arange(rows), "label": value, "score": score}) for score in scores]


def off(table, column, *, rows=2, by=5e4):
    """The same with enormous values in a few rows, far apart."""
    return table.assign(**{column: table[column] + by * table["row_id"].isin(range(100, 100 + 300 * rows, 300))})


def test_regression__a_handful_of_absurd_rows__decide_nothing_by_themselves(tmp_path, capsys):
    candidate, current = numbers(0.9, 1.0, seed=8)
    absurd = [off(table, "label", by=1e9) for table in (candidate, current)]
    code, document = run(tmp_path, capsys, absurd, ("--task", "regression"))
    assert (code, "few_rows_decide") == (HOLD, document["findings"][-1]["kind"]), document["reason"]
    code, document = run(tmp_path, capsys, (current, off(candidate, "score")), ("--task", "regression"))
    assert code == HOLD
    assert ("few_rows_decide", "blocking", "current") in kinds(document)
    assert "far off there" in document["reason"]


def test_regression__a_candidate_that_is_far_off_in_few_rows__is_rejected_and_both_are_said(tmp_path, capsys):
    candidate, current = numbers(0.5, 1.0)
    code, document = run(tmp_path, capsys, (off(candidate, "score", rows=3, by=1e5), current), ("--task", "regression"))
    assert (code, document["verdict"]) == (REJECT, "worse")
    assert ("few_rows_decide", "blocking", "candidate") in kinds(document)


def test_regression__few_rows__are_not_called_decisive_by_chance(tmp_path, capsys):
    for seed in range(5):
        _, document = run(tmp_path, capsys, numbers(0.3, 1.2, seed=seed, rows=80), ("--task", "regression"))
        assert "few_rows_decide" not in {finding["kind"] for finding in document["findings"]}


def test_leak__scores_that_are_the_label__hold_and_a_flawless_ranking_is_said(tmp_path, capsys):
    _, current = better()
    code, document = run(tmp_path, capsys, (current.assign(score=current["label"].astype(float)), current))
    assert (code, document["verdict"]) == (HOLD, "better")
    assert ("leak", "blocking", "candidate") in kinds(document)
    near = 0.9 * current["label"] + 0.05 * np.random.default_rng(1).random(len(current))
    _, document = run(tmp_path, capsys, (current.assign(score=near), current))
    assert ("leak", "warning", "candidate") in kinds(document)
    code, _ = run(tmp_path, capsys, [t.assign(score=t["label"]) for t in numbers(0.5, 1.0)], ("--task", "regression"))
    assert code == HOLD


@pytest.mark.parametrize(
    ("weight", "words"),
    [(0.0, "Every row has the weight 0"), (np.inf, "no finite weight"), ("heavy", "--weight")],
)
def test_weights__that_leave_no_row__are_named_as_the_reason(weight, words, tmp_path, capsys):
    code, document = run(tmp_path, capsys, [table.assign(weight=weight) for table in better()])
    assert code == UNUSABLE
    assert words in document["error"]["hint"]


def test_group__without_values__is_said_and_held(tmp_path, capsys):
    tables = [table.assign(customer=None) for table in better()]
    code, document = run(tmp_path, capsys, tables, ("--group", "customer"))
    assert (code, document["verdict"]) == (HOLD, "better")
    assert ("missing_values", "blocking", "group") in kinds(document)


def test_csv__spaces_behind_the_separators__are_no_part_of_the_names(tmp_path, capsys):
    candidate, current = better()
    text = candidate.to_csv(index=False).replace(",", ", ").encode()
    code, document = run(tmp_path, capsys, (text, current), suffix=".csv")
    assert (code, document["verdict"]) == (PROMOTE, "better")
    assert {line["value"] for line in document["slices"]} >= {"female", "N"}


def test_table__that_is_a_folder__says_so(tmp_path):
    (tmp_path / "predictions.parquet").mkdir()
    with pytest.raises(InvalidInputError, match="is a folder"):
        read_table(tmp_path / "predictions.parquet", name="candidate")


@pytest.mark.parametrize(
    "option", [("--baseline", "nan"), ("--threshold", "inf"), ("--margin", "five"), ("--resamples", "2.5")]
)
def test_option__that_is_no_number__is_named_in_words(option, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path, capsys, better(), option)
    assert stopped.value.code == UNUSABLE
    assert f"argument {option[0]}: must be a" in capsys.readouterr().err


def test_fairness__column_that_is_not_there__is_called_a_fairness_column(tmp_path, capsys):
    code, document = run(tmp_path, capsys, better(), ("--fairness", "age"))
    assert (code, document["error"]["message"]) == (UNUSABLE, "Neither table has the fairness column 'age'.")


def test_slice__whose_name_would_steer_a_terminal__is_printed_as_visible_text(tmp_path, capsys):
    truth = Truth(4000, seed=3)
    evil = np.where(truth.sex == "female", "\x1b[2Jall fine\u202e\n" + "x" * 3000, "male")
    bad = sigmoid(truth.logit + 2.5 * truth.rng.normal(size=truth.rows))
    current, good = truth.table(0.8), truth.table(0.4)
    candidate = good.assign(score=np.where(evil == "male", good["score"], bad))
    tables = [table.assign(**{"se\x1bx": evil}).drop(columns="sex") for table in (candidate, current)]
    code, document = run(tmp_path, capsys, tables)
    assert code == REJECT
    assert len(document["reason"]) < 300
    paths = [str(tmp_path / f"{name}.parquet") for name in ("candidate", "current")]
    assert main(["compare", *paths, "--resamples", "50"]) == REJECT
    printed = capsys.readouterr().out
    assert printed.startswith("REJECT: The candidate is worse for se\ufffdx = \ufffd[2Jall fine")
    assert not {"\x1b", "\u202e"} & set(printed)
    assert main(["compare", *paths, "--key", "\x1b[2J"]) == UNUSABLE
    assert "\x1b" not in capsys.readouterr().err


@pytest.mark.parametrize("weight", [1e308, 1e-300])
def test_weights__of_any_size__count_by_their_proportions(weight, tmp_path, capsys):
    code, document = run(tmp_path, capsys, [table.assign(weight=weight) for table in better()])
    assert (code, document["verdict"]) == (PROMOTE, "better")


def test_table__with_two_columns_of_one_name__is_refused(tmp_path, capsys):
    candidate, current = better()
    twice = pa.table(
        [*(candidate[name].to_numpy() for name in ("row_id", "label", "score", "score"))],
        names=["row_id", "label", "score", "score"],
    )
    content = io.BytesIO()
    pq.write_table(twice, content)
    code, document = run(tmp_path, capsys, (content.getvalue(), current))
    assert (code, document["error"]["code"]) == (UNUSABLE, "columns_twice")


def test_weights__that_let_one_row_speak_for_all__are_too_few_rows(tmp_path, capsys):
    tables = [table.assign(weight=np.where(table.index == 7, 1e9, 1.0)) for table in better()]
    code, document = run(tmp_path, capsys, tables)
    assert code == HOLD
    assert "by weight" in document["reason"]
    code, document = run(tmp_path, capsys, [table.assign(weight=1.0 + table.index % 3) for table in better()])
    assert (code, document["findings"]) == (PROMOTE, [])
