from spark_jobs.correlation import matrix


def test_each_pair_is_asked_for_once_and_stands_on_both_sides_of_the_diagonal():
    asked = []

    def r(i, j):
        asked.append((i, j))
        return (i + j) / 10

    assert matrix([True] * 3, r) == ((1.0, 0.1, 0.2), (0.1, 1.0, 0.3), (0.2, 0.3, 1.0))
    assert set(asked) == {(0, 1), (0, 2), (1, 2)}


def test_a_column_that_does_not_vary_correlates_with_nothing_and_is_not_asked_for():
    def r(i, j):
        assert (i, j) == (0, 2)
        return 0.5

    assert matrix([True, False, True], r) == ((1.0, None, 0.5), (None,) * 3, (0.5, None, 1.0))


def test_a_pair_without_a_correlation_stays_without():
    assert matrix([True, True], lambda i, j: None) == ((1.0, None), (None, 1.0))


def test_what_rounding_lifts_beyond_1_is_put_back():
    r = {(0, 1): 1.0000000000000002, (0, 2): -1.0000000000000004, (1, 2): 0.9999999999999998}
    found = matrix([True] * 3, lambda i, j: r[i, j])
    assert found == ((1.0, 1.0, -1.0), (1.0, 1.0, 0.9999999999999998), (-1.0, r[1, 2], 1.0))


def test_there_is_nothing_to_correlate_without_columns():
    assert matrix([], lambda i, j: 0.0) == ()
