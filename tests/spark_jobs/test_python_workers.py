from __future__ import annotations

import importlib
import sys
import zipfile
from zipimport import zipimporter

from spark_jobs.python_workers import forget_zip_finders


def zip_finders():
    return [f for f in sys.path_importer_cache.values() if isinstance(f, zipimporter)]


def test_modules_in_zip_files_are_still_found_once_their_finders_are_forgotten(
    tmp_path, monkeypatch
):
    archive = tmp_path / "modules.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("first_in_zip.py", "value = 1")
        file.writestr("second_in_zip.py", "value = 2")
    monkeypatch.syspath_prepend(archive)
    assert importlib.import_module("first_in_zip").value == 1
    assert zip_finders()
    forget_zip_finders()
    assert not zip_finders()
    assert importlib.import_module("second_in_zip").value == 2
    forget_zip_finders()
