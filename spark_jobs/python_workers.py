"""What tasks do for the Python workers that they run in."""

from __future__ import annotations

import sys
from zipimport import zipimporter


def forget_zip_finders() -> None:
    """Have Python make its finders for modules in ZIP files anew, should it need them again.

    Before each task PySpark has all finders look at the disk again. Those of Python up to 3.12
    then read their whole ZIP file's directory, each for itself, and there is one for each of
    PySpark's packages: a quarter of a second. A new one knows the directory from the others.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            sys.path_importer_cache.pop(path, None)
