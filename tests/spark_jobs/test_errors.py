from __future__ import annotations

import http.server
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError
from py4j.protocol import Py4JJavaError

from spark_jobs import rdd_pipeline
from spark_jobs.errors import in_one_line, is_outage
from spark_jobs.groups import GroupingError


class JavaError(Py4JJavaError):
    """As py4j raises for a SparkException with this message."""

    def __init__(self, message):
        text = "SparkException" if message is None else f"SparkException: {message}"
        self.java_exception = SimpleNamespace(
            getMessage=lambda: message,
            toString=lambda: text,
            getCause=lambda: None,
        )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError(), "ValueError: "),
        (KeyError("a b"), "KeyError: 'a b'"),
        (JavaError("Job aborted.\n\tat org.apache.spark"), "SparkException: Job aborted."),
        (JavaError(None), "SparkException"),
        (JavaError(""), "SparkException: "),
        (JavaError("  indented"), "SparkException:   indented"),
        (
            JavaError(
                "Job aborted due to stage failure: Task 0 failed: PythonException: "
                "Traceback (most recent call last):\n"
                '  File "worker.py", line 1, in main\n'
                "    process()\n"
                "    ^^^^^^^^^\n"
                "spark_jobs.groups.GroupingError: too many\n"
                "\n"
                "\tat org.apache.spark.api.python.BasePythonRunner\n"
            ),
            "spark_jobs.groups.GroupingError: too many",
        ),
    ],
)
def test_an_error_in_one_line(error, line):
    assert in_one_line(error) == line


class Broken(http.server.BaseHTTPRequestHandler):
    """An S3 that has broken down."""

    def do_HEAD(self):
        self.send_response(503)
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def broken_s3():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def reading(spark_session, spec, endpoint):
    place = f"s3://key:secret@bucket/part?scheme=http&region=eu-west-1&endpoint_override={endpoint}"
    with pytest.raises(OSError, match="AWS Error") as caught:
        rdd_pipeline.summarise(spark_session, replace(spec, inputs=(place,)))
    return caught.value


def test_an_s3_that_is_broken_or_out_of_reach_is_an_outage(
    spark_session, spec_of, table, broken_s3
):
    spec = spec_of(table)
    assert is_outage(reading(spark_session, spec, broken_s3))
    assert is_outage(reading(spark_session, spec, "127.0.0.1:1"))


def test_what_lies_under_an_error_of_the_jvm_counts(spark_session):
    java = spark_session._jvm.java

    def thrown(cause):
        return Py4JJavaError("o1.collect", java.lang.RuntimeException("Job aborted.", cause))

    assert is_outage(thrown(java.net.ConnectException("Connection refused")))
    throttled = java.io.IOException("S3Exception: Please slow down (Status Code: 503)")
    assert is_outage(thrown(java.lang.RuntimeException("Task failed", throttled)))
    assert not is_outage(thrown(java.io.IOException("Access Denied (Status Code: 403)")))
    assert not is_outage(thrown(None))


def test_our_own_errors_are_no_outage():
    assert is_outage(EndpointConnectionError(endpoint_url="https://s3"))
    assert not is_outage(GroupingError("too many groups"))
    assert not is_outage(JavaError("Job aborted.\n\tat org.apache.spark"))
