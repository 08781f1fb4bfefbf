"""Jobs in several processes: results in order, and a mistake crosses the border whole."""

import pytest

from genojax import errors
from genojax.data.store import processes


def _square(job):
    if job == 5:
        raise errors.InputError('FA07', 'five', path='x.fa', line=3, record='r', fix='use six')
    return job * job


@pytest.mark.parametrize('workers', [1, 2])
def test_results_are_in_the_order_of_the_jobs(workers):
    assert list(processes.run_jobs(_square, [3, 1, 2], workers, 'squares')) == [9, 1, 4]


@pytest.mark.parametrize('workers', [1, 2])
def test_an_input_error_is_the_same_from_any_process(workers):
    with pytest.raises(errors.InputError) as caught:
        list(processes.run_jobs(_square, [1, 5, 2], workers, 'squares'))
    error = caught.value
    assert (error.code, error.path, error.line, error.record) == ('FA07', 'x.fa', 3, 'r')
    assert 'five' in str(error) and 'use six' in str(error)
