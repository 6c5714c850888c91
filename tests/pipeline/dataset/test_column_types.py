import pytest

from pipeline.dataset.column_types import infer, is_groupable, is_numeric, is_text, widen


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"1", "-2", "0", "-0", ""}, "int64"),
        ({"1", "-2", "007", ""}, "integer"),
        ({"-01"}, "integer"),
        ({"007", "1.5"}, "double"),
        ({"1", "NA", "null", "NaN"}, "int64"),
        ({" 1", "2\t"}, "int64"),
        ({str(2**63 - 1), str(-(2**63))}, "int64"),
        ({"1", str(2**63)}, "integer"),
        ({"9" * 5000}, "integer"),
        ({"1", "2.5"}, "double"),
        ({"+5"}, "double"),
        ({".5", "5.", "1e9", "-1E-9"}, "double"),
        ({"1", "inf", "-Infinity", "1e400"}, "double"),
        ({"1", "-nan(ind)", "NAN", "+nan", "nan(7)"}, "double"),
        ({"Nan", "Ann"}, "string"),
        ({"true", "False", "TRUE", ""}, "bool"),
        ({"true", "yes"}, "string"),
        ({"true", "1"}, "string"),
        ({"", "NA", "None"}, "null"),
        (set(), "null"),
        ({"2024-01-01"}, "string"),
        ({"1_000"}, "string"),
        ({"１２"}, "string"),
        ({"0x10"}, "string"),
        ({" "}, "string"),
    ],
)
def test_the_type_follows_from_the_cells(cells, expected):
    assert infer(cells).type == expected


def test_numbers_with_some_other_words_between_them_stay_text_and_say_which():
    inferred = infer({"1", "2", "3.5", "unknown", "NA"})
    assert inferred.type == "string"
    assert inferred.remark == "1 of its 4 different values is no number, as 'unknown'"


def test_a_decimal_comma_is_text_and_says_so():
    for cells in ({"1,5", "2,25"}, {"1,5", "7"}, {"1,234", "2,345"}):
        inferred = infer(cells)
        assert inferred.type == "string"
        assert "decimal comma, or commas between thousands" in inferred.remark


def test_country_codes_are_text_without_remark():
    assert infer({"NA", "DE", "US"}).type == "string"
    assert infer({"NA", "DE", "US"}).remark is None


@pytest.mark.parametrize(
    ("a", "b", "both"),
    [
        ("int64", "int64", "int64"),
        ("int64", "double", "double"),
        ("int64", "integer", "integer"),
        ("integer", "double", "double"),
        ("double", "string", "string"),
        ("bool", "int64", "string"),
        ("null", "bool", "bool"),
        ("struct", "string", "string"),
    ],
)
def test_two_types_widen_to_the_narrowest_that_holds_both(a, b, both):
    assert widen(a, b) == widen(b, a) == both


@pytest.mark.parametrize(
    "type_name", ["int8", "uint64", "halffloat", "float", "double", "decimal128(10, 2)"]
)
def test_integers_floats_and_decimals_are_numbers(type_name):
    assert is_numeric(type_name)


@pytest.mark.parametrize(
    "type_name", ["bool", "string", "date32[day]", "timestamp[ns, tz=UTC]", "list<item: double>"]
)
def test_other_types_are_not(type_name):
    assert not is_numeric(type_name)


def test_arrow_spells_its_text_and_nested_types_as_expected():
    import pyarrow as pa

    texts = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.utf8())]
    nested = [
        pa.list_(pa.int64()),
        pa.large_list(pa.int64()),
        pa.list_(pa.int64(), 2),
        pa.list_view(pa.int64()),
        pa.struct([("a", pa.int64())]),
        pa.map_(pa.string(), pa.int64()),
    ]
    decimals = [pa.decimal32(5, 2), pa.decimal64(9, 2), pa.decimal128(9), pa.decimal256(60)]
    assert all(is_text(str(t)) for t in texts)
    assert all(is_groupable(str(t)) for t in texts)
    assert not any(is_groupable(str(t)) for t in nested)
    assert all(is_numeric(str(t)) for t in decimals)
    assert not any(is_text(str(t)) for t in (*nested, pa.dictionary(pa.int8(), pa.int64())))
