import pytest

from cli import text


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (text.count(336_776), "336,776"),
        (text.count(None), "–"),
        (text.seconds(0.0314), "31 ms"),
        (text.seconds(21.44), "21.4 s"),
        (text.seconds(59.96), "1 min 0 s"),
        (text.seconds(119.7), "2 min 0 s"),
        (text.seconds(125), "2 min 5 s"),
        (text.seconds(None), "–"),
        (text.size(0), "0 B"),
        (text.size(31_053_850), "31.1 MB"),
        (text.size(2_500_000_000_000), "2.5 TB"),
        (text.money(0.0), "$0.00"),
        (text.money(1234.5), "$1,234.50"),
        (text.money(3.652e-8), "$0.0000000365"),
        (text.percent(0.0254), "2.54 %"),
        (text.rate(134_710.4), "134,710 records/s"),
        (text.since(None), None),
        (text.since("2999-01-01T00:00:00Z"), 0.0),
    ],
)
def test_numbers_are_said_as_people_read_them(said: object, expected: object) -> None:
    assert said == expected


def test_somebodys_text_is_shown_and_not_obeyed() -> None:
    assert text.printable("Köln\n\x1b[31m\\ it's") == "Köln\\n\\x1b[31m\\ it's"
    assert text.printable("x" * 300) == "x" * 199 + "…"
