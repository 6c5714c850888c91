import json

import pytest

from stacks.compute_targets import ComputeTargets

NAMES = ("gpu_job_queue", "gpu_job_definition", "cpu_job_queue", "cpu_job_definition")
GIVEN = {**dict.fromkeys(NAMES, "arn"), "spark_application_id": "00abc"}


def test_context_is_an_object_or_its_text() -> None:
    assert ComputeTargets.from_context(GIVEN) == ComputeTargets.from_context(json.dumps(GIVEN))


@pytest.mark.parametrize("wrong", [{}, {**GIVEN, "more": "x"}])
def test_a_missing_or_unknown_name_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(TypeError):
        ComputeTargets.from_context(wrong)
