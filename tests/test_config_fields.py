"""Every field of every named config has a meaning in the source."""

import dataclasses
import json

import pytest

from genojax import config, config_fields, errors
from genojax import experiment as experiments
from genojax.cli import flags, main


@dataclasses.dataclass(frozen=True)
class Lamp:
    """A lamp.

    Attributes:
        watts, volts: of the supply,
            as printed.
    """

    color: str = 'red'  # of the light
    # Hours until
    # it fails.
    life: int = dataclasses.field(default=5, metadata=config.FREE)
    watts: float = 1.0
    volts: float = 2.0
    dropout: float = 0.5


def test_meanings_come_from_comments_docstrings_and_common_words():
    assert config_fields.meanings(Lamp) == {
        'color': 'of the light',
        'life': 'Hours until it fails.',
        'watts': 'of the supply, as printed.',
        'volts': 'of the supply, as printed.',
        'dropout': config_fields.COMMON['dropout'],
    }
    rows = {row.path: row for row in config_fields.describe(Lamp(color='blue'))}
    assert rows['color'].value == 'blue' and rows['color'].default == 'red'
    assert rows['life'].on_resume == 'free' and rows['color'].on_resume == 'never'


@pytest.mark.parametrize('name', flags.config_names())
def test_every_field_of_a_named_config_has_a_meaning_and_can_be_overridden(name):
    first = flags.variants(flags.resolve(name)[0])[:1]
    values = flags.load(':'.join([name, *first]))
    rows = list(config_fields.describe(experiments.from_config(values)))
    assert len(rows) > 20
    assert [row.path for row in rows if not row.meaning] == []
    for row in rows:
        text = row.value if isinstance(row.value, str) else repr(config.to_dict(row.value))
        flags.override(values, row.path, text)
    assert experiments.from_config(values) == experiments.from_config(
        flags.load(':'.join([name, *first]))
    )


def test_the_verb_lists_configs_and_fields(capsys):
    main.main(['configs', '--json'])
    rows = {row['name']: row for row in json.loads(capsys.readouterr().out)}
    assert set(rows) == set(flags.config_names())
    assert rows['demo_positions']['variants'] == ['anchored', 'cpg', 'both', 'columns']
    assert all(row['summary'] and row['hardware'] for row in rows.values())
    main.main(['configs', 'demo_positions:columns'])
    text = capsys.readouterr().out
    assert "model.attention.anchors = 'columns'  (default 'antidiagonal')" in text
    assert 'log_every = 20  (default 50)\n    steps per log row\n    may change on' in text
    main.main(['configs', 'debug_cpu', '--json'])
    fields = {row['field']: row for row in json.loads(capsys.readouterr().out)}
    assert fields['steps']['value'] == 30 and fields['steps']['on_resume'] == 'never'
    with pytest.raises(SystemExit) as stop:
        main.main(['configs', 'debgu_cpu'])
    assert stop.value.code == errors.UsageError.exit_code
    assert "did you mean 'debug_cpu'" in capsys.readouterr().err
