from __future__ import annotations

import importlib

import pytest

from benchmarks.normalize.check import check
from benchmarks.normalize.contenders import CONTENDERS, INSTALL, Contender


@pytest.mark.parametrize("source", ["csv", "parquet", "decimals"])
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_a_contender_is_right_or_says_how_to_install_it(contender, source, cases, tmp_path):
    if contender.missing:
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(contender.module)
        assert contender.missing.endswith(f" not installed: {INSTALL}")
        return
    case = cases[source]
    output = tmp_path / "output"
    output.mkdir()
    engine = importlib.import_module(contender.module)
    engine.normalize(case.file, list(case.truth.columns), output)
    check(case.parquet, output)


def test_all_packages_that_are_not_there_are_named():
    contender = Contender("none", "no.module", ("no_such_package", "numpy", "nor_this_one"))
    assert contender.missing == f"no_such_package and nor_this_one not installed: {INSTALL}"
