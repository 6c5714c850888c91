"""Where the commands write: results to standard output, all else to standard error.

Both are plain lines without control codes when they are not a terminal.
"""

from rich.console import Console

out = Console(highlight=False)
err = Console(highlight=False, stderr=True)
