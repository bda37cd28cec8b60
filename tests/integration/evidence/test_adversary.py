"""Tables with a known truth, given to the command as a user would: the verdict, the findings and the exit code."""

import argparse
import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from services.evidence.command import add_compare

ROWS = 1500
PROMOTE, UNUSABLE, HOLD, REJECT = 0, 2, 3, 4


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


class Truth:
    """A world with known chances; `table(noise)` is a model of that quality on its rows, `again` shares the stream."""

    def __init__(self, rows=ROWS, *, seed=5, base=-0.8):
        self.rng = np.random.default_rng(seed)
        self.logit = 1.5 * self.rng.normal(size=rows) + base
        self.labels = (self.rng.random(rows) < sigmoid(self.logit)).astype(int)
        self.sex = self.rng.choice(["female", "male"], rows, p=[0.35, 0.65])
        self.region = self.rng.choice(list("NSEW"), rows)
        self.rows = rows

    def table(self, noise):
        scores = sigmoid(self.logit + noise * self.rng.normal(size=self.rows))
        return pd.DataFrame(
            {
                "row_id": 7 * np.arange(self.rows) + 13,
                "label": self.labels,
                "score": scores,
                "sex": self.sex,
                "region": self.region,
            }
        )

    def pair(self, better=0.4, current=1.2):
        return self.table(better), self.table(current)


@dataclass(frozen=True)
class Expected:
    code: int
    verdict: str = ""
    kinds: frozenset = field(default_factory=frozenset)
    error: str = ""


def ends(code, verdict="", *kinds, error=""):
    return Expected(code, verdict, frozenset(kinds), error)


def run(folder, capsys, tables, arguments=(), *, suffix=".parquet"):
    paths = []
    for name, table in zip(("candidate", "current"), tables, strict=False):
        path = folder / f"{name}{suffix if name == 'candidate' else '.parquet'}"
        if isinstance(table, bytes):
            path.write_bytes(table)
        elif path.suffix == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False)
        paths.append(str(path))
    parser = argparse.ArgumentParser()
    add_compare(parser.add_subparsers())
    args = parser.parse_args(["compare", *paths, "--resamples", "50", "--json", *arguments])
    code = args.run(args)
    return code, json.loads(capsys.readouterr().out)


def better():
    return Truth().pair()


def with_part(table, rows, **columns):
    """The table with other values in the rows of the mask."""
    changed = table.copy()
    for name, values in columns.items():
        changed[name] = changed[name].where(~rows, values)
    return changed


def clearly_better():
    return better(), (), ends(PROMOTE, "better")


def clearly_worse():
    return better()[::-1], (), ends(REJECT, "worse")


def identical():
    table, _ = better()
    return (table, table), (), ends(HOLD, "not_worse", "identical")


def noise_only():
    truth = Truth(seed=1)
    return (truth.table(1.0), truth.table(1.0)), (), ends(HOLD, "cannot_tell")


def not_worse_within_the_margin():
    truth = Truth(6000, seed=2)
    return (truth.table(1.0), truth.table(1.0)), ("--margin", "0.05"), ends(HOLD, "not_worse")


def not_worse_and_accepted():
    truth = Truth(6000, seed=2)
    return (
        (truth.table(1.0), truth.table(1.0)),
        ("--margin", "0.05", "--accept", "not_worse"),
        ends(PROMOTE, "not_worse"),
    )


def women_harmed_though_the_mean_is_level():
    truth = Truth(6000, seed=3)
    candidate, current = truth.table(0.35), truth.table(1.0)
    women = candidate["sex"] == "female"
    bad = sigmoid(truth.logit + 2.2 * truth.rng.normal(size=truth.rows))
    return (with_part(candidate, women, score=bad), current), ("--margin", "0.02"), ends(REJECT, "", "slice_harm")


def ranking_kept_and_calibration_ruined():
    _, current = better()
    return (current.assign(score=current["score"] ** 4), current), (), ends(REJECT, "not_worse", "calibration_harm")


def probabilities_a_tenth():
    _, current = better()
    return (current.assign(score=current["score"] / 10), current), (), ends(REJECT, "not_worse", "calibration_harm")


def same_rows_twice():
    candidate, current = better()
    doubled = pd.concat([candidate, candidate.iloc[:100]])
    return (doubled, current), (), ends(PROMOTE, "better", "duplicate_rows")


def one_id_with_two_scores():
    candidate, current = better()
    other = candidate.iloc[:100].assign(score=0.5)
    return (pd.concat([candidate, other]), current), (), ends(HOLD, "better", "duplicate_rows", "misaligned")


def no_id_in_common():
    candidate, current = better()
    return (candidate.assign(row_id=candidate["row_id"] + 10**7), current), (), ends(UNUSABLE, error="misaligned")


def ids_shifted_by_a_row():
    candidate, current = better()
    return (candidate.assign(row_id=np.roll(candidate["row_id"], 1)), current), (), ends(HOLD, "", "misaligned")


def half_of_the_ids():
    candidate, current = better()
    return (candidate.iloc[: ROWS // 2], current), (), ends(HOLD, "better", "misaligned")


def nearly_all_ids():
    candidate, current = better()
    return (candidate.iloc[9:], current), (), ends(PROMOTE, "better", "misaligned")


def some_scores_missing():
    candidate, current = better()
    return (with_part(candidate, candidate.index < 300, score=np.nan), current), (), ends(HOLD, "", "missing_values")


def all_scores_missing():
    candidate, current = better()
    return (candidate.assign(score=np.nan), current), (), ends(UNUSABLE, error="nothing_left")


def some_labels_missing():
    tables = tuple(with_part(table, table.index < 300, label=np.nan) for table in better())
    return tables, (), ends(HOLD, "better", "missing_values")


def one_class():
    return tuple(table.assign(label=1) for table in better()), (), ends(HOLD, "cannot_tell", "one_class")


def constant_candidate():
    candidate, current = better()
    return (candidate.assign(score=0.3), current), (), ends(REJECT, "worse", "constant_scores")


def constant_current():
    candidate, current = better()
    return (candidate, current.assign(score=0.3)), (), ends(PROMOTE, "better", "constant_scores")


def words_as_labels():
    tables = tuple(table.assign(label=np.where(table["label"] == 1, "default", "paid")) for table in better())
    return tables, ("--positive", "default"), ends(PROMOTE, "better")


def words_read_the_wrong_way_round():
    tables = tuple(table.assign(label=np.where(table["label"] == 1, "default", "paid")) for table in better())
    return tables, (), ends(HOLD, "worse", "text_labels", "reversed_scores")


def labels_spelt_differently():
    candidate, current = better()
    spelt = candidate.assign(label=np.where(candidate["label"] == 1, "Yes", "no"))
    return (spelt, current), (), ends(PROMOTE, "better", "text_labels")


def labels_reversed_on_one_side():
    candidate, current = better()
    return (candidate.assign(label=1 - candidate["label"]), current), (), ends(UNUSABLE, error="nothing_left")


def scores_of_the_other_class():
    candidate, current = better()
    return (candidate.assign(score=1 - candidate["score"]), current), (), ends(REJECT, "worse", "reversed_scores")


def logits_on_both_sides():
    tables = tuple(table.assign(score=np.log(table["score"] / (1 - table["score"]))) for table in better())
    return tables, (), ends(PROMOTE, "better", "score_range")


def percents_from_the_candidate():
    candidate, current = better()
    return (candidate.assign(score=100 * candidate["score"]), current), (), ends(HOLD, "better", "score_range")


def fifteen_rows():
    return tuple(table.iloc[:15] for table in better()), (), ends(HOLD, "", "too_few_rows")


def one_row():
    return tuple(table.iloc[:1] for table in better()), (), ends(HOLD, "cannot_tell", "too_few_rows", "one_class")


def rare_positives():
    return Truth(3000, seed=6, base=-7).pair(), (), ends(HOLD, "", "too_few_rows")


def coarse_scores():
    tables = tuple(table.assign(score=table["score"].round(1)) for table in better())
    return tables, (), ends(PROMOTE, "better")


def weights():
    tables = tuple(table.assign(weight=1.0 + table.index % 2) for table in better())
    return tables, (), ends(PROMOTE, "better")


def weights_on_one_side():
    candidate, current = better()
    return (candidate.assign(weight=1.0 + candidate.index % 2), current), (), ends(PROMOTE, "better", "weights")


def negative_weights():
    candidate, current = better()
    return (candidate.assign(weight=-1.0), current), (), ends(UNUSABLE, error="weights")


def slices_moved_by_the_candidate():
    candidate, current = better()
    return (candidate.assign(sex="male"), current), ("--slice", "sex"), ends(HOLD, "better", "misaligned")


def slices_disputed_and_not_asked_for():
    candidate, current = better()
    return (candidate.assign(sex="male"), current), (), ends(PROMOTE, "better", "misaligned")


def lists_in_a_further_column():
    candidate, current = better()
    return (candidate.assign(reasons=[["a", "b"]] * ROWS), current), (), ends(PROMOTE, "better")


def key_that_is_no_row_id():
    return better(), ("--key", "sex"), ends(UNUSABLE, error="duplicate_rows")


def wrong_score_column():
    return better(), ("--score", "p"), ends(UNUSABLE, error="column_missing")


def score_column_of_words():
    return better(), ("--score", "sex"), ends(UNUSABLE, error="column_type")


def label_with_many_values():
    return better(), ("--label", "region"), ends(UNUSABLE, error="labels")


def slice_that_is_not_there():
    return better(), ("--slice", "age"), ends(UNUSABLE, error="column_missing")


def group_that_is_not_there():
    return better(), ("--group", "customer_id"), ends(UNUSABLE, error="column_missing")


def first_version():
    return better()[:1], (), ends(PROMOTE, "better", "first_version")


def first_version_below_its_baseline():
    return better()[:1], ("--baseline", "0.95"), ends(REJECT, "worse", "first_version")


def multiclass(noise):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, ROWS)

    def table(signal):
        logits = rng.normal(size=(ROWS, 3))
        logits[np.arange(ROWS), labels] += signal
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        columns = {f"score_{name}": shares[:, place] for place, name in enumerate("abc")}
        return pd.DataFrame({"row_id": np.arange(ROWS), "label": [*map("abc".__getitem__, labels)], **columns})

    return table(1.8), table(noise)


def several_classes_better():
    return multiclass(1.0), ("--task", "multiclass"), ends(PROMOTE, "better")


def several_classes_worse():
    return multiclass(1.0)[::-1], ("--task", "multiclass"), ends(REJECT, "worse")


def several_classes_one_without_scores():
    candidate, current = multiclass(1.8)
    return (
        (candidate.drop(columns="score_c"), current),
        ("--task", "multiclass"),
        ends(REJECT, "worse", "missing_class"),
    )


def regression():
    rng = np.random.default_rng(1)
    value = 3 * rng.normal(size=ROWS)
    made = [
        pd.DataFrame({"row_id": np.arange(ROWS), "label": value, "score": value + noise * rng.normal(size=ROWS)})
        for noise in (0.5, 1.0)
    ]
    return made[0], made[1]


def numbers_better():
    return regression(), ("--task", "regression"), ends(PROMOTE, "better")


def numbers_worse():
    return regression()[::-1], ("--task", "regression"), ends(REJECT, "worse")


def numbers_beyond_all_bounds():
    candidate, current = regression()
    return (
        (candidate.assign(score=1e300 * candidate["score"]), current),
        ("--task", "regression"),
        ends(UNUSABLE, error="nothing_left"),
    )


CASES = [
    clearly_better, clearly_worse, identical, noise_only, not_worse_within_the_margin, not_worse_and_accepted,
    women_harmed_though_the_mean_is_level, ranking_kept_and_calibration_ruined, probabilities_a_tenth,
    same_rows_twice, one_id_with_two_scores, no_id_in_common, ids_shifted_by_a_row, half_of_the_ids, nearly_all_ids,
    some_scores_missing, all_scores_missing, some_labels_missing, one_class, constant_candidate, constant_current,
    words_as_labels, words_read_the_wrong_way_round, labels_spelt_differently, labels_reversed_on_one_side,
    scores_of_the_other_class, logits_on_both_sides, percents_from_the_candidate, fifteen_rows, one_row,
    rare_positives, coarse_scores, weights, weights_on_one_side, negative_weights, slices_moved_by_the_candidate,
    slices_disputed_and_not_asked_for, lists_in_a_further_column, key_that_is_no_row_id, wrong_score_column,
    score_column_of_words, label_with_many_values, slice_that_is_not_there, group_that_is_not_there, first_version,
    first_version_below_its_baseline, several_classes_better, several_classes_worse,
    several_classes_one_without_scores, numbers_better, numbers_worse, numbers_beyond_all_bounds,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_command__tables_with_a_known_truth__end_as_they_must(case, tmp_path, capsys):
    tables, arguments, expected = case()
    code, document = run(tmp_path, capsys, tables, arguments)
    found = {finding["kind"] for finding in document.get("findings", [])}
    assert (code, document.get("error", {}).get("code", "")) == (expected.code, expected.error), document
    assert expected.verdict in {"", document.get("verdict")}
    assert expected.kinds <= found, found
    if expected.code == PROMOTE and expected.verdict == "better" and not expected.kinds:
        assert not {"slice_harm", "calibration_harm", "clustered_rows"} & found


def customers(seed, *, column="customer_id"):
    """Six rows a customer with the customer's own label and error; two models of the same quality."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(200), 6)
    logit = (1.5 * rng.normal(size=200) - 0.5)[who]
    labels = (rng.random(200)[who] < sigmoid(logit)).astype(int)
    order = rng.permutation(len(who))
    tables = []
    for _ in range(2):
        scores = sigmoid(logit + rng.normal(size=200)[who] + 0.1 * rng.normal(size=len(who)))
        table = pd.DataFrame({"row_id": np.arange(len(who)), "label": labels[order], "score": scores[order]})
        tables.append(table.assign(**{column: [f"c{place:03d}" for place in who[order]]}))
    return tuple(tables)


@pytest.mark.parametrize("column", ["customer_id", "zz"])
def test_command__rows_of_one_customer__are_noticed_without_a_group_and_held(column, tmp_path, capsys):
    code, document = run(tmp_path, capsys, customers(1, column=column))
    assert code == HOLD
    assert "clustered_rows" in {finding["kind"] for finding in document["findings"]}
    code, grouped = run(tmp_path, capsys, customers(1, column=column), ("--group", column))
    assert "clustered_rows" not in {finding["kind"] for finding in grouped["findings"]}
    assert grouped["difference"]["standard_error"] > 1.5 * document["difference"]["standard_error"]


@pytest.mark.parametrize(
    ("content", "suffix", "error"),
    [
        (b"", ".csv", "empty_table"),
        (b"row_id,label,score\n", ".csv", "empty_table"),
        (b"\x00\x01\xff" * 100, ".parquet", "file_unreadable"),
        (b"not gzip", ".csv.gz", "file_unreadable"),
        (b"row_id,label,score\n1,0,.5\n2,1,.5,9,9\n", ".csv", "file_unreadable"),
        ("row_id,label,score,sex\n1,0,.5,fév\n".encode("latin-1"), ".csv", "file_encoding"),
        (b"row_id;label;score\n13;0;0,5\n20;1;0,7\n", ".csv", "column_type"),
        (b"<html>404</html>", ".xlsx", "file_kind"),
    ],
)  # fmt: skip
def test_command__file_that_is_no_table__says_what_to_do(content, suffix, error, tmp_path, capsys):
    code, document = run(tmp_path, capsys, (content, better()[1]), suffix=suffix)
    assert (code, document["error"]["code"]) == (UNUSABLE, error)
    assert document["error"]["hint"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".utf16.csv"])
def test_command__names_of_any_script_and_files_of_any_kind__compare(suffix, tmp_path, capsys):
    names = {"row_id": "行", "label": "étiquette", "score": "оценка"}
    candidate, current = (table.rename(columns=names) for table in better())
    if suffix == ".utf16.csv":
        candidate = candidate.to_csv(index=False).encode("utf-16")
    columns = ("--key", "行", "--label", "étiquette", "--score", "оценка")
    code, document = run(tmp_path, capsys, (candidate, current), columns, suffix=suffix)
    assert (code, document["verdict"]) == (PROMOTE, "better")


def test_command__leaked_rows__are_found_by_id_and_by_content(tmp_path, capsys):
    truth = Truth()
    age = truth.rng.normal(size=truth.rows)
    tables = tuple(table.assign(age=age) for table in truth.pair())
    for shift in (0, 10**6):
        seen = tables[0][["row_id", "age", "sex", "region"]].iloc[:200]
        seen.assign(row_id=seen["row_id"] + shift).to_parquet(tmp_path / "train.parquet")
        code, document = run(tmp_path, capsys, tables, ("--train", str(tmp_path / "train.parquet")))
        assert (code, document["verdict"]) == (HOLD, "better")
        assert "leak" in {finding["kind"] for finding in document["findings"]}


def test_command__trifling_loss_of_a_segment_in_a_large_table__is_no_harm(tmp_path, capsys):
    truth = Truth(20000, seed=9)
    current = truth.table(0.3)
    north = current["region"] == "N"
    logit = np.log(current["score"] / (1 - current["score"]))
    candidate = with_part(current, north, score=sigmoid(logit + 0.3 * truth.rng.normal(size=truth.rows)))
    code, document = run(tmp_path, capsys, (candidate, current), ("--margin", "0.005"))
    line = next(line for line in document["slices"] if line["value"] == "N")
    assert line["p_adjusted"] < 0.05
    assert (code, line["harmed"], document["slice_margin"]) == (HOLD, False, 0.01)
    code, document = run(tmp_path, capsys, (candidate, current), ("--margin", "0.005", "--slice-margin", "0.001"))
    assert (code, document["slice_margin"]) == (REJECT, 0.001)
    assert document["findings"][0]["subject"] == "region=N"
