"""Configs: every mistake at once, in words."""

import dataclasses
from typing import Literal

import pytest

from genojax import config, errors


@dataclasses.dataclass(frozen=True)
class Red:
    kind: Literal['red'] = 'red'
    width: int = 8

    def __post_init__(self):
        if self.width % 2:
            raise ValueError(f'{self.width=} must be even')


@dataclasses.dataclass(frozen=True)
class Blue:
    kind: Literal['blue'] = 'blue'
    rate: float = 0.5


@dataclasses.dataclass(frozen=True)
class Whole:
    steps: int
    part: Red | Blue = Red()
    name: str = ''
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    flag: bool = False


def refusal(values):
    with pytest.raises(errors.UsageError) as caught:
        config.from_dict(Whole, values)
    return str(caught.value)


def test_a_tree_survives_the_way_to_plain_values_and_back():
    whole = Whole(3, Blue(rate=0.25), 'x', {'a': 1.0}, (1, 2), True)
    assert config.from_dict(Whole, config.to_dict(whole)) == whole


def test_kind_picks_the_class():
    assert config.from_dict(Whole, {'steps': 1, 'part': {'kind': 'blue'}}).part == Blue()
    assert "'green' is not one of 'red', 'blue'" in refusal({'steps': 1, 'part': {'kind': 'green'}})


def test_every_mistake_is_reported_in_one_error():
    message = refusal(
        {
            'part': {'kind': 'red', 'width': 3},
            'nmae': 'x',
            'weights': {'a': 'heavy'},
            'sizes': [1, 'two'],
            'flag': 1,
        }
    )
    for expected in (
        "nmae: no such field; did you mean 'name'?",
        'steps: missing',
        'part: self.width=3 must be even',
        "weights.a: 'heavy' is not a number",
        "sizes[1]: 'two' is not a whole number",
        'flag: 1 is not True or False',
    ):
        assert expected in message


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_numbers_must_be_finite(bad):
    assert 'is not finite' in refusal({'steps': 1, 'weights': {'a': bad}})


def test_a_float_that_is_whole_may_stand_for_a_whole_number_and_no_other():
    assert config.from_dict(Whole, {'steps': 1e3}).steps == 1000
    assert '1.5 is not a whole number' in refusal({'steps': 1.5})
    assert 'True is not a whole number' in refusal({'steps': True})


def test_differences_name_the_path_and_both_values():
    old = {'a': {'b': 1, 'c': 2}, 'd': 3}
    new = {'a': {'b': 1, 'c': 5}, 'e': 4}
    assert config.differences(old, new) == [
        'a.c: 2 -> 5',
        "d: 3 -> '(absent)'",
        "e: '(absent)' -> 4",
    ]
