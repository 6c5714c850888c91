"""The CDK app with the context of a local cloud: `python -m local.synth <context.json>`.

The CDK's command line runs this as the app (CDK_APP), so that `cdk diff` and `cdk deploy` see in
the local cloud what `bigdata up` put there, whatever options they are given.
"""

import json
import os
import runpy
import sys
from pathlib import Path

from local.config import HOST, REPOSITORY

# The variable in which the command line hands its context to an app.
CONTEXT_VARIABLE = "CDK_CONTEXT_JSON"


def main(context_file: Path) -> None:
    # Deployed to AWS with this context, the API would be open to everybody.
    if not os.environ.get("AWS_ENDPOINT_URL", "").startswith(f"http://{HOST}:"):
        sys.exit(
            "CDK_APP is set for the local cloud, but AWS_ENDPOINT_URL is not: open a new shell"
        )
    context = json.loads(os.environ.get(CONTEXT_VARIABLE, "{}"))
    context.update(json.loads(context_file.read_text()))
    os.environ[CONTEXT_VARIABLE] = json.dumps(context)
    runpy.run_path(str(REPOSITORY / "app.py"), run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
