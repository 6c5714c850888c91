"""The codes with which validation rejects a dataset.

the object     gone, unreadable, empty, read_limit
its content    unsupported_format, unsupported_parquet, encoding, nul_byte, truncated,
               corrupt_gzip, corrupt_zstd, corrupt_parquet
its rows       no_rows, no_header, blank_header, duplicate_header, too_many_columns,
               ragged_rows, unterminated_quote, field_too_large, row_too_large, invalid_json
a folder       too_many_files, columns_differ, folder_not_settled
the request    invalid_option, unknown_column, not_numeric, no_numeric_column
"""

from __future__ import annotations

from contracts.problem import Problem
from pipeline.errors import InputRejected


def rejected(code: str, message: str, where: str | None = None) -> InputRejected:
    """The exception to raise; `message` says what is wrong and what to do about it."""
    return InputRejected(Problem(code, message, where))
