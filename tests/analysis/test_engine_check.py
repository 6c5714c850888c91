import random
from dataclasses import replace
from statistics import fmean, pstdev

import pytest

from analysis.engine_check import FAULTS_TOLD, check_engine
from contracts.summary import GroupSummary


def z_scores(values):
    mean, std = fmean(values), pstdev(values)
    return [(value - mean) / std if std else 0.0 for value in values]


def in_groups(values):
    return {"AA": values[::3], "UA": values[1::3], None: values[2::3]}


@pytest.fixture
def values():
    return random.Random(7).sample(range(1_000_000), 300)


@pytest.fixture
def source(values, column_metrics, normalize_metrics):
    column = column_metrics(count=len(values), mean=fmean(values), std=pstdev(values))
    return normalize_metrics({"fare": column})


def test_z_scores_in_several_groups_are_confirmed(values, source, summarise):
    engine = check_engine(summarise(in_groups(z_scores(values))), source, "float64")

    assert engine.confirmed
    assert engine.faults == ()
    assert engine.largest_deviation < 1e-9


def test_values_that_were_scaled_by_the_sample_std_are_not_confirmed(values, source, summarise):
    wrong = [z * ((len(values) - 1) / len(values)) ** 0.5 for z in z_scores(values)]

    engine = check_engine(summarise(in_groups(wrong)), source, "float64")

    assert not engine.confirmed
    assert engine.where == "column 'fare', std"
    assert engine.faults[0].startswith("column 'fare', std: 0.998")


def test_values_that_were_not_centred_are_not_confirmed(values, source, summarise):
    engine = check_engine(
        summarise(in_groups([z + 1e-6 for z in z_scores(values)])), source, "float64"
    )

    assert not engine.confirmed
    assert engine.where == "column 'fare', mean"


@pytest.mark.parametrize(("dtype", "confirmed"), [("float64", False), ("float32", True)])
def test_float32_may_be_off_by_its_own_rounding(values, source, summarise, dtype, confirmed):
    rounded = [z * (1 + 6e-8) for z in z_scores(values)]

    assert check_engine(summarise(in_groups(rounded)), source, dtype).confirmed is confirmed


def test_a_constant_column_must_have_become_zero(column_metrics, normalize_metrics, summarise):
    source = normalize_metrics({"fare": column_metrics(count=3, mean=7.0, std=0.0)})

    assert check_engine(summarise({"AA": [0.0] * 3}), source, "float64").confirmed
    assert not check_engine(summarise({"AA": [7.0] * 3}), source, "float64").confirmed


def test_a_column_of_nothing_but_rounding_is_centred_and_not_scaled(
    summarise, column_metrics, normalize_metrics
):
    std = 5e-7
    source = normalize_metrics({"fare": column_metrics(count=1_000, mean=1.7e9, std=std)})

    assert check_engine(summarise({"AA": [-std, std] * 500}), source, "float64").confirmed
    assert not check_engine(summarise({"AA": [-9.0, 9.0] * 500}), source, "float64").confirmed


def test_a_value_that_got_lost_is_told(values, source, summarise):
    engine = check_engine(summarise(in_groups(z_scores(values)[:-1])), source, "float64")

    assert not engine.confirmed
    assert engine.faults == ("column 'fare': 300 values were normalized, 299 are there",)


def test_a_column_without_values_has_nothing_to_check(column_metrics, normalize_metrics, summarise):
    empty = column_metrics(count=0, nulls=3, mean=None, std=None, minimum=None, maximum=None)

    engine = check_engine(summarise({"AA": []}), normalize_metrics({"fare": empty}), "float64")

    assert engine.confirmed
    assert engine.where is None


def test_a_mean_far_larger_than_the_std_is_given_the_room_that_rounding_needs(
    summarise, column_metrics, normalize_metrics
):
    off_by = 1e-8
    shifted = summarise({"AA": [z + off_by for z in z_scores([1.0, 2.0, 3.0, 4.0])]})
    near = normalize_metrics({"fare": column_metrics(mean=10.0, std=1.0)})
    far = normalize_metrics({"fare": column_metrics(mean=1e8, std=1.0)})

    assert not check_engine(shifted, near, "float64").confirmed
    assert check_engine(shifted, far, "float64").confirmed


def test_not_more_than_the_first_few_faults_are_told(summarise, column_metrics, normalize_metrics):
    names = tuple(f"c{i}" for i in range(50))
    one = summarise({"AA": [5.0, 6.0, 7.0, 8.0]})
    (column,) = one.groups[0].columns
    wide = replace(one, columns=names, groups=(GroupSummary("AA", 4, (column,) * len(names)),))

    engine = check_engine(
        wide, normalize_metrics(dict.fromkeys(names, column_metrics())), "float64"
    )

    assert len(engine.faults) == FAULTS_TOLD
