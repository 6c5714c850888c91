from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analysis.agreement import MISMATCHES_TOLD, compare_summaries
from contracts.moments import Moments
from contracts.summary import ColumnSummary, GroupSummary

Z_SCORES = st.lists(st.floats(-50, 50, allow_subnormal=False), min_size=1, max_size=30)


def with_column(summary, **changes):
    """`summary` with its first group's first column changed."""
    group, *others = summary.groups
    column, *columns = group.columns
    changed = replace(group, columns=(replace(column, **changes), *columns))
    return replace(summary, groups=(changed, *others))


@pytest.fixture
def summary(summarise):
    return summarise({None: [0.25, 1.0], "AA": [-1.5, 0.5, 3.5], "UA": [2.0]})


def test_a_summary_agrees_with_itself(summary):
    agreement = compare_summaries(replace(summary, pipeline="rdd"), summary)

    assert agreement.agree
    assert agreement.largest_difference == 0.0
    assert agreement.where is None
    assert agreement.mismatches == ()


def test_the_largest_difference_is_found_and_named(summary):
    other = with_column(summary, mean=0.625 * (1 + 1e-6), maximum=1.0 + 1e-8)

    agreement = compare_summaries(summary, other)

    assert not agreement.agree
    assert agreement.largest_difference == pytest.approx(1e-6, rel=1e-3)
    assert agreement.where == "group None, column 'fare', mean"


@pytest.mark.parametrize(("relative", "agree"), [(5e-10, True), (2e-9, False)])
def test_the_tolerance_is_relative_1e_9(summary, relative, agree):
    other = with_column(summary, std=summary.groups[0].columns[0].std * (1 + relative))

    assert compare_summaries(summary, other).agree is agree


def test_rounding_noise_around_zero_is_no_difference(summary):
    noise, other_noise = with_column(summary, mean=1e-17), with_column(summary, mean=-3e-16)

    assert compare_summaries(noise, other_noise).agree


@pytest.mark.parametrize("statistic", ["count", "outliers"])
def test_counts_must_be_equal_exactly(summary, statistic):
    other = with_column(summary, **{statistic: 1_000_000_001})

    agreement = compare_summaries(with_column(summary, **{statistic: 1_000_000_000}), other)

    assert not agreement.agree
    assert agreement.mismatches == (
        f"group None, column 'fare', {statistic}: 1000000000 by RDD, 1000000001 by DataFrame",
    )


def test_a_statistic_that_only_one_pipeline_has_is_a_mismatch(summary):
    agreement = compare_summaries(with_column(summary, std=None), summary)

    assert not agreement.agree
    assert agreement.mismatches[0].startswith("group None, column 'fare', std: None by RDD")


def test_a_missing_group_is_told_instead_of_compared(summary):
    agreement = compare_summaries(replace(summary, groups=summary.groups[1:]), summary)

    assert not agreement.agree
    assert agreement.mismatches == ("number of groups: 2 by RDD, 3 by DataFrame",)


def test_a_group_of_another_name_is_a_mismatch(summary):
    groups = (*summary.groups[:-1], replace(summary.groups[-1], group="WN"))

    agreement = compare_summaries(replace(summary, groups=groups), summary)

    assert agreement.mismatches == ("group 'WN', name: 'WN' by RDD, 'UA' by DataFrame",)


def test_other_columns_are_a_mismatch(summary):
    agreement = compare_summaries(replace(summary, columns=("distance",)), summary)

    assert agreement.mismatches == ("columns: 'distance' by RDD, 'fare' by DataFrame",)


def test_correlations_are_compared_too(summary):
    agreement = compare_summaries(replace(summary, correlation=((0.5,),)), summary)

    assert not agreement.agree
    assert agreement.where == "correlation, columns 'fare' and 'fare'"


def test_not_more_than_the_first_few_mismatches_are_told(summarise):
    one = summarise({str(i): [1.0] for i in range(100)})
    two = summarise({str(i): [1.0, 1.0] for i in range(100)})

    agreement = compare_summaries(replace(one, rows=two.rows), two)

    assert len(agreement.mismatches) == MISMATCHES_TOLD


def merged_summary(summary, chunks):
    moments = reduce(Moments.merge, chunks, Moments())
    column = ColumnSummary(
        count=moments.count,
        mean=moments.mean,
        std=moments.std,
        minimum=moments.minimum,
        maximum=moments.maximum,
        outliers=0,
    )
    return replace(
        summary, rows=moments.count, groups=(GroupSummary("AA", moments.count, (column,)),)
    )


@given(values=Z_SCORES, data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_in_which_partitions_were_merged_does_not_matter(summary, values, data):
    chunks = [Moments(1, value, 0.0, value, value) for value in values]
    shuffled = data.draw(st.permutations(chunks))

    agreement = compare_summaries(
        merged_summary(summary, chunks), merged_summary(summary, shuffled)
    )

    assert agreement.agree, agreement
