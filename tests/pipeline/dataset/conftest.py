"""Ways to look at bytes as if they were an uploaded file."""

import io

import pytest

from contracts.manifest import Options, SourceObject
from pipeline.dataset.assembly import Finding, assemble
from pipeline.dataset.description import describe
from pipeline.errors import InputRejected


@pytest.fixture
def look():
    """Describe `data` as a file of that name."""

    def look(data, key="input/data"):
        return describe(io.BytesIO(data), key, len(data))

    return look


@pytest.fixture
def rejection(look):
    """The problem with which `data` is rejected."""

    def rejection(data, key="input/data"):
        with pytest.raises(InputRejected) as caught:
            look(data, key)
        return caught.value.problem

    return rejection


@pytest.fixture
def manifest(look):
    """The manifest, with warnings, of `data` as a dataset of one file."""

    def manifest(data, key="input/data", **options):
        file = SourceObject(key, "v1", len(data))
        return assemble("job", "ingest", [Finding(file, look(data, key))], Options(**options))

    return manifest
