import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.compute_names import AttemptName

names = st.builds(
    AttemptName,
    st.from_regex(re.compile(r"[a-z0-9-]{1,64}"), fullmatch=True),
    st.sampled_from(["normalize", "spark"]),
    st.integers(1, 9999),
)


@given(names)
def test_a_name_leads_back_to_its_attempt(name: AttemptName) -> None:
    assert AttemptName.parse(str(name)) == name
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", str(name))


@given(names, names)
def test_tokens_are_equal_for_equal_attempts_alone(a: AttemptName, b: AttemptName) -> None:
    assert (a.client_token == b.client_token) == (a == b)


@pytest.mark.parametrize(
    "name", ["", "job", "job--normalize", "job--other-1", "bigdata-JOB--spark-1"]
)
def test_foreign_names_are_not_ours(name: str) -> None:
    assert AttemptName.parse(name) is None
