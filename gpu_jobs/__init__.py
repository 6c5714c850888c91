"""The Batch container: one dataset in, normalized Parquet and its statistics out.

normalize      the entry point: fence, work, marker, exit code
dataset        the rows of a manifest, twice: once to measure, once to transform
csv_reader, json_reader, parquet_reader
               a format's bytes to Arrow record batches, bad rows aside
scaler         the moments and z-scores, on NumPy or CuPy
parts          Parquet files with row groups sized for Spark
"""
