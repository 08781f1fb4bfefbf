"""A diagram shows the network that the config builds, in words of its own kind."""

import pytest

from genojax.models import basset, recurrent
from tests.models import test_input_spec

CONFIGS = test_input_spec.CONFIGS


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_every_model_has_a_diagram_that_fits_a_page(config):
    blocks = config.diagram()
    assert 2 <= len(blocks) <= 9
    for block in blocks:
        assert block.title and block.lines and block.repeat >= 1
        assert len(block.title) <= 22 and max(map(len, block.lines)) <= 30


@pytest.mark.parametrize('config', CONFIGS.values(), ids=CONFIGS)
def test_only_transformers_have_attention(config):
    text = str(config.diagram())
    has_attention = config.kind not in ('basset', 'recurrent')
    assert ('attention' in text) == has_attention
    assert ('Language-model head' in text) == config.has_lm_head
    assert ('Track heads' in text) == bool(config.track_heads)


def test_a_stack_is_one_box_and_its_depth():
    for config in (CONFIGS['bert'], recurrent.RecurrentConfig(10, cell='lstm', depth=3)):
        assert [block.repeat for block in config.diagram()] == [1, config.depth, 1]
    layers = recurrent.RecurrentConfig(10, cell='lstm', depth=3).diagram()
    assert layers[1].title == 'LSTM layer'


def test_basset_shows_its_convolutions_with_their_sizes():
    titles = [block.title for block in basset.BassetConfig(10).diagram()]
    assert titles == ['One-hot bases', *3 * ['Convolution'], *2 * ['Fully connected'], 'Head']
    second = basset.BassetConfig(10).diagram()[2].lines
    assert second == ('200 filters of 11', 'batch norm, ReLU', 'max pooling by 4')


def test_the_pooling_tower_stands_behind_the_transformer():
    titles = [block.title for block in CONFIGS['enformer_accessibility'].diagram()]
    where = [titles.index(name) for name in ('Accessibility', 'Transformer block', 'Pooling block')]
    assert where == sorted(where)
    assert 'Pooling block' not in [block.title for block in CONFIGS['enformer'].diagram()]
