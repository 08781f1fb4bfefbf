"""Shared parts of the encoder families: layouts, and configs of other libraries."""

import dataclasses

import numpy as np
import pytest

from genojax import errors
from genojax.convert import encoder
from genojax.models import bert
from tests.convert import published


@pytest.mark.parametrize('name', published.NAMES)
def test_layouts_pad_word_tables_to_the_vocabulary_multiple(name, loaded):
    config = dataclasses.replace(loaded[name].config, vocab_multiple=128)
    layouts = encoder.layouts(config)
    shape = (config.vocab, config.width)
    table = np.arange(config.vocab * config.width, dtype=np.float32).reshape(shape)
    assert layouts.words.read(table).shape == (128, config.width)
    assert layouts.decoder.read(table).shape == (config.width, 128)
    np.testing.assert_array_equal(layouts.words.write(layouts.words.read(table)), table)
    np.testing.assert_array_equal(layouts.decoder.write(layouts.decoder.read(table)), table)


@pytest.mark.parametrize('transposed', [True, False])
def test_every_layout_is_undone_by_its_inverse(transposed):
    config = bert.BertConfig(70, width=12, depth=1, heads=3, inner=20, vocab_multiple=128)
    layouts = encoder.layouts(config, transposed)
    random = np.random.default_rng(0)
    shapes = {
        'matrix': (20, 12), 'to_heads': (12, 12), 'heads': (12,), 'from_heads': (12, 12),
        'words': (70, 12), 'decoder': (70, 12) if transposed else (12, 70),
    }  # fmt: skip
    for name, shape in shapes.items():
        layout, x = getattr(layouts, name), random.standard_normal(shape)
        np.testing.assert_array_equal(layout.write(layout.read(x)), x)
    x = random.standard_normal((12, 12))
    source = x.T if transposed else x  # [out, in] -> [in, out]
    np.testing.assert_array_equal(layouts.to_heads.read(x)[:, 2, 1], source[:, 2 * 4 + 1])
    np.testing.assert_array_equal(layouts.from_heads.read(x)[2, 1], source[2 * 4 + 1])


def test_every_problem_of_a_config_is_in_one_error():
    config = encoder.SourceConfig({'kind': 'a', 'width': 13}, {'bias': True}, 'config.json')
    config.require(kind=('b', 'c'), bias=True, absent=None)
    with pytest.raises(errors.InputError) as caught:
        config.build(lambda: bert.BertConfig(config['vocab'], width=config['width'], heads=4))
    assert caught.value.code == 'CV02'
    assert "kind is 'a', not 'b' or 'c'; vocab is missing" in str(caught.value)
    assert 'absent' not in str(caught.value)  # an absent field is None


def test_numbers_written_as_text_are_refused_before_the_model_is_built():
    config = encoder.SourceConfig({'dropout': '0.1'}, {})
    with pytest.raises(errors.InputError, match='CV02.*dropout'):
        config.build(lambda: bert.BertConfig(70, dropout=config['dropout']))
