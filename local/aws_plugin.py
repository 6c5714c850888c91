"""A plugin of the AWS command line, named in the configuration file of a local cloud."""

from typing import Any

from awscli.customizations.overridesslcommonname import SSL_COMMON_NAMES


def awscli_initialize(events: Any) -> None:
    """Let every service take its endpoint from the environment.

    Version 1 of the command line sends SQS, RDS and some more to AWS by a table of regions, before
    it looks at AWS_ENDPOINT_URL.
    """
    SSL_COMMON_NAMES.clear()
