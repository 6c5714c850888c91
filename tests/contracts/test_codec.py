from dataclasses import dataclass
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.codec import DocumentError, from_json, to_json
from contracts.problem import Problem


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Part:
    x: float
    note: str | None = None


@dataclass(frozen=True)
class Document:
    name: str
    parts: tuple[Part, ...]
    pair: tuple[int, str]
    named: dict[str, Part]
    colour: Colour = Colour.RED
    error: Problem | None = None


finite = st.floats(allow_nan=False, allow_infinity=False)
parts = st.builds(Part, finite, st.none() | st.text())
documents = st.builds(
    Document,
    st.text(),
    st.lists(parts).map(tuple),
    st.tuples(st.integers(), st.text()),
    st.dictionaries(st.text(), parts),
    st.just(Colour.RED),
    st.none() | st.builds(Problem, st.text(), st.text(), st.none() | st.text()),
)


@given(documents)
def test_reading_is_the_inverse_of_writing(document: Document) -> None:
    assert from_json(Document, to_json(document)) == document


def test_unknown_keys_are_ignored() -> None:
    assert from_json(Part, '{"x": 1, "later": true}') == Part(1.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        ('{"note": "no x"}', "x"),
        ('{"x": "1"}', "Part.x: expected"),
    ],
)
def test_a_misfit_says_where(text: str, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        from_json(Part, text)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json(Part(value))
