"""What the job has cost: resources used × list price, by stage and by record.

Spark is `billed` when EMR Serverless says what it bills (whole minutes for each worker). All else
is `estimated`: a Batch job by its run time, on the GPU queue at the on-demand price of its first
instance type. Spot would cost less; an instance's start and idle time, left out, cost more.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.prices import CPU_TASK_GB, CPU_TASK_VCPUS, PRICES_AS_OF, Prices
from contracts.billing import BilledResources
from contracts.report import Basis, CostReport, StageCost

NOT_INCLUDED = (
    "validation and coordination in Lambda, requests to S3, SQS and DynamoDB, storage, logs: "
    "together well under a cent"
)
SPARK_DRIVER_VCPUS = 2
"""What the driver takes beside the executors: SPARK_SIZE in pipeline.compute, which starts it."""
SPARK_GB_PER_VCPU = 2.3
"""The memory of SPARK_SIZE; EMR Serverless adds a tenth and rounds up to whole GB a worker."""


@dataclass(frozen=True)
class Charge:
    """What one stage has cost; `detail` says how that was reckoned."""

    usd: float
    basis: Basis
    detail: str


def batch_charge(seconds: float, on_gpu_queue: bool, prices: Prices) -> Charge:
    """A Batch job that ran for `seconds` on a GPU instance, or else as a Fargate task."""
    machine, usd_per_hour = "g4dn.xlarge", prices.g4dn_xlarge_hour
    if not on_gpu_queue:
        machine = f"Fargate with {CPU_TASK_VCPUS} vCPUs and {CPU_TASK_GB} GB"
        usd_per_hour = (
            CPU_TASK_VCPUS * prices.fargate_vcpu_hour + CPU_TASK_GB * prices.fargate_gb_hour
        )
    return Charge(
        usd=seconds * usd_per_hour / 3600,
        basis=Basis.ESTIMATED,
        detail=f"{seconds:.1f} s of {machine} at ${usd_per_hour:.4g} an hour",
    )


def spark_charge(
    billed: BilledResources | None, seconds: float, executor_vcpus: int, prices: Prices
) -> Charge:
    """A run on EMR Serverless; by `seconds` and size while AWS does not say what it bills."""
    if billed is not None:
        return _resources_charge(billed, Basis.BILLED, prices)
    vcpu_hours = seconds * (executor_vcpus + SPARK_DRIVER_VCPUS) / 3600
    guessed = BilledResources(vcpu_hours, vcpu_hours * SPARK_GB_PER_VCPU, 0.0)
    return _resources_charge(guessed, Basis.ESTIMATED, prices)


def _resources_charge(used: BilledResources, basis: Basis, prices: Prices) -> Charge:
    return Charge(
        usd=used.vcpu_hours * prices.spark_vcpu_hour
        + used.memory_gb_hours * prices.spark_gb_hour
        + used.storage_gb_hours * prices.spark_storage_gb_hour,
        basis=basis,
        detail=f"{used.vcpu_hours:.4g} vCPU-hours, {used.memory_gb_hours:.4g} GB-hours of memory "
        f"and {used.storage_gb_hours:.4g} of storage",
    )


def function_charge(seconds: float, memory_mb: int, prices: Prices) -> Charge:
    """One invocation of a Lambda function."""
    return Charge(
        usd=seconds * memory_mb / 1024 * prices.lambda_gb_second + prices.lambda_request,
        basis=Basis.ESTIMATED,
        detail=f"{seconds:.1f} s of Lambda with {memory_mb} MB",
    )


def cost_report(charges: dict[str, Charge], records: int, prices: Prices) -> CostReport:
    """The cost of the job whose stages `charges` has by name. No records: nothing per record."""
    total = sum(charge.usd for charge in charges.values())
    return CostReport(
        total_usd=total,
        per_record_usd=_per_record(total, records),
        by_stage={
            stage: StageCost(
                usd=charge.usd,
                per_record_usd=_per_record(charge.usd, records),
                basis=charge.basis,
                detail=charge.detail,
            )
            for stage, charge in charges.items()
        },
        prices_as_of=PRICES_AS_OF,
        region=prices.region,
        not_included=NOT_INCLUDED,
    )


def _per_record(usd: float, records: int) -> float:
    return usd / records if records else 0.0
