from collections.abc import Callable

from local.compute.targets import register_targets
from pipeline.compute_names import NORMALIZE_COMMAND
from tests.local.compute.laptop import Laptop


def test_all_targets_exist_and_stay_the_same_across_restarts(start: Callable[..., Laptop]) -> None:
    laptop = start()
    targets = register_targets(laptop.batch, laptop.emr)
    queues = laptop.batch.describe_job_queues()["jobQueues"]
    assert {queue["jobQueueArn"] for queue in queues} == {
        targets.gpu_job_queue,
        targets.cpu_job_queue,
    }
    (gpu,) = laptop.batch.describe_job_definitions(jobDefinitions=[targets.gpu_job_definition])[
        "jobDefinitions"
    ]
    assert tuple(gpu["containerProperties"]["command"]) == NORMALIZE_COMMAND
    assert {"type": "GPU", "value": "1"} in gpu["containerProperties"]["resourceRequirements"]
    application = laptop.emr.get_application(applicationId=targets.spark_application_id)
    assert application["application"]["releaseLabel"] == "emr-spark-8.0.0"
    assert register_targets(laptop.batch, laptop.emr) == targets
    after = start()
    assert register_targets(after.batch, after.emr) == targets


def test_a_definition_that_differs_gets_a_new_revision(laptop: Laptop) -> None:
    laptop.definition("print()", name="bigdata-normalize-cpu")
    targets = register_targets(laptop.batch, laptop.emr)
    assert targets.cpu_job_definition.endswith("job-definition/bigdata-normalize-cpu:2")
