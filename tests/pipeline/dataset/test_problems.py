import re
from pathlib import Path

import pipeline
from contracts.manifest import Compression
from pipeline.dataset import problems

CORE = Path(pipeline.__file__).parent
CODE = re.compile(r'\b(?:rejected|Problem)\(\s*f?"([a-z_]+(?:\{\w+\.value\})?)"')


def test_the_codes_that_are_listed_are_those_that_are_used():
    used = set()
    for file in [
        *(CORE / "dataset").rglob("*.py"),
        *(CORE / n for n in ("application.py", "objects.py")),
    ]:
        used |= set(CODE.findall(file.read_text()))
    packed = {c.value for c in Compression if c is not Compression.NONE}
    used = (used - {"corrupt_{compression.value}"}) | {f"corrupt_{name}" for name in packed}

    _, *kinds = re.split(r"^(?:the|its|a) \w+ {2,}", problems.__doc__, flags=re.MULTILINE)
    assert {code.strip() for kind in kinds for code in kind.split(",")} == used
