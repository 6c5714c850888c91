"""The Batch container: one dataset in, normalized Parquet and its statistics out.

normalize      the entry point: fence, work, marker, exit code
dataset        the rows of a manifest, twice: once to measure, once to transform
readers/       a format's bytes to Arrow record batches, bad rows aside
engine         the two passes
scaling/       the moments and z-scores, on NumPy or CuPy
parts          Parquet files with row groups sized for Spark
"""
