"""The CDK app: the same stacks for AWS and, without compute, for the laptop.

Context (cdk.json, or `-c name=value`):

    python_version        the Python of Lambda and Spark in AWS (set it in cdk.json alone)
    lambda_build          aws, or local: which of the built artefacts the functions run
    api_auth              iam, or none: who may call the HTTP API
    quiet_period_seconds  how long a folder must stay unchanged before it is read, at most 900
    gpu_image             the URI of a ready GPU image; without it, CDK builds gpu_jobs/Dockerfile
    compute_targets       JSON of ComputeTargets: computing that already exists, so that no
                          compute stack is deployed
"""

import aws_cdk as cdk

from stacks.api import ApiStack
from stacks.artifacts import Artifacts, Platform
from stacks.compute import ComputeStack
from stacks.compute_targets import ComputeTargets
from stacks.observability import ObservabilityStack
from stacks.pipeline import PipelineStack
from stacks.storage import StorageStack

MOST_QUIET_SECONDS = 900


def build_app(context: dict[str, object] | None = None, outdir: str | None = None) -> cdk.App:
    """The app with all its stacks, to be synthesized to `outdir`.

    `context` adds to what cdk.json and the command line say.

    Raises ArtifactsMissing when the Lambda functions or the Spark packages were not built.
    """
    app = cdk.App(context=context, outdir=outdir)
    artifacts = Artifacts(Platform.of(app.node.get_context("lambda_build")))
    artifacts.check()

    storage = StorageStack(app, "Bigdata-Storage")
    given = app.node.try_get_context("compute_targets")
    compute = None if given else _compute_stack(app, storage)
    pipeline = PipelineStack(
        app,
        "Bigdata-Pipeline",
        artifacts=artifacts,
        storage=storage,
        compute=compute.targets if compute else ComputeTargets.from_context(given),
        quiet_period_seconds=_quiet_period_seconds(app),
        engines=artifacts.engines(app.node.try_get_context("gpu_image")),
    )
    if compute:
        pipeline.add_stack_dependency(compute)
    api = ApiStack(
        app,
        "Bigdata-Api",
        artifacts=artifacts,
        storage=storage,
        work_queue=pipeline.work_queue,
        dead_letters=pipeline.dead_letters,
        auth=app.node.get_context("api_auth"),
    )
    ObservabilityStack(app, "Bigdata-Observability", pipeline=pipeline, api=api)
    return app


def _quiet_period_seconds(app: cdk.App) -> int:
    """Raises ValueError for more than SQS delays a message."""
    seconds = int(app.node.get_context("quiet_period_seconds"))
    if not 0 <= seconds <= MOST_QUIET_SECONDS:
        raise ValueError(
            f"the context quiet_period_seconds is 0 to {MOST_QUIET_SECONDS}, not {seconds}"
        )
    return seconds


def _compute_stack(app: cdk.App, storage: StorageStack) -> ComputeStack:
    return ComputeStack(
        app,
        "Bigdata-Compute",
        ingest_bucket=storage.ingest_bucket_name,
        results_bucket=storage.results_bucket_name,
        gpu_image=app.node.try_get_context("gpu_image"),
    )


if __name__ == "__main__":
    build_app().synth()
