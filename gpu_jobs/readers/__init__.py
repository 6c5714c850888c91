"""A format's bytes to Arrow record batches, bad rows aside.

csv_reader      csv_file, cut by csv_records, parsed by csv_parser, its lines found by csv_lines
json_reader     JSON Lines; json_lines converts a line
parquet_reader  parquet_file, its columns as dictionaries where parquet_dictionaries says so
text_stream     a text out of its compression; text_types its types, column_check its names
"""
