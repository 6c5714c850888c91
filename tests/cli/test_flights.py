from pathlib import Path

from cli.flights import write_flights


def test_the_flights_are_all_there(tmp_path: Path) -> None:
    write_flights(tmp_path / "flights.csv")

    with (tmp_path / "flights.csv").open() as lines:
        header = next(lines).split(",")
        rows = sum(1 for _ in lines)
    assert rows == 336_776
    assert header[:3] == ["year", "month", "day"]
    assert "carrier" in header
