"""What the uploader asked for in the object's metadata."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from email.errors import MessageError
from email.header import decode_header, make_header

from contracts.manifest import Options
from contracts.wording import quoted
from pipeline.dataset.problems import rejected

SWITCHES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
DTYPES = ("float64", "float32")
KNOWN = ("job-id", *(field.name.replace("_", "-") for field in fields(Options)))


def parse_options(metadata: Mapping[str, str]) -> Options:
    """The options in S3 object metadata. Raises InputRejected naming every one at fault.

    Lists are separated by commas; a name with a comma in it is written in double quotes. Text
    that is not ASCII may be an RFC 2047 encoded word, which is how S3 hands it out.
    """
    faults: dict[str, str] = {}
    text = {name: _decoded(value).strip() for name, value in metadata.items()}

    def switch(name: str, default: bool) -> bool:
        value = SWITCHES.get(text.get(name, str(default)).lower())
        if value is None:
            faults[name] = f"{name} takes true or false, not {quoted(text[name])}"
        return bool(value)

    def names(name: str) -> tuple[str, ...]:
        try:
            return _names(text.get(name, ""))
        except csv.Error:
            faults[name] = f"{name} takes names separated by commas, not {quoted(text[name])}"
            return ()

    options = Options(
        columns=names("columns"),
        exclude=names("exclude"),
        group_by=text.get("group-by") or None,
        gpu_enabled=switch("gpu-enabled", Options.gpu_enabled),
        compare_pipelines=switch("compare-pipelines", Options.compare_pipelines),
        store_results=switch("store-results", Options.store_results),
        force=switch("force", Options.force),
    )
    dtype = text.get("dtype", options.dtype)
    if dtype not in DTYPES:
        faults["dtype"] = f"dtype takes {' or '.join(DTYPES)}, not {quoted(dtype)}"
    if faults:
        raise rejected(
            "invalid_option",
            "; ".join(faults.values()) + ". Upload again with other metadata.",
            "metadata " + ", ".join(faults),
        )
    return replace(options, dtype=dtype)


def unknown_options(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """A warning of each name that means nothing here and looks as if it ought to.

    Others are left alone, since many tools keep metadata of their own.
    """
    known = {name.replace("-", ""): name for name in KNOWN}
    warnings = []
    for name in metadata:
        meant = get_close_matches(re.sub("[^a-z]", "", name.lower()), known, n=1, cutoff=0.8)
        if name not in KNOWN and meant:
            warnings.append(
                f"The metadata {quoted(name)} means nothing here: did you mean "
                f"{known[meant[0]]!r}? The job runs without it."
            )
    return tuple(warnings)


def _names(text: str) -> tuple[str, ...]:
    cells = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(dict.fromkeys(name.strip() for name in cells if name.strip()))


def _decoded(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (MessageError, LookupError, ValueError):
        return value
