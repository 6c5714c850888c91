"""List prices in US dollars: public, on demand, without taxes, discounts and free tiers.

Sources: aws.amazon.com/emr/pricing (EMR Serverless, Linux/x86), aws.amazon.com/ec2/pricing
(Linux, shared tenancy), aws.amazon.com/fargate/pricing (Linux/x86) and
aws.amazon.com/lambda/pricing (x86, first tier), as quoted in public price tables of up to
PRICES_AS_OF. Batch itself costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

PRICES_AS_OF = "2026-08-13"
DEFAULT_REGION = "us-east-1"

CPU_TASK_VCPUS = 4
CPU_TASK_GB = 16
"""What a job of the CPU queue reserves on Fargate."""


@dataclass(frozen=True)
class Prices:
    """What the pipeline's computing costs in one region."""

    region: str
    g4dn_xlarge_hour: float
    fargate_vcpu_hour: float
    fargate_gb_hour: float
    spark_vcpu_hour: float
    spark_gb_hour: float
    spark_storage_gb_hour: float
    lambda_gb_second: float = 0.0000166667
    lambda_request: float = 0.0000002


PRICES = (
    Prices(
        region="us-east-1",
        g4dn_xlarge_hour=0.526,
        fargate_vcpu_hour=0.04048,
        fargate_gb_hour=0.004445,
        spark_vcpu_hour=0.052624,
        spark_gb_hour=0.0057785,
        spark_storage_gb_hour=0.000111,
    ),
    Prices(
        region="us-west-2",
        g4dn_xlarge_hour=0.526,
        fargate_vcpu_hour=0.04048,
        fargate_gb_hour=0.004445,
        spark_vcpu_hour=0.052624,
        spark_gb_hour=0.0057785,
        spark_storage_gb_hour=0.000111,
    ),
    Prices(
        region="eu-west-1",
        g4dn_xlarge_hour=0.587,
        fargate_vcpu_hour=0.04048,
        fargate_gb_hour=0.004445,
        spark_vcpu_hour=0.052624,
        spark_gb_hour=0.0057785,
        spark_storage_gb_hour=0.000122,
    ),
    Prices(
        region="eu-central-1",
        g4dn_xlarge_hour=0.658,
        fargate_vcpu_hour=0.04656,
        fargate_gb_hour=0.00511,
        spark_vcpu_hour=0.060528,
        spark_gb_hour=0.006643,
        spark_storage_gb_hour=0.000132,
    ),
)
_BY_REGION = {prices.region: prices for prices in PRICES}


def prices_for(region: str) -> Prices:
    """The prices of `region`, or those of DEFAULT_REGION when the table lacks it."""
    return _BY_REGION.get(region, _BY_REGION[DEFAULT_REGION])
