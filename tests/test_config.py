"""Configs: round trips, selection by kind, and every mistake in one message."""

import dataclasses
from typing import Literal

import pytest

from genojax import config, errors, plugins


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
class Shape(plugins.OpenBase):
    """An open base class: the classes that `config_kinds` lists are defined elsewhere."""

    weight: float = 1.0

    @classmethod
    def config_kinds(cls):
        return {'circle': Circle, 'square': Square}


@dataclasses.dataclass(frozen=True)
class Circle(Shape):
    kind: Literal['circle'] = 'circle'
    radius: float = 1.0


@dataclasses.dataclass(frozen=True)
class Square(Shape):
    kind: Literal['square'] = 'square'
    side: float = 1.0
    color: Red | Blue = Red()


@dataclasses.dataclass(frozen=True)
class Drawing:
    shapes: dict[str, Shape]
    frame: Shape | None = None
    hole: Circle = Circle()


@dataclasses.dataclass(frozen=True)
class Settings:
    steps: int
    part: Red | Blue = Red()
    name: str = ''
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    flag: bool = False
    mode: Literal['fast', 'exact', 3] = 'fast'


def refusal(values, cls=Settings):
    with pytest.raises(errors.UsageError) as caught:
        config.from_dict(cls, values)
    return str(caught.value)


def test_a_tree_survives_a_round_trip_through_plain_values():
    settings = Settings(
        steps=3, part=Blue(rate=0.25), name='x', weights={'a': 1.0}, sizes=(1, 2), flag=True
    )
    assert config.from_dict(Settings, config.to_dict(settings)) == settings


def test_kind_selects_the_class():
    assert config.from_dict(Settings, {'steps': 1, 'part': {'kind': 'blue'}}).part == Blue()
    assert "'green' is not one of 'red', 'blue'" in refusal({'steps': 1, 'part': {'kind': 'green'}})
    assert "part.kind: required field is missing, one of 'red', 'blue'" in refusal(
        {'steps': 1, 'part': {}}
    )
    assert "part.kind: ['red'] is not one of" in refusal({'steps': 1, 'part': {'kind': ['red']}})


def test_kind_selects_among_the_classes_of_an_open_base_class():
    values = {
        'shapes': {
            'a': {'kind': 'square', 'weight': 2, 'color': {'kind': 'blue'}},
            'b': {'kind': 'circle'},
        },
        'frame': {'kind': 'circle', 'radius': 3.0},
        'hole': {'radius': 0.5},
    }
    drawing = config.from_dict(Drawing, values)
    assert drawing == Drawing(
        {'a': Square(2.0, color=Blue()), 'b': Circle()}, Circle(radius=3.0), Circle(radius=0.5)
    )
    assert config.from_dict(Drawing, config.to_dict(drawing)) == drawing
    assert config.from_dict(Drawing, {'shapes': {'a': Square()}}).shapes == {'a': Square()}


def test_mistakes_in_an_open_base_class_are_reported_with_their_path():
    message = refusal(
        {
            'shapes': {
                'a': {'kind': 'sqare'},
                'b': {'kind': 'circle', 'raduis': 1.0},
                'c': {'kind': 'square', 'color': {'kind': 'red', 'widht': 2}},
                'd': 3,
                'e': {},
                'f': {'kind': 'circle', 'colr': 'red'},
                'g': {'kind': 'circle', 'color': 'red'},
            },
            'frame': {'kind': 'line'},
        },
        Drawing,
    )
    assert message.splitlines() == [
        'invalid config:',
        "  shapes.a.kind: 'sqare' is not one of 'circle', 'square'; did you mean 'square'? (a kind of "
        'another package is known once that is installed)',
        "  shapes.b.raduis: no such field; did you mean 'radius'?",
        "  shapes.c.color.widht: no such field; did you mean 'width'?",
        '  shapes.d: 3 is not a dictionary of fields',
        "  shapes.e.kind: required field is missing, one of 'circle', 'square'",
        "  shapes.f.colr: no such field; did you mean 'color', which kind 'square' has?",
        "  shapes.g.color: no such field of this kind; kind 'square' has it",
        "  frame.kind: 'line' is not one of 'circle', 'square' (a kind of another package is known "
        'once that is installed)',
    ]


def test_every_mistake_is_reported_in_one_error():
    message = refusal(
        {
            'part': {'kind': 'red', 'width': 3},
            'nmae': 'x',
            'weights': {'a': 'heavy'},
            'sizes': [1, 'two'],
            'flag': 1,
            'mode': 'exat',
        }
    )
    for expected in (
        "nmae: no such field; did you mean 'name'?",
        'invalid config:\n',
        'steps: required field is missing',
        'part: width=3 must be even',
        "weights.a: 'heavy' is not a number",
        "sizes[1]: 'two' is not an integer",
        'flag: 1 is not a boolean (True or False)',
        "mode: 'exat' is not one of 'fast', 'exact', 3; did you mean 'exact'?",
    ):
        assert expected in message


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
def test_numbers_must_be_finite(bad):
    assert 'is not a finite number' in refusal({'steps': 1, 'weights': {'a': bad}})


def test_a_float_with_an_integer_value_is_accepted_as_an_integer():
    assert config.from_dict(Settings, {'steps': 1e3}).steps == 1000
    assert '1.5 is not an integer' in refusal({'steps': 1.5})
    assert 'True is not an integer' in refusal({'steps': True})


def test_differences_name_the_path_and_both_values():
    old = {'a': {'b': 1, 'c': 2}, 'd': 3}
    new = {'a': {'b': 1, 'c': 5}, 'e': 4}
    assert config.differences(old, new) == [
        'a.c: 2 -> 5',
        "d: 3 -> '(absent)'",
        "e: '(absent)' -> 4",
    ]
