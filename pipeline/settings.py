"""The environment of each function, typed. The stacks set the variables from these classes.

A field's upper-case name is the variable's name, so each name exists once. Reading fails at
start-up and names every variable that is missing or malformed.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar, get_type_hints

S = TypeVar("S")

MAX_RECEIVES = 5
"""How often the work queue delivers a message before it is a dead letter."""


class SettingsError(RuntimeError):
    """The environment lacks a variable or holds a value that cannot be read."""


@dataclass(frozen=True)
class ValidateSettings:
    """The validate function. A folder is whole when it has not changed for the quiet period.

    `engines` stands for the code that makes results; those of other code are not reused.
    """

    jobs_table: str
    results_bucket: str
    work_queue_url: str
    quiet_period_seconds: int
    engines: str


@dataclass(frozen=True)
class CoordinateSettings:
    """The coordinate function and the actors in it.

    `spark_python` is the interpreter, on the machines of Spark, that `spark_packages` was built
    for.
    """

    jobs_table: str
    results_bucket: str
    work_queue_url: str
    dead_letter_queue_url: str
    validate_function: str
    analyze_function: str
    gpu_job_queue: str
    gpu_job_definition: str
    cpu_job_queue: str
    cpu_job_definition: str
    spark_application_id: str
    spark_execution_role_arn: str
    spark_compare_script: str
    spark_dataframe_script: str
    spark_modules: str
    spark_packages: str
    spark_python: str
    spark_log_prefix: str


@dataclass(frozen=True)
class ReconcileSettings:
    """The reconcile function."""

    jobs_table: str
    work_queue_url: str


@dataclass(frozen=True)
class AnalyzeSettings:
    """The analyze function. AWS_REGION, which Lambda sets, chooses the prices."""

    results_bucket: str
    work_queue_url: str
    aws_region: str


@dataclass(frozen=True)
class ApiSettings:
    """The API function. AWS_REGION, which Lambda sets, chooses the prices."""

    jobs_table: str
    ingest_bucket: str
    results_bucket: str
    work_queue_url: str
    dead_letter_queue_url: str
    aws_region: str


def from_environment(cls: type[S], environment: Mapping[str, str] = os.environ) -> S:
    """Build `cls` from `environment`. Raises SettingsError naming every variable at fault."""
    values: dict[str, str | int] = {}
    faults: list[str] = []
    hints = get_type_hints(cls)
    for name in variable_names(cls):
        text = environment.get(name)
        if not text:
            faults.append(f"{name} is not set")
        elif hints[name.lower()] is int:
            if text.isdigit():
                values[name.lower()] = int(text)
            else:
                faults.append(f"{name} must be a whole number, not {text!r}")
        else:
            values[name.lower()] = text
    if faults:
        raise SettingsError(f"{cls.__name__}: " + "; ".join(faults))
    return cls(**values)


def variable_names(cls: type[object]) -> tuple[str, ...]:
    """The environment variables that `cls` is read from."""
    assert dataclasses.is_dataclass(cls)
    return tuple(field.name.upper() for field in dataclasses.fields(cls))


def to_environment(settings: object) -> dict[str, str]:
    """The variables that `from_environment` reads `settings` from; used by the stacks.

    AWS_REGION is left out, because Lambda reserves it.
    """
    assert dataclasses.is_dataclass(settings) and not isinstance(settings, type)
    return {
        field.name.upper(): str(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
        if field.name != "aws_region"
    }
