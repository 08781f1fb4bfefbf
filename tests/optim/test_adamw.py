"""The learning rate at the ends of the parts of a schedule."""

import pytest

from genojax import optim


@pytest.mark.parametrize(
    ('decay', 'halfway', 'last'),
    [('cosine', 0.55, 0.1), ('linear', 0.55, 0.1), ('none', 1.0, 1.0)],
)
def test_a_rate_rises_from_its_start_and_falls_to_its_floor(decay, halfway, last):
    config = optim.OptimConfig(peak=2.0, warmup=100, start=0.5, decay=decay, floor=0.1)
    rate = optim.schedule(config, 1101)  # its last step is number 1100
    rates = [float(rate(step)) / 2.0 for step in (0, 50, 100, 600, 1100)]
    assert rates == pytest.approx([0.5, 0.75, 1.0, halfway, last], rel=1e-5)


def test_inverse_sqrt_halves_at_four_times_the_step_whatever_the_run_length():
    config = optim.OptimConfig(peak=1e-4, warmup=16_000, start=0.5, decay='inverse_sqrt')
    for steps in (20_000, 500_000):
        rate = optim.schedule(config, steps)
        rates = [float(rate(step)) for step in (0, 16_000, 64_000, 256_000)]
        assert rates == pytest.approx([0.5e-4, 1e-4, 0.5e-4, 0.25e-4], rel=1e-5)
