"""What every engine must do: one list of questions with the answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from services.domain.why.predictions import PredictionQuery
from services.errors import PortalError
from services.ports.predictions import DateRange, InferenceLog
from tests.contract.inference_log.shelf import START, rows

Question = Callable[[InferenceLog], None]


def one_id__is_found_with_everything(log: InferenceLog) -> None:
    wanted = rows()[9]
    (found,) = log.find(wanted.request_id)
    assert (found.request_id, found.time, found.environment) == (wanted.request_id, wanted.time, "production")
    assert (found.model, found.version, found.version_text) == ("census", 5, "5")
    assert found.inputs == wanted.inputs
    assert found.output == [0.3, 0.7]
    assert found.score == wanted.score
    assert found.source


def missing_version__is_none(log: InferenceLog) -> None:
    (found,) = log.find(rows()[7].request_id)
    assert (found.version, found.version_text) == (None, "")


def unheard_of_id__is_not_found(log: InferenceLog) -> None:
    assert list(log.find(rows()[9].request_id[:-1] + "f", days=DateRange(START.date(), START.date()))) == []


def id_with_quotes__is_a_value_and_no_statement(log: InferenceLog) -> None:
    assert list(log.find("x' OR '1'='1")) == []


def id_given_twice__gives_both(log: InferenceLog) -> None:
    assert len(log.find("order-17")) == 2


def row_without_anything__is_found(log: InferenceLog) -> None:
    (found,) = log.find("order-19")
    assert (found.time, found.model, found.version, dict(found.inputs), found.output) == (None, None, None, {}, None)


def version_with_a_v__is_a_number(log: InferenceLog) -> None:
    (found,) = log.find("order-18")
    assert (found.version, found.version_text) == (6, "v6")


def search__by_window__gives_the_newest_first_and_one_more_than_asked(log: InferenceLog) -> None:
    query = PredictionQuery("census", START, START + timedelta(hours=5), environment="production", limit=3)
    found = log.search(query)
    assert [r.request_id for r in found] == [rows()[n].request_id for n in (4, 3, 2, 1)]


def search__by_number_and_text__finds_the_one(log: InferenceLog) -> None:
    window = (START, START + timedelta(days=3))
    for inputs in ({"age": "29"}, {"age": "29.0", "job": "Sales"}, {"odd.name": "4.5"}):
        (found,) = log.search(PredictionQuery("census", *window, inputs=inputs))
        assert found.request_id == rows()[9].request_id, inputs


def search__value_with_quotes__is_a_value(log: InferenceLog) -> None:
    window = (START, START + timedelta(hours=1))
    (found,) = log.search(PredictionQuery("census", *window, inputs={"job": 'O\'Neil "x"'}))
    assert found.request_id == rows()[0].request_id
    assert list(log.search(PredictionQuery("census", *window, inputs={"job": "' OR 1=1 --"}))) == []


def search__input_name_with_quotes__is_a_value(log: InferenceLog) -> None:
    window = (START, START + timedelta(hours=1))
    for name in ("a' OR '1'='1", 'a"b', "a$.b\\"):
        try:
            assert list(log.search(PredictionQuery("census", *window, inputs={name: "1"}))) == [], name
        except PortalError as error:
            raise AssertionError(name) from error


def search__end_of_the_window__is_not_included(log: InferenceLog) -> None:
    found = log.search(PredictionQuery("census", START, START + timedelta(hours=1)))
    assert [r.request_id for r in found] == [rows()[0].request_id]


def recent__gives_the_newest_first(log: InferenceLog) -> None:
    assert [r.request_id for r in log.recent(2)] == [rows()[47].request_id, rows()[46].request_id]


def check__says_what_is_there(log: InferenceLog) -> None:
    assert log.check()


QUESTIONS: tuple[Question, ...] = (
    one_id__is_found_with_everything,
    missing_version__is_none,
    unheard_of_id__is_not_found,
    id_with_quotes__is_a_value_and_no_statement,
    id_given_twice__gives_both,
    row_without_anything__is_found,
    version_with_a_v__is_a_number,
    search__by_window__gives_the_newest_first_and_one_more_than_asked,
    search__by_number_and_text__finds_the_one,
    search__value_with_quotes__is_a_value,
    search__input_name_with_quotes__is_a_value,
    search__end_of_the_window__is_not_included,
    recent__gives_the_newest_first,
    check__says_what_is_there,
)
