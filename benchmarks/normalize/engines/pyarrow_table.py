"""pyarrow: the file is read by all cores, into memory, and written block by block."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

BLOCK_ROWS = 131_072


def normalize(source: Path, columns: list[str], output: Path) -> None:
    read = pyarrow.csv.read_csv if source.suffix == ".csv" else pyarrow.parquet.read_table
    rows = read(source)
    for name in columns:
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, name, rows[name].cast(pyarrow.float64()))
    mean = {name: pyarrow.compute.mean(rows[name]) for name in columns}
    std = {name: pyarrow.compute.stddev(rows[name], ddof=0) for name in columns}
    with pyarrow.parquet.ParquetWriter(
        output / "rows.parquet",
        rows.schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in rows.column_names if name not in columns],
    ) as writer:
        for start in range(0, rows.num_rows, BLOCK_ROWS):
            block = rows.slice(start, BLOCK_ROWS)
            for name in columns:
                centred = pyarrow.compute.subtract(block[name], mean[name])
                z = pyarrow.compute.divide(centred, std[name])
                block = block.set_column(block.schema.get_field_index(name), name, z)
            writer.write_table(block)
