"""One contender, once, in a process of its own: `… MODULE SOURCE OUTPUT COLUMN…`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

module, source, output, *columns = sys.argv[1:]
importlib.import_module(module).normalize(Path(source), columns, Path(output))
