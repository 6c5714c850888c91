"""Whole normalize runs against an S3 in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import math
import subprocess
import sys

import numpy
import pytest

from contracts.grouping import MOST_GROUPS
from contracts.manifest import Compression, Format, Options, SourceObject
from contracts.marker import Outcome

pytest.importorskip("moto")
pyarrow = pytest.importorskip("pyarrow")
zstandard = pytest.importorskip("zstandard")
parquet_files = pytest.importorskip("pyarrow.parquet")

from botocore.exceptions import EndpointConnectionError  # noqa: E402

from gpu_jobs import normalize  # noqa: E402

COLUMNS = {"id": "int64", "city": "string", "fare": "double", "tip": "double"}
ROWS = 500


@pytest.fixture(scope="module")
def trips():
    """500 trips with nulls, as rows of Python values, and the numbers alone with NaN for null."""
    random = numpy.random.default_rng(11)
    fares = random.normal(15, 4, ROWS).round(2)
    tips = random.exponential(2, ROWS)
    rows = [
        {
            "id": index,
            "city": ["Kyiv", "Łódź", "NA", 'a "b", c'][index % 4],
            "fare": None if index % 7 == 3 else float(fares[index]),
            "tip": None if index % 11 == 5 else float(tips[index]),
        }
        for index in range(ROWS)
    ]
    numbers = numpy.array(
        [[math.nan if r[c] is None else r[c] for c in ("id", "fare", "tip")] for r in rows]
    )
    return rows, numbers


def delimited(rows, delimiter=",", null=""):
    def cell(value):
        if value is None:
            return null
        text = str(value)
        return '"' + text.replace('"', '""') + '"' if '"' in text else text

    lines = [delimiter.join(rows[0]), *(delimiter.join(map(cell, r.values())) for r in rows)]
    return "\n".join(lines).encode() + b"\n"


def json_lines(rows):
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def parquet(rows, **options):
    sink = io.BytesIO()
    parquet_files.write_table(pyarrow.Table.from_pylist(rows), sink, **options)
    return sink.getvalue()


def assert_equals_scikit_learn(table, rows, numbers):
    """z-scores to 1e-9, nulls in place, rows and columns in order, other columns unchanged."""
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    assert table.column_names == list(rows[0])
    assert table["city"].to_pylist() == [row["city"] for row in rows]
    expected = preprocessing.StandardScaler().fit_transform(numbers)
    for index, name in enumerate(("id", "fare", "tip")):
        assert table[name].type == pyarrow.float64()
        assert table[name].null_count == numpy.isnan(numbers[:, index]).sum()
        found = table[name].to_numpy(zero_copy_only=False)
        numpy.testing.assert_allclose(found, expected[:, index], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("format_", "delimiter", "encode", "compression"),
    [
        (Format.CSV, ",", delimited, Compression.NONE),
        (Format.CSV, "\t", lambda rows: delimited(rows, "\t", "NA"), Compression.NONE),
        (Format.CSV, ";", lambda rows: delimited(rows, ";", "null"), Compression.GZIP),
        (Format.CSV, "|", lambda rows: delimited(rows, "|", "NaN"), Compression.ZSTD),
        (Format.JSON_LINES, None, json_lines, Compression.NONE),
        (Format.JSON_LINES, None, json_lines, Compression.GZIP),
        (Format.PARQUET, None, parquet, Compression.NONE),
    ],
    ids=["csv", "tsv", "semicolon gzip", "pipe zstd", "json lines", "json lines gzip", "parquet"],
)
def test_every_format_gives_scikit_learns_z_scores(
    cloud, trips, format_, delimiter, encode, compression
):
    rows, numbers = trips
    pack = {Compression.GZIP: gzip.compress, Compression.ZSTD: zstandard.compress}.get(compression)
    data = encode(rows)
    cloud.put("input/trips", pack(data) if pack else data, compression)
    assert cloud.normalize(cloud.manifest(format_, COLUMNS, delimiter=delimiter)) == 0
    assert_equals_scikit_learn(cloud.table(), rows, numbers)
    assert cloud.marker().warnings == ()


@pytest.mark.parametrize(
    ("format_", "encode"), [(Format.PARQUET, parquet), (Format.CSV, delimited)]
)
def test_files_of_a_folder_are_one_dataset_in_the_manifests_order(cloud, trips, format_, encode):
    rows, numbers = trips
    for name, part in (("b", rows[:130]), ("a", rows[130:131]), ("c", rows[131:])):
        cloud.put(f"datasets/trips/{name}", encode(part))
    assert cloud.normalize(cloud.manifest(format_, COLUMNS)) == 0
    assert_equals_scikit_learn(cloud.table(), rows, numbers)


def test_marker_and_metrics_tell_what_was_done(cloud):
    source = cloud.put("input/f.csv", b"x,k\n1,a\n,b\ninf,c\nnan,d\n3,e\n1e400,f\n")
    assert cloud.normalize(cloud.manifest(Format.CSV, {"x": "double", "k": "string"})) == 0
    marker, metrics = cloud.marker(), cloud.metrics()
    assert (marker.job_id, marker.stage, marker.attempt) == ("job", "normalize", 1)
    assert marker.outcome is Outcome.SUCCEEDED
    assert [(f.name, f.rows) for f in marker.files] == [
        ("normalized/part-00000.parquet", 6),
        ("metrics.json", None),
    ]
    for file in marker.files:
        data = cloud.output(file.name)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.size_bytes, file.sha256)
    column = metrics.columns["x"]
    assert (column.count, column.nulls, column.non_finite) == (2, 2, 2)
    assert (column.mean, column.std, column.minimum, column.maximum) == (2.0, 1.0, 1.0, 3.0)
    assert (metrics.records, metrics.input_bytes) == (6, source.size_bytes)
    assert (metrics.device, metrics.device_reason) == ("cpu", "gpu-enabled=false")
    assert cloud.table()["x"].to_pylist() == [-1.0, None, None, None, 1.0, None]


def test_an_all_null_column_has_no_statistics_and_a_constant_one_becomes_0(cloud):
    cloud.put("input/f.csv", b"a,b,c\n,5,1\nNA,5,2\n,,3\n")
    columns = {"a": "double", "b": "int64", "c": "int64"}
    assert cloud.normalize(cloud.manifest(Format.CSV, columns)) == 0
    metrics = cloud.metrics().columns
    assert (metrics["a"].count, metrics["a"].mean, metrics["a"].std) == (0, None, None)
    assert (metrics["b"].std, metrics["b"].nulls) == (0.0, 1)
    assert cloud.table()["a"].to_pylist() == [None] * 3
    assert cloud.table()["b"].to_pylist() == [0.0, 0.0, None]


def test_float32_on_request(cloud):
    cloud.put("input/f.csv", b"a,b\n1,x\n2,y\n")
    manifest = cloud.manifest(
        Format.CSV, {"a": "int64", "b": "string"}, options=Options(dtype="float32")
    )
    assert cloud.normalize(manifest) == 0
    assert cloud.table()["a"].type == pyarrow.float32()
    assert cloud.table()["a"].to_pylist() == [-1.0, 1.0]


def test_a_column_beyond_the_range_of_squares_passes_through_with_a_warning(cloud):
    cloud.put("input/f.csv", b"a,b\n1e300,1\n-1e300,3\n")
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "double", "b": "int64"})) == 0
    assert cloud.table()["a"].to_pylist() == [1e300, -1e300]
    assert cloud.table()["b"].to_pylist() == [-1.0, 1.0]
    assert list(cloud.metrics().columns) == ["b"]
    assert "Not normalized: column 'a'." in cloud.marker().warnings[0]


def test_the_version_of_the_manifest_is_read_after_the_key_was_overwritten(cloud):
    cloud.put("input/f.csv", b"a\n1\n3\n")
    manifest = cloud.manifest(Format.CSV, {"a": "int64"})
    cloud.put("input/f.csv", b"a\n100\n300\n500\n")
    assert cloud.normalize(manifest) == 0
    assert cloud.metrics().columns["a"].mean == 2.0


def test_a_deleted_version_is_rejected_as_gone(cloud):
    source = cloud.put("input/f.csv", b"a\n1\n3\n")
    cloud.s3.delete_object(Bucket="ingest", Key=source.key, VersionId=source.version_id)
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64"})) == 65
    marker = cloud.marker()
    assert (marker.outcome, marker.error.code) == (Outcome.REJECTED, "gone")
    assert marker.error.where == source.key
    assert cloud.names() == ["_fence", "_marker.json"]


def test_without_a_version_another_object_under_the_key_is_not_taken_for_the_dataset(cloud):
    source = cloud.put("input/f.csv", b"a\n1\n3\n4\n")
    manifest = cloud.manifest(
        Format.CSV,
        {"a": "int64"},
        files=(SourceObject(source.key, None, source.size_bytes - 2),),
    )
    assert cloud.normalize(manifest) == 65
    assert cloud.marker().error.code == "changed"


def test_a_second_batch_job_leaves_the_attempt_alone(cloud):
    cloud.put("input/f.csv", b"a\n1\n3\n")
    cloud.s3.put_object(
        Bucket="results", Key="results/job/attempts/normalize-1/_fence", Body=b"batch-0"
    )
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64"}), "batch-1") == 0
    assert cloud.names() == ["_fence"]


def test_the_same_batch_job_goes_on_after_the_loss_of_its_host(cloud):
    cloud.put("input/f.csv", b"a\n1\n3\n")
    cloud.s3.put_object(
        Bucket="results", Key="results/job/attempts/normalize-1/_fence", Body=b"batch-1"
    )
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64"}), "batch-1") == 0
    assert cloud.marker().outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(("data", "code"), [(b"a\n1\n3\n", 0), (b"a\n1\nx\n", 65)])
def test_an_attempt_that_has_ended_is_not_done_again(cloud, data, code):
    cloud.put("input/f.csv", data)
    manifest = cloud.manifest(Format.CSV, {"a": "int64"})
    assert cloud.normalize(manifest) == code
    marker = cloud.output("_marker.json")
    assert cloud.normalize(manifest) == code
    assert cloud.output("_marker.json") == marker


def test_a_column_that_is_centred_only_is_told(cloud):
    rows = "".join(f"{10**15 + n % 7},{n % 7},5\n" for n in range(5000))
    cloud.put("input/f.csv", f"id,a,constant\n{rows}".encode())
    columns = dict.fromkeys(("id", "a", "constant"), "double")
    assert cloud.normalize(cloud.manifest(Format.CSV, columns)) == 0
    (warning,) = cloud.marker().warnings
    assert warning.startswith("Centred and not scaled: column 'id'.")


def test_columns_without_a_finite_value_are_told_together(cloud):
    cloud.put("input/f.csv", b"a,endless,empty,nan\n1,inf,,NaN\n2,-inf,NA,NaN\n")
    columns = dict.fromkeys(("a", "endless", "empty", "nan"), "double")
    assert cloud.normalize(cloud.manifest(Format.CSV, columns)) == 0
    assert cloud.marker().warnings == (
        "Null throughout: columns 'endless', 'empty', 'nan'. "
        "There is no finite value to normalize.",
    )
    assert cloud.table()["endless"].to_pylist() == [None, None]


@pytest.mark.parametrize("unit", [1e-160, 1e-170])
def test_a_column_whose_squares_underflow_is_told_to_lack_digits(cloud, unit):
    rows = "".join(f"{n % 7 * unit},{n % 7}\n" for n in range(100))
    cloud.put("input/f.csv", f"x,a\n{rows}".encode())
    assert cloud.normalize(cloud.manifest(Format.CSV, dict.fromkeys(("x", "a"), "double"))) == 0
    (warning,) = cloud.marker().warnings
    assert warning.startswith("Short of digits: column 'x'.")


def test_a_column_without_z_scores_is_not_told_to_be_centred(cloud):
    cloud.put("input/f.csv", b"huge,a\n1e308,1\n-1e308,2\n5e307,3\n")
    columns = dict.fromkeys(("huge", "a"), "double")
    assert cloud.normalize(cloud.manifest(Format.CSV, columns)) == 0
    (warning,) = cloud.marker().warnings
    assert warning.startswith("Not normalized: column 'huge'.")


def test_a_column_beyond_float32_passes_through_with_a_warning(cloud):
    rows = "".join(f"{1e150 * (1 + n % 2 * 2.0**-52)!r},{n % 7}\n" for n in range(100))
    cloud.put("input/f.csv", f"x,a\n{rows}".encode())
    columns = dict.fromkeys(("x", "a"), "double")
    manifest = cloud.manifest(Format.CSV, columns, options=Options(dtype="float32"))
    assert cloud.normalize(manifest) == 0
    (warning,) = cloud.marker().warnings
    assert warning == (
        "Not normalized: column 'x'. The z-scores are beyond the range of float32; ask for float64."
    )
    assert cloud.table()["x"].to_pylist()[:2] == [1e150, 1e150 * (1 + 2.0**-52)]
    assert list(cloud.metrics().columns) == ["a"]


def test_a_failure_of_ours_leaves_no_marker(cloud, monkeypatch):
    cloud.put("input/f.csv", b"a\n1\n3\n")

    def full(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("gpu_jobs.parts.pyarrow.parquet.ParquetWriter", full)
    with pytest.raises(OSError, match="Input/output"):
        cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64"}))
    assert cloud.names() == ["_fence"]


def test_a_disk_that_is_full_after_all_is_rejected_with_what_to_do(cloud, monkeypatch):
    cloud.put("input/f.csv", b"a\n1\n3\n")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gpu_jobs.parts.pyarrow.parquet.ParquetWriter", full)
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "double"})) == 65
    assert cloud.marker().error.code == "too_large_for_disk"


def test_damage_that_only_the_second_pass_meets_is_rejected_too(cloud):
    rows = [{"fare": float(n), "city": f"city {n}"} for n in range(ROWS)]
    data = parquet(rows, compression="none", row_group_size=100, use_dictionary=False)
    cloud.put("input/f.parquet", data.replace(b"city 377", b"city \xff77"))
    columns = {"fare": "double", "city": "string"}
    assert cloud.normalize(cloud.manifest(Format.PARQUET, columns)) == 65
    error = cloud.marker().error
    assert (error.code, error.where) == ("corrupt_parquet", "row group 3 of input/f.parquet")


def test_most_rows_bad_is_rejected_with_the_first_line_and_the_rows_kept(cloud):
    cloud.put("input/f.csv", b"a,b\n1,2\n3\n4\n5,6,7\n")
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64", "b": "int64"})) == 65
    marker = cloud.marker()
    assert (marker.error.code, marker.error.where) == ("bad_rows", "line 3 of input/f.csv")
    assert "3 of 4 rows" in marker.error.message
    rows = [json.loads(line) for line in cloud.output("quarantine/rows.jsonl").splitlines()]
    assert [(row["line"], row["text"]) for row in rows] == [(3, "3"), (4, "4"), (5, "5,6,7")]


def test_of_endless_warnings_the_first_are_told_and_all_are_logged(cloud, caplog):
    late = json.dumps({f"{'k' * 1000}{i}": i for i in range(500)}).encode()
    cloud.put("input/f.jsonl", b'{"a":1}\n{"a":3}\nbad\n' + late)
    assert cloud.normalize(cloud.manifest(Format.JSON_LINES, {"a": "int64"})) == 0
    warnings = cloud.marker().warnings
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 501
    assert "quarantine/rows.jsonl" in warnings[0]
    assert len(warnings) == 20
    assert warnings[-1] == "And 482 more warnings."
    assert max(map(len, warnings)) < 300


def test_a_few_bad_rows_are_kept_aside_with_a_warning(cloud):
    cloud.put("input/f.csv", b"a,b\n1,2\n3\n3,4\n")
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64", "b": "int64"})) == 0
    assert cloud.metrics().quarantined == 1
    assert cloud.marker().warnings == (
        "Bad rows are kept aside in quarantine/rows.jsonl: 1. "
        "The first, line 3 of input/f.csv: expected 2 fields, found 1.",
    )
    assert "quarantine/rows.jsonl" in [file.name for file in cloud.marker().files]


@pytest.mark.parametrize(
    ("cells", "dtype", "reason"),
    [
        (b"1e200\n-1e200\n", "float64", "The sum of squares is beyond"),
        (b"1e160\n1.0000000000000002e160\n", "float32", "The z-scores are beyond"),
    ],
)
def test_a_rejected_dataset_says_why_no_column_is_left(cloud, cells, dtype, reason):
    cloud.put("input/f.csv", b"x\n" + cells)
    manifest = cloud.manifest(Format.CSV, {"x": "double"}, options=Options(dtype=dtype))
    assert cloud.normalize(manifest) == 65
    marker = cloud.marker()
    assert marker.error.code == "no_numeric_column"
    (warning,) = marker.warnings
    assert reason in warning


def test_text_in_the_only_number_column_is_rejected(cloud):
    cloud.put("input/f.csv", b"a,b\n1,x\ntwo,y\n")
    assert cloud.normalize(cloud.manifest(Format.CSV, {"a": "int64", "b": "string"})) == 65
    marker = cloud.marker()
    assert marker.error.code == "no_numeric_column"
    assert marker.warnings == (
        "Column 'a' is read as text, and not normalized: 'two' stands in line 3 of input/f.csv.",
    )


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        (Format.CSV, b"a,b\n1,5\ntwo,6\n"),
        (Format.JSON_LINES, b'{"a":1,"b":5}\n\n{"a":"two","b":6}\n'),
    ],
)
def test_text_in_a_column_that_somebody_asked_for_is_rejected(cloud, format_, data):
    cloud.put("input/f", data)
    options = Options(columns=("a", "b"))
    manifest = cloud.manifest(format_, {"a": "int64", "b": "int64"}, options=options)
    assert cloud.normalize(manifest) == 65
    error = cloud.marker().error
    assert (error.code, error.where) == ("not_numeric", "line 3 of input/f")
    assert "'two'" in error.message


def grouped_rows(format_, groups):
    """Rows of a number `x` and a text `g`, which is another one in each row."""
    rows = [{"x": index, "g": f"g{index}"} for index in range(groups)]
    encode = {Format.CSV: delimited, Format.JSON_LINES: json_lines, Format.PARQUET: parquet}
    return encode[format_](rows)


@pytest.mark.parametrize("format_", list(Format))
def test_as_many_groups_as_a_summary_holds_are_what_the_metrics_name(cloud, format_):
    cloud.put("input/f", grouped_rows(format_, MOST_GROUPS))
    columns = {"x": "int64", "g": "string"}
    options = Options(group_by="g")
    assert cloud.normalize(cloud.manifest(format_, columns, group_by="g", options=options)) == 0
    assert cloud.metrics().group_by == "g"
    assert cloud.marker().warnings == ()


@pytest.mark.parametrize("format_", list(Format))
def test_too_many_groups_that_were_asked_for_are_rejected_with_the_column(cloud, format_):
    cloud.put("input/f", grouped_rows(format_, MOST_GROUPS + 1))
    columns = {"x": "int64", "g": "string"}
    options = Options(group_by="g")
    assert cloud.normalize(cloud.manifest(format_, columns, group_by="g", options=options)) == 65
    marker = cloud.marker()
    assert marker.outcome is Outcome.REJECTED
    assert (marker.error.code, marker.error.where) == ("too_many_groups", "column 'g'")
    assert "more than 10,000 different values" in marker.error.message
    assert "Choose another column with group-by" in marker.error.message
    assert cloud.names() == ["_fence", "_marker.json"]


def test_too_many_groups_that_nobody_asked_for_become_one_with_a_warning(cloud):
    cloud.put("input/f.csv", grouped_rows(Format.CSV, MOST_GROUPS + 1))
    columns = {"x": "int64", "g": "string"}
    assert cloud.normalize(cloud.manifest(Format.CSV, columns, group_by="g")) == 0
    assert cloud.metrics().group_by is None
    assert cloud.metrics().records == MOST_GROUPS + 1
    assert cloud.marker().warnings == (
        "The rows are not grouped: column 'g', which was chosen by default, has more than 10,000 "
        "different values. Choose another one with group-by.",
    )


@pytest.mark.parametrize(("groups", "code"), [(MOST_GROUPS, 0), (MOST_GROUPS + 1, 65)])
def test_groups_are_counted_anew_when_wider_types_are_read(cloud, groups, code):
    first = "".join(f"{index},{index}\n" for index in range(groups - 1))
    cloud.put("input/a.csv", f"x,g\n{first}".encode())
    cloud.put("input/b.csv", b"x,g\n7,late\n")
    manifest = cloud.manifest(
        Format.CSV,
        {"x": "int64", "g": "int64"},
        normalize=("x",),
        group_by="g",
        options=Options(group_by="g"),
    )
    assert cloud.normalize(manifest) == code
    assert "'g' is read as text" in cloud.marker().warnings[0]


def test_without_a_grouping_column_the_metrics_name_none(cloud):
    cloud.put("input/f.csv", b"x\n1\n3\n")
    assert cloud.normalize(cloud.manifest(Format.CSV, {"x": "int64"})) == 0
    assert cloud.metrics().group_by is None


@pytest.mark.parametrize(
    ("data", "code", "outcome"),
    [(b"a\n1\n3\n", 0, Outcome.SUCCEEDED), (b"a\n1\nx\n", 65, Outcome.REJECTED)],
)
def test_the_containers_command_runs_with_the_environment_alone(
    served_cloud, tmp_path, data, code, outcome
):
    cloud, environment = served_cloud
    cloud.put("input/f.csv", data)
    spec = cloud.put_spec(cloud.manifest(Format.CSV, {"a": "int64"}))
    done = subprocess.run(
        [sys.executable, "-m", "gpu_jobs.normalize", spec],
        env={**environment, "AWS_BATCH_JOB_ID": "batch-1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "job normalize-1 device: cpu" in done.stdout
    assert cloud.marker().outcome is outcome
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [(EndpointConnectionError(endpoint_url="http://s3"), 75), (ValueError("a bug"), None)],
)
def test_the_exit_code_tells_an_outage_from_a_bug(monkeypatch, error, code):
    def fail(*_):
        raise error

    monkeypatch.setattr("gpu_jobs.normalize.run", fail)
    monkeypatch.setattr("sys.argv", ["normalize", "s3://results/spec.json"])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "batch-1")
    if code is None:
        with pytest.raises(ValueError, match="a bug"):
            normalize.main()
    else:
        assert normalize.main() == code
