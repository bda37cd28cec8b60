"""Tables as people write them: read, matched by id, and everything odd is said."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from services.errors import InvalidInputError
from services.evidence.aspects.leaks import leak_findings, training_rows
from services.evidence.findings import Severity
from services.evidence.rows.alignment import align
from services.evidence.rows.digests import inputs_digest
from services.evidence.rows.inputs import Columns, Task, predictions_from_table, task_of_table
from services.evidence.rows.labels import binary_coding
from services.evidence.rows.tables import canonical_text, read_table, table_from_mapping
from tests.unit.evidence.makers import predictions

LABELS = [0, 1, 0, 1, 1, 0]
SCORES = [0.1, 0.9, 0.3, 0.7, 0.6, 0.2]
IDS = [1, 2, 3, 4, 5, 6]


def frame(**changes):
    return pd.DataFrame({"row_id": IDS, "label": LABELS, "score": SCORES} | changes)


def aligned(first, second, **choices):
    sides = [predictions(**dict(side)) if not hasattr(side, "ids") else side for side in (first, second)]
    return align(*sides, **choices)


def found_kinds(rows):
    return {(finding.kind, finding.severity) for finding in rows.findings}


def written(tmp_path, kind, data):
    path = tmp_path / f"table.{kind}"
    if kind == "parquet":
        data.to_parquet(path)
    elif kind == "csv":
        data.to_csv(path, index=False)
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(data.to_csv(index=False).encode()))
    elif kind == "tsv":
        data.to_csv(path, index=False, sep="\t")
    elif kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in data.to_dict(orient="records")))
    else:
        path.write_text(json.dumps({"columns": list(data.columns), "data": data.to_numpy(dtype=object).tolist()}))
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "csv.gz", "tsv", "json", "jsonl"])
def test_read_table__every_format__gives_the_same_evidence(tmp_path, kind):
    data = frame(sex=["f", "m", "f", "m", "f", "m"])
    table = read_table(written(tmp_path, kind, data), name="candidate", key="row_id")
    found = predictions_from_table(table, Columns())
    same = predictions_from_table(table_from_mapping(data.to_dict("list"), name="x"), Columns())
    assert found.ids.tolist() == [str(number) for number in IDS]
    np.testing.assert_array_equal(found.scores, SCORES)
    assert inputs_digest(align(found, found)) == inputs_digest(align(same, same))


def test_read_table__byte_order_mark_and_semicolons__are_understood(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_bytes(b"\xef\xbb\xbf" + frame().to_csv(index=False, sep=";").encode())
    assert list(read_table(path, name="candidate").columns) == ["row_id", "label", "score"]


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.csv", b"row_id,label,score\n", "empty_table"),
        ("nothing.csv", b"", "empty_table"),
        ("ragged.csv", b"row_id,label,score\n1,0,.5\n2,1,.6,7,7\n", "file_unreadable"),
        ("junk.csv", b"\x00\xff\xfe", "file_encoding"),
        ("junk.parquet", b"PAR1 not really", "file_unreadable"),
        ("number.json", b"7", "file_kind"),
        ("half.json", b'{"columns": ["a"', "file_unreadable"),
        ("table.xlsx", b"x", "file_kind"),
    ],
)
def test_read_table__unusable_file__says_what_to_do(tmp_path, name, content, code):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_table(path, name="candidate")
    assert caught.value.code == code
    assert caught.value.hint


def test_read_table__no_file__says_so(tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_table(tmp_path / "gone.csv", name="current")


def test_read_table__too_many_rows__both_tables_keep_the_same_ids(tmp_path):
    rows = 5000
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"row_id": np.arange(rows), "label": rng.integers(0, 2, rows), "score": rng.random(rows)})
    first = read_table(written(tmp_path, "parquet", data), name="candidate", key="row_id", row_limit=1000)
    shuffled = data.sample(frac=1, random_state=1)
    second = read_table(written(tmp_path, "csv", shuffled), name="current", key="row_id", row_limit=3000)
    assert (first.rate, second.rate) == (0.125, 0.5)
    assert first.rows <= 1000
    both = align(*(predictions_from_table(table, Columns()) for table in (first, second)))
    assert both.rows == first.rows
    assert ("sampled", Severity.INFO) in found_kinds(both)
    assert not any(kind == "misaligned" for kind, _ in found_kinds(both))


def test_column__missing__names_those_present():
    with pytest.raises(InvalidInputError, match="no column 'score'") as caught:
        predictions(row_id=[1], label=[1], prob=[0.5])
    assert "row_id, label, prob" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (7.0, "7"),
        ("7", "7"),
        ("7.0", "7"),
        (" 7 ", "7"),
        (7.5, "7.5"),
        ("007", "007"),
        (True, "true"),
        (None, None),
        (float("nan"), None),
        ("-3.00", "-3"),
        ("1.a", "1.a"),
    ],
)
def test_canonical_text__spellings_of_one_value__are_equal(value, text):
    assert canonical_text(value) == text


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes", "no", "yes", "yes", "no"],
        ["No", "YES", "no", "Yes", "yes", "NO"],
        [False, True, False, True, True, False],
        [0.0, 1.0, 0.0, 1.0, 1.0, 0.0],
        ["0.0", "1", "0", "1.0", "1", "0"],
        ["n", "y", "n", "y", "y", "n"],
        [-1, 1, -1, 1, 1, -1],
    ],
)
def test_labels__any_usual_spelling__mean_the_same(labels):
    rows = aligned(frame(label=labels), frame())
    np.testing.assert_array_equal(rows.labels, LABELS)
    assert not any(kind == "misaligned" for kind, _ in found_kinds(rows))


def test_labels__two_other_words__are_mapped_and_said():
    words = ["good", "bad", "good", "bad", "bad", "good"]
    rows = aligned(frame(label=words), frame(label=words))
    assert ("text_labels", Severity.WARNING) in found_kinds(rows)
    named = aligned(frame(label=words), frame(label=words), positive="BAD")
    np.testing.assert_array_equal(named.labels, LABELS)


def test_labels__three_values__ask_for_another_task():
    with pytest.raises(InvalidInputError, match="3 different values") as caught:
        binary_coding(np.array(["a", "b", "c"], dtype=object))
    assert "--task multiclass" in caught.value.hint
    with pytest.raises(InvalidInputError, match="3 different values"):
        binary_coding(np.array([-1, 0, 1]))


def test_labels__positive_that_does_not_occur__is_refused():
    with pytest.raises(InvalidInputError, match="does not occur"):
        aligned(frame(), frame(), positive="maybe")


def test_align__shuffled_and_other_id_type__matches_by_id():
    order = [3, 1, 0, 5, 4, 2]
    second = {name: [values[place] for place in order] for name, values in frame().to_dict(orient="list").items()}
    second["row_id"] = [f"{number}.0" for number in second["row_id"]]
    rows = aligned(frame(score=SCORES[::-1]), second)
    np.testing.assert_array_equal(rows.current[np.argsort(rows.ids.astype(int))], SCORES)
    assert rows.findings == ()


def test_align__leading_zeros_on_one_side__are_matched_and_said():
    rows = aligned(frame(row_id=[f"{number:05d}" for number in IDS]), frame())
    assert rows.rows == 6
    assert ("key_types", Severity.INFO) in found_kinds(rows)


def test_align__no_common_id__shows_both_spellings():
    with pytest.raises(InvalidInputError, match="no row id in common") as caught:
        aligned(frame(row_id=[f"x{number}" for number in IDS]), frame())
    assert "'x1'" in caught.value.hint


def test_align__rows_on_one_side_only__are_left_out_and_said():
    rows = aligned(frame(row_id=[1, 2, 3, 4, 5, 60]), frame())
    assert rows.rows == 5
    assert ("misaligned", Severity.BLOCKING) in found_kinds(rows)


def test_align__same_id_other_label__blocks():
    rows = aligned(frame(label=[1, 1, 0, 1, 1, 0]), frame())
    assert rows.rows == 5
    assert ("misaligned", Severity.BLOCKING) in found_kinds(rows)


def test_align__equal_copies_of_rows__count_once():
    rows = aligned(pd.concat([frame(), frame().head(2)]).to_dict(orient="list"), frame())
    assert rows.rows == 6
    assert found_kinds(rows) == {("duplicate_rows", Severity.WARNING)}


def test_align__one_id_with_two_scores__is_left_out_and_blocks():
    doubled = frame(row_id=[1, 1, 3, 4, 5, 6], label=[0, 0, 0, 1, 1, 0])
    rows = aligned(doubled, frame())
    assert "1" not in rows.ids.tolist()
    assert ("duplicate_rows", Severity.BLOCKING) in found_kinds(rows)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), "n/a?"])
def test_align__score_missing__row_is_left_out_and_said(bad):
    rows = aligned({"row_id": IDS, "label": LABELS, "score": np.array([bad, *SCORES[1:]], dtype=object)}, frame())
    assert rows.rows == 5
    assert ("missing_values", Severity.BLOCKING) in found_kinds(rows)
    assert (("mixed_types", Severity.WARNING) in found_kinds(rows)) == (bad == "n/a?")


def test_align__nothing_left__says_why():
    with pytest.raises(InvalidInputError, match="No row with a label") as caught:
        aligned(frame(label=[1 - label for label in LABELS]), frame())
    assert "different labels" in caught.value.hint


def test_scores__words_only__are_refused():
    with pytest.raises(InvalidInputError, match="holds no numbers"):
        predictions(**frame(score=["0,1"] * 6))


def test_weights__negative__are_refused():
    with pytest.raises(InvalidInputError, match="negative weights"):
        predictions(**frame(weight=[-1, 1, 1, 1, 1, 1]))


def test_multiclass__score_columns_in_any_order__follow_the_classes():
    columns = {"row_id": [1, 2, 3], "label": ["b", "a", "c"]}
    first = predictions(task=Task.MULTICLASS, **columns, score_c=[0, 0, 1.0], score_a=[0, 1.0, 0], score_b=[1.0, 0, 0])
    second = predictions(task=Task.MULTICLASS, **columns, score_a=[0.5, 1, 0], score_b=[0.5, 0, 1])
    rows = align(first, second, task=Task.MULTICLASS)
    assert rows.classes == ("a", "b", "c")
    np.testing.assert_array_equal(np.argmax(rows.candidate, axis=1), rows.labels)
    assert ("missing_class", Severity.WARNING) in found_kinds(rows)
    assert (rows.current[:, 2] == 0).all()


def test_group__asked_for_and_absent__is_refused():
    side = predictions(Columns(group="customer"), **frame())
    with pytest.raises(InvalidInputError, match="group column 'customer'"):
        align(side, side)


def test_leak__training_ids_or_contents__are_found():
    rows = align(*[predictions(**frame(age=[20, 30, 40, 50, 60, 70], city=list("abcdef")))] * 2)
    by_id = training_rows(table_from_mapping({"row_id": ["2", "77"]}, name="train"), key="row_id", columns=["age"])
    by_content = training_rows(
        table_from_mapping({"age": [20.0, 99.0], "city": ["a", "b"]}, name="train"), key="row_id", columns=rows.further
    )
    clean = training_rows(
        table_from_mapping({"age": [20, 99], "city": ["b", "b"]}, name="train"), key="row_id", columns=rows.further
    )
    for training in (by_id, by_content):
        (finding,) = leak_findings(rows, training)
        assert (finding.kind, finding.severity) == ("leak", Severity.BLOCKING)
        assert finding.sentence.startswith("1 of 6")
    assert leak_findings(rows, clean) == []
    assert leak_findings(rows, None) == []


def test_leak__columns_that_cannot_tell_rows_apart__is_said_not_guessed():
    rows = align(*[predictions(**frame(sex=list("mfmfmf")))] * 2)
    training = training_rows(table_from_mapping({"sex": ["m"]}, name="train"), key="row_id", columns=["sex"])
    assert [finding.kind for finding in leak_findings(rows, training)] == ["leak_unchecked"]


def test_digest__order_and_spelling__do_not_change_it_and_values_do():
    first = predictions(**frame())
    shuffled = predictions(**frame().sample(frac=1, random_state=2).astype({"row_id": float, "label": bool}))
    other = predictions(**frame(score=[0.1000001, *SCORES[1:]]))
    assert inputs_digest(align(first, first)) == inputs_digest(align(shuffled, shuffled))
    assert inputs_digest(align(first, first)) != inputs_digest(align(other, first))


def test_leak__rows_that_are_often_equal_anyway__warn_and_do_not_block():
    rng = np.random.default_rng(0)

    def coarse(rows):
        return {name: rng.integers(0, 30, rows) for name in ("age", "city")}

    rows = align(
        *[predictions(row_id=np.arange(400), label=np.arange(400) % 2, score=rng.random(400), **coarse(400))] * 2
    )
    training = training_rows(table_from_mapping(coarse(800), name="train"), key="row_id", columns=rows.further)
    (finding,) = leak_findings(rows, training)
    assert (finding.kind, finding.severity) == ("leak", Severity.WARNING)
    assert "by chance" in finding.sentence


@pytest.mark.parametrize(
    ("columns", "task"),
    [
        ({"label": [0, 1, 1], "score": [0.1, 0.2, 0.9]}, "binary"),
        ({"label": ["yes", "no", "no"], "score": [0.1, 0.2, 0.9]}, "binary"),
        ({"label": ["a", "b", "c"], "score": [0.1, 0.2, 0.9]}, "binary"),
        ({"label": ["a", "b", "c"], "score_a": [0.1, 0.2, 0.9], "score_b": [0.9, 0.8, 0.1]}, "multiclass"),
        ({"label": ["a", "b", "c"], "prediction": ["a", "b", "b"]}, "multiclass"),
        ({"label": [0, 1, 1], "prediction": [0, 1, 0]}, "binary"),
        ({"label": [0.5, 12.25, None], "score": [1.0, 12.0, 3.0]}, "regression"),
        ({"label": list(range(30)), "prediction": list(range(30))}, "regression"),
        ({"score": [0.1, 0.2]}, "binary"),
    ],
)
def test_task__that_nobody_names__is_read_from_labels_and_scores(columns, task):
    rows = len(next(iter(columns.values())))
    table = table_from_mapping({"row_id": range(rows), **columns}, name="predictions")
    assert task_of_table(table) == task
