import io

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.parquet_chunks import repeating_columns


def footer_of(file):
    return file.getvalue()[-8 - pq.ParquetFile(file).metadata.serialized_size :]


def repeating(table, **options):
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return repeating_columns(footer_of(file), table.column_names)


CITIES = pa.table({"city": [f"c{i % 3}" for i in range(1000)]})


def test_a_column_with_a_small_dictionary_repeats_its_values():
    rows = range(1000)
    table = pa.table(
        {
            "name": [f"n{i}" for i in rows],
            "constant": ["same" for i in rows],
            "city": [f"c{i % 3}" for i in rows],
            "kind": pa.array([f"k{i % 20}" for i in rows]).dictionary_encode(),
            "nested": [{"city": f"c{i % 3}"} for i in rows],
        }
    )
    assert repeating(table) == ("city", "kind")
    assert repeating(table, row_group_size=300) == ("city", "kind")


def test_only_the_columns_asked_for_are_looked_at():
    file = io.BytesIO()
    pq.write_table(CITIES, file)
    assert repeating_columns(footer_of(file), []) == ()


def test_a_column_that_is_constant_in_each_row_group_only_repeats_values():
    table = pa.table({"city": ["Bonn"] * 100 + ["Ulm"] * 100})
    assert repeating(table, row_group_size=100) == ("city",)


def test_values_that_are_many_in_one_row_group_do_not_repeat():
    names = [f"c{i % 3}" for i in range(1000)] + [f"n{i}" for i in range(1000)]
    assert repeating(pa.table({"city": names}), row_group_size=1000) == ()


def test_without_a_dictionary_nothing_is_known_of_the_values():
    assert repeating(CITIES, use_dictionary=False) == ()


def test_without_statistics_the_dictionary_alone_decides():
    assert repeating(CITIES, write_statistics=False) == ("city",)


def test_a_few_rows_do_not_repeat_their_values():
    assert repeating(pa.table({"city": ["Bonn", "Ulm", "Rom"]})) == ()


def test_row_groups_without_rows_say_nothing():
    file = io.BytesIO()
    with pq.ParquetWriter(file, CITIES.schema) as writer:
        writer.write_table(CITIES)
        writer.write_table(CITIES.slice(0, 0))
    assert repeating_columns(footer_of(file), ["city"]) == ("city",)
