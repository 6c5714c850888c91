import json
from typing import Any

from local.deployment import REQUIRED_OUTPUTS
from local.warm_up import EMPTY_EVENTS, warm_up


class Functions:
    """Lambda, as far as it is asked."""

    def __init__(self) -> None:
        self.invoked: dict[str, Any] = {}

    def invoke(self, **request: str) -> None:
        self.invoked[request["FunctionName"]] = json.loads(request["Payload"])


def test_the_functions_are_invoked_by_the_names_in_the_outputs() -> None:
    functions = Functions()
    warm_up(functions, {output: f"name of {output}" for output in REQUIRED_OUTPUTS})
    assert functions.invoked == {
        f"name of {output}": event for output, event in EMPTY_EVENTS.items()
    }
