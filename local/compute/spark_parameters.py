"""The `sparkSubmitParameters` of a run, taken apart."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

_DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."

# The options that spark-submit also knows as configuration.
_CONF_OPTIONS = {
    "--driver-cores": "spark.driver.cores",
    "--driver-memory": "spark.driver.memory",
    "--executor-cores": "spark.executor.cores",
    "--executor-memory": "spark.executor.memory",
    "--num-executors": "spark.executor.instances",
    "--archives": "spark.archives",
    "--files": "spark.files",
    "--jars": "spark.jars",
    "--name": "spark.app.name",
    "--packages": "spark.jars.packages",
    "--py-files": "spark.submit.pyFiles",
}


@dataclass(frozen=True)
class SparkParameters:
    """All that is configuration, `main_class` None unless the entry point is a JAR."""

    conf: dict[str, str]
    main_class: str | None = None

    @classmethod
    def parse(cls, text: str) -> SparkParameters:
        """Read spark-submit's options. Raises ValueError for what EMR Serverless has no use for."""
        words = iter(shlex.split(text))
        conf: dict[str, str] = {}
        main_class = None
        for word in words:
            option, equals, value = word.partition("=")
            if not equals:
                value = next(words, "")
            if option == "--conf":
                name, _, setting = value.partition("=")
                conf[name] = setting
            elif option in _CONF_OPTIONS:
                conf[_CONF_OPTIONS[option]] = value
            elif option == "--class":
                main_class = value
            else:
                raise ValueError(f"option {option!r} is not served")
        return cls(conf, main_class)

    @property
    def driver_environment(self) -> dict[str, str]:
        """The variables that EMR Serverless sets for the driver."""
        return {
            name.removeprefix(_DRIVER_ENVIRONMENT): value
            for name, value in self.conf.items()
            if name.startswith(_DRIVER_ENVIRONMENT)
        }

    @property
    def archives(self) -> list[tuple[str, str]]:
        """The URI of each of `spark.archives`, and the folder that it is to appear as."""
        found = []
        for item in self.conf.get("spark.archives", "").split(","):
            uri, _, folder = item.partition("#")
            if uri:
                found.append((uri, folder or uri.rpartition("/")[2]))
        return found
