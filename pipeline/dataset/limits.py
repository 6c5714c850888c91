"""How much is looked at and how much is accepted. Sizes are in bytes."""

MiB = 1 << 20

READ_LIMIT = 8 * MiB
"""No more than this is ever read of one object to validate it."""

SAMPLE_BYTES = 4 * MiB
"""The beginning of a text file that is looked at, unpacked or not; also the longest row."""

FOLLOWING_SAMPLE_BYTES = MiB // 4
"""The same for the second and later files of a folder, of which there can be many."""

SAMPLE_ROWS = 10_000
"""The rows of a sample from which types are inferred."""

MAX_FIELD = MiB
"""The longest CSV field, in characters."""

MAX_FILES = 10_000
MAX_CATEGORIES = 50
"""A text column with more distinct values is not grouped by unless it is asked for."""

ROWS_PER_CATEGORY = 5
"""Nor is one whose values hardly repeat: it has fewer rows than this for each distinct value."""
