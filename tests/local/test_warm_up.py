import io
import json
from typing import Any

import pytest

from local.deployment import REQUIRED_OUTPUTS
from local.errors import DeploymentError
from local.warm_up import EMPTY_EVENTS, warm_up


class Functions:
    """Lambda, as far as it is asked."""

    def __init__(self, **answer: Any) -> None:
        self.invoked: dict[str, Any] = {}
        self._answer = answer

    def invoke(self, **request: str) -> dict[str, Any]:
        self.invoked[request["FunctionName"]] = json.loads(request["Payload"])
        return self._answer


def test_the_functions_are_invoked_by_the_names_in_the_outputs() -> None:
    functions = Functions()
    warm_up(functions, {output: f"name of {output}" for output in REQUIRED_OUTPUTS})
    assert functions.invoked == {
        f"name of {output}": event for output, event in EMPTY_EVENTS.items()
    }


def test_a_function_that_does_not_work_is_told_of_at_once() -> None:
    functions = Functions(FunctionError="Unhandled", Payload=io.BytesIO(b"No module named x"))
    with pytest.raises(DeploymentError, match="does not work"):
        warm_up(functions, {output: output for output in REQUIRED_OUTPUTS})
