import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts.manifest import Compression, Format, Options, SourceObject
from contracts.problem import Problem
from pipeline.dataset.assembly import Finding, assemble
from pipeline.errors import InputRejected

CSV = b"city,fare\nBonn,1.5\nUlm,2\n"


@pytest.fixture
def folder(look):
    """The manifest of a folder with these files, refused ones included."""

    def folder(**contents):
        findings = []
        for name, data in contents.items():
            file = SourceObject(f"datasets/taxi/{name}", "v1", len(data))
            try:
                findings.append(Finding(file, look(data, file.key)))
            except InputRejected as error:
                findings.append(Finding(file, error.problem))
        return assemble("job", "ingest", findings, Options())

    return folder


@pytest.fixture
def problem_of(folder):
    def problem_of(**contents):
        with pytest.raises(InputRejected) as caught:
            folder(**contents)
        return caught.value.problem

    return problem_of


def test_the_manifest_says_all_that_a_reader_needs(manifest):
    found = manifest(gzip.compress(CSV.replace(b",", b";")), "input/a.csv.gz", dtype="float32")
    assert found.warnings == ()
    assert found.manifest.files[0].compression is Compression.GZIP
    assert found.manifest.files[0].version_id == "v1"
    assert found.manifest.format is Format.CSV
    assert found.manifest.delimiter == ";"
    assert found.manifest.normalize == ("fare",)
    assert found.manifest.options.dtype == "float32"


def test_files_may_be_compressed_each_in_its_way(folder):
    found = folder(a=CSV, b=gzip.compress(CSV)).manifest
    assert [file.compression for file in found.files] == [Compression.NONE, Compression.GZIP]


def test_files_may_have_different_numbers_of_categories(folder):
    def categories(indices):
        sink = io.BytesIO()
        city = pa.array(["Bonn", "Ulm"]).cast(pa.dictionary(indices, pa.string()))
        pq.write_table(pa.table({"city": city, "fare": [1.5, 2.5]}), sink)
        return sink.getvalue()

    found = folder(a=categories(pa.int8()), b=categories(pa.int16())).manifest
    assert found.columns[0].type == "dictionary<values=string, indices=int32, ordered=0>"
    assert len(found.files) == 2


def test_files_without_rows_are_left_out_with_a_warning(folder):
    found = folder(a=b"", b=CSV, c=b"city,fare\n")
    assert [file.key for file in found.manifest.files] == ["datasets/taxi/b"]
    assert found.warnings == (
        "Files without rows are left out: 'datasets/taxi/a', 'datasets/taxi/c'.",
    )


def test_a_folder_without_any_row_is_refused(problem_of):
    assert problem_of(a=b"", b=b"city,fare\n").code == "no_rows"
    assert problem_of(a=b"").code == "empty"


def test_a_bad_file_is_named(problem_of):
    problem = problem_of(a=CSV, b=CSV + b"K\xf6ln,1\n")
    assert (problem.code, problem.where) == ("encoding", "datasets/taxi/b, line 4, byte 26")


def test_files_of_another_kind_are_refused_naming_both(problem_of):
    problem = problem_of(a=CSV, b=b'{"city": "Rom", "fare": 1}\n')
    assert (problem.code, problem.where) == ("columns_differ", "datasets/taxi/b")
    assert "taxi/a' is CSV delimited by ',', and 'datasets/taxi/b' is JSON Lin" in problem.message
    assert problem_of(a=CSV, b=CSV.replace(b",", b"\t")).code == "columns_differ"


def test_what_another_file_made_of_a_column_is_told_with_the_problem(problem_of):
    problem = problem_of(**{"a.csv": b"fare\n1.5\n2\n", "b.csv": b"fare\nmuch\nlittle\n"})
    assert problem.code == "no_numeric_column"
    assert "it is 'string' in 'datasets/taxi/b.csv' and 'double' in earlier" in problem.message


def test_the_problem_of_a_single_file_keeps_its_place():
    file = SourceObject("input/a.csv", "v1", 1)
    with pytest.raises(InputRejected) as caught:
        assemble("job", "ingest", [Finding(file, Problem("x", "y", "line 7"))], Options())
    assert caught.value.problem.where == "line 7"
