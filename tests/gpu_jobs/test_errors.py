from gpu_jobs.errors import RejectedError


def test_a_rejection_is_short_whatever_the_data_put_into_it():
    error = RejectedError("code", f"It is bad: {'x' * 10**6}. Mend it.", "y" * 10**6)
    assert error.problem.where is not None
    assert len(error.problem.message) == len(error.problem.where) == 2000
    assert len(str(error)) < 5000
