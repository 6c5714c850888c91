import pytest

from local.compute.spark_parameters import SparkParameters


def test_options_and_configuration_are_one() -> None:
    parameters = SparkParameters.parse(
        "--py-files s3://b/modules.zip --executor-memory=8g --class org.Main"
        " --conf spark.driver.cores=2 --conf 'spark.app.name=two words'"
    )
    assert parameters.conf == {
        "spark.submit.pyFiles": "s3://b/modules.zip",
        "spark.executor.memory": "8g",
        "spark.driver.cores": "2",
        "spark.app.name": "two words",
    }
    assert parameters.main_class == "org.Main"


def test_the_drivers_environment_and_the_archives_are_found() -> None:
    parameters = SparkParameters.parse(
        "--conf spark.archives=s3://b/packages.tar.gz#packages,s3://b/more.zip"
        " --conf spark.emr-serverless.driverEnv.PYTHONPATH=./packages"
    )
    assert parameters.archives == [
        ("s3://b/packages.tar.gz", "packages"),
        ("s3://b/more.zip", "more.zip"),
    ]
    assert parameters.driver_environment == {"PYTHONPATH": "./packages"}


def test_no_parameters_are_no_configuration() -> None:
    assert SparkParameters.parse("") == SparkParameters({})


@pytest.mark.parametrize("text", ["--master yarn", "--conf 'spark.app.name=open", "script.py"])
def test_what_emr_serverless_does_not_take_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"not served|quotation"):
        SparkParameters.parse(text)
