"""How a normalization ends without its result.

    RejectedError    the dataset is at fault; no retry will help
    MisfitError      the rows do not have the types that were inferred from the first ones;
                     never leaves the job, which then widens the types and reads again

Anything else is our fault or the machine's and ends the process with a traceback.
"""

from contracts.problem import Problem
from contracts.wording import shortened


class RejectedError(Exception):
    """The dataset cannot be normalized; `problem` tells its owner why and where."""

    def __init__(self, code: str, message: str, where: str | None = None) -> None:
        self.problem = problem = Problem(code, shortened(message), where and shortened(where))
        place = f" ({problem.where})" if problem.where else ""
        super().__init__(f"{code}: {problem.message}{place}")


class MisfitError(Exception):
    """A block does not fit the types that the manifest names."""
