"""Where the commands write: results to standard output, all else to standard error.

Both are plain lines without control codes when they are not a terminal.
"""

from rich.console import Console, RenderableType

out = Console(highlight=False)
err = Console(highlight=False, stderr=True)

FILE_WIDTH = 160
WIDE = 110


def is_wide() -> bool:
    """Whether there is room for what can be left out."""
    return not out.is_terminal or out.width >= WIDE


def print_result(result: RenderableType) -> None:
    """Print a result as wide as the terminal; into a file or a pipe, wide enough to keep lines."""
    console = out if out.is_terminal else Console(highlight=False, width=FILE_WIDTH)
    console.print(result, soft_wrap=True)


def tell(text: str) -> None:
    """Print a line about what is being done."""
    err.print(text, markup=False, soft_wrap=True)
