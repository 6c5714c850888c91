"""A job document for people: records, stages, the two pipelines, quality, cost, results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.text import DASH, ENDLESS, count, money, percent, printable, rate, seconds, size

Document = dict[str, Any]

COLOURS = {"COMPLETED": "green", "REJECTED": "yellow", "FAILED": "red", "CANCELLED": "yellow"}
MOST_OUTLIERS = 3
LEAST_PROJECTED = 10_000
"""Of fewer records, nearly all of the cost is that of starting, which more would not raise."""


def job_summary(document: Document) -> RenderableType:
    """All that is known about a job, as far as it has come."""
    return Group(*_parts(document))


def _parts(document: Document) -> Iterator[RenderableType]:
    yield _head(document)
    if document["stages"]:
        yield Text()
        yield _stages(document)
    metrics = document["metrics"]
    if metrics:
        yield Text()
        yield from _pipelines(metrics["spark"])
        yield Text()
        yield from _normalization(metrics["normalize"])
        yield from _quality(metrics["quality"])
    if document["cost"]:
        yield _cost(document["cost"], document["records_processed"])
    elif document["spent_usd"]:
        yield _labelled("spent", f"{money(document['spent_usd'])} on Batch and EMR Serverless")
    for warning in document["warnings"]:
        yield Text(printable(f"Warning: {warning}", ENDLESS), style="yellow")
    if document["error"]:
        yield _error(document["error"])
    if document["status"] == "FAILED":
        job_id = document["job_id"]
        yield Text(f"`bigdata logs {job_id}` shows why, `bigdata rerun {job_id}` tries again.")
    if document["results"]:
        yield Text()
        yield from (_labelled(name, uri) for name, uri in document["results"].items())


def _head(document: Document) -> Text:
    source, status = document["source"], document["status"]
    text = Text(f"{document['job_id']}  ", style="bold")
    text.append(status, style=COLOURS.get(status, "cyan"))
    about = ", ".join(filter(None, [source["format"], size(source["size_bytes"])]))
    uri = printable(f"s3://{source['bucket']}/{source['key']}", ENDLESS)
    text.append(f"\n{uri}  ({about})", style="not bold")
    if document["reused_from"]:
        text.append(
            f"\nthe same as {document['reused_from']}, whose result it has; --force does the work",
            style="not bold",
        )
    if document["records_processed"] is not None:
        took = document["processing_time"]
        said = f"\n{count(document['records_processed'], 'record')} in {seconds(took)}"
        overhead = seconds(document["overhead_s"])
        text.append(f"{said}, of which {overhead} outside the stages", style="not bold")
    return text


def _stages(document: Document) -> Table:
    by_stage = (document["cost"] or {}).get("by_stage", {})
    table = _table("Stage", "State")
    for heading in ("Time", "Cost", "Per million"):
        table.add_column(heading, justify="right")
    table.add_column("Basis")
    records = document["records_processed"]
    for stage in document["stages"]:
        name, attempt = stage["name"], stage["attempt"]
        cost = by_stage.get(name, {}) if stage["status"] == "succeeded" else {}
        table.add_row(
            name if attempt == 1 else f"{name} ({attempt})",
            stage["status"],
            seconds(stage["duration_s"]),
            money(cost.get("usd")),
            money(_per_million(cost.get("per_record_usd"), records)),
            cost.get("basis", DASH),
        )
    return table


def _pipelines(spark: Document) -> Iterator[RenderableType]:
    table = _table("Spark pipeline")
    for heading in ("Median", "Fastest", "Slowest", "Runs", "Throughput"):
        table.add_column(heading, justify="right")
    for name, pipeline in (("RDD", spark["rdd"]), ("DataFrame", spark["dataframe"])):
        if pipeline is not None:
            table.add_row(
                name,
                seconds(pipeline["median_s"]),
                seconds(pipeline["min_s"]),
                seconds(pipeline["max_s"]),
                count(len(pipeline["runs_s"])),
                rate(pipeline["records_per_s"]),
            )
    yield table
    if spark["speedup"] is not None:
        low, high = spark["ci95"] or (None, None)
        interval = f" (95 % confidence: {low:.2f} to {high:.2f})" if low is not None else ""
        yield _labelled(
            "speed-up", f"DataFrame runs {spark['speedup']:.2f} × as fast as RDD{interval}"
        )
    yield _labelled("verdict", spark["verdict"])


def _normalization(normalize: Document) -> Iterator[RenderableType]:
    columns = normalize["columns"]
    what = f"{count(len(columns), 'column')} at " if columns is not None else ""
    yield _labelled(
        "normalized",
        f"{what}{rate(normalize['records_per_s'])} on {normalize['device']}: "
        f"{normalize['device_reason']}",
    )


def _quality(quality: Document) -> Iterator[RenderableType]:
    yield _labelled(
        "quality",
        f"{quality['score']:.1f} of 100; {percent(quality['null_share'])} null, "
        f"{percent(quality['non_finite_share'])} not finite, "
        f"{count(quality['quarantined'], 'row')} quarantined",
    )
    shares = sorted((quality["outlier_shares"] or {}).items(), key=lambda item: -item[1])
    if shares:
        most = ", ".join(f"{name} {percent(share)}" for name, share in shares[:MOST_OUTLIERS])
        yield _labelled("outliers", f"most in {most}")


def _cost(cost: Document, records: int | None) -> Text:
    million = _per_million(cost["per_record_usd"], records)
    projected = "" if million is None else f", {money(million)} for a million records"
    return _labelled(
        "cost",
        f"{money(cost['total_usd'])}{projected}: what AWS would ask in {cost['region']} at the "
        f"prices of {cost['prices_as_of']}",
    )


def _per_million(usd: float | None, records: int | None) -> float | None:
    """What a million records would cost, where there are enough to tell.

    What one costs has too many zeros to be read.
    """
    return None if usd is None or (records or 0) < LEAST_PROJECTED else usd * 1_000_000


def _error(error: Document) -> Text:
    where = f" ({error['where']})" if error["where"] else ""
    told = f"Error: {error['code']}{where}: {error['message']}"
    return Text(printable(told, ENDLESS), style="red")


def _labelled(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<12}", "bold"), text)


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, padding=(0, 3, 0, 0), header_style="bold")
