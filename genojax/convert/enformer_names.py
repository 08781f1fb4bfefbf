"""Enformer's parameters by the names and layouts of its two sources: DeepMind's code and the torch port.

Both hold the same network, so each is a `Dialect` of one table of rules. DeepMind's names are paths through its objects
(`module/_trunk/_layers/2/...`), the only names that are unambiguous there. A moving average is three variables in it:
`_hidden` is the plain exponential sum, begun at zero; `_counter` counts its updates n; `average` = `_hidden` /
(1 - 0.9^n) is what evaluation uses, and what our `mean` and `variance` are.

The port (PyPI `enformer-pytorch`) holds its trunk twice, under `_trunk.N.` as well; its forward pass reads those.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genojax.convert import rules, tf_bundle
from genojax.models import enformer


def _one_by_one(x: np.ndarray) -> np.ndarray:
    """[out, in, 1, 1] to [in, out]; ValueError where the last axes are larger."""
    return x.reshape(x.shape[:2]).T


ROW = rules.Way(lambda x: x.reshape(x.shape[-1]), lambda x: x[None, None])  # [1, 1, C] to [C]
POOL = rules.Way(_one_by_one, lambda x: x.T[:, :, None, None])


@dataclasses.dataclass(frozen=True)
class Dialect:
    """How a source names the parts and lays out their tensors.

    Attributes:
        places: of the parts, by our names; `{i}` a tower block, `{n}` a transformer block, `{o}` an organism.
        leaves: of a part's tensors, by our names; together they name a tensor, `end` last.
        transposed: whether axes stand in reverse order (torch: out first).
    """

    places: Mapping[str, str]
    leaves: Mapping[str, str]
    end: str
    transposed: bool
    average: rules.Way
    pool: rules.Way

    def name(self, place: str, leaf: str, **numbers: Any) -> str:
        place = self.places[place]
        for letter, number in numbers.items():
            place = place.replace(f'{{{letter}}}', str(number))
        return f'{place}{self.leaves[leaf]}{self.end}'

    def turned(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A source's shape with its axes in our order."""
        return tuple(reversed(shape)) if self.transposed else tuple(shape)


_TRUNK = 'module/_trunk/_layers/'
DEEPMIND = Dialect(
    places={
        'stem/conv': f'{_TRUNK}0/_layers/0/',
        'stem/pointwise': f'{_TRUNK}0/_layers/1/_module/_layers/',
        'stem/pool': f'{_TRUNK}0/_layers/2/_logit_linear/',
        'tower_{i}/wide': f'{_TRUNK}1/_layers/{{i}}/_layers/0/_layers/',
        'tower_{i}/pointwise': f'{_TRUNK}1/_layers/{{i}}/_layers/1/_module/_layers/',
        'tower_{i}/pool': f'{_TRUNK}1/_layers/{{i}}/_layers/2/_logit_linear/',
        'attention_norm': f'{_TRUNK}2/_layers/{{n}}/_layers/0/_module/_layers/0/',
        'attention': f'{_TRUNK}2/_layers/{{n}}/_layers/0/_module/_layers/1/',
        'mlp_norm': f'{_TRUNK}2/_layers/{{n}}/_layers/1/_module/_layers/0/',
        'mlp/up': f'{_TRUNK}2/_layers/{{n}}/_layers/1/_module/_layers/1/',
        'mlp/down': f'{_TRUNK}2/_layers/{{n}}/_layers/1/_module/_layers/4/',
        'final': f'{_TRUNK}4/_layers/0/_layers/',
        'head_{o}': 'module/_heads/{o}/_layers/0/',
    },
    leaves={
        'kernel': 'w', 'bias': 'b', 'norm/scale': '0/scale', 'norm/bias': '0/offset',
        'norm/mean': '0/moving_mean/average', 'norm/variance': '0/moving_variance/average',
        'norm/count': '0/moving_mean/_counter', 'conv/kernel': '2/w', 'conv/bias': '2/b',
        'layer_norm/scale': 'scale', 'layer_norm/bias': 'offset',
        'query': '_q_layer/w', 'key': '_k_layer/w', 'value': '_v_layer/w',
        'relative_key': '_r_k_layer/w', 'content_bias': '_r_w_bias', 'position_bias': '_r_r_bias',
        'output/kernel': '_embedding_layer/w', 'output/bias': '_embedding_layer/b',
    },
    end=tf_bundle.VALUE,
    transposed=False,
    average=ROW,
    pool=rules.SAME,
)  # fmt: skip
TORCH = Dialect(
    places={
        'stem/conv': 'stem.0.',
        'stem/pointwise': 'stem.1.fn.',
        'stem/pool': 'stem.2.to_attn_logits.',
        'tower_{i}/wide': 'conv_tower.{i}.0.',
        'tower_{i}/pointwise': 'conv_tower.{i}.1.fn.',
        'tower_{i}/pool': 'conv_tower.{i}.2.to_attn_logits.',
        'attention_norm': 'transformer.{n}.0.fn.0.',
        'attention': 'transformer.{n}.0.fn.1.',
        'mlp_norm': 'transformer.{n}.1.fn.0.',
        'mlp/up': 'transformer.{n}.1.fn.1.',
        'mlp/down': 'transformer.{n}.1.fn.4.',
        'final': 'final_pointwise.1.',
        'head_{o}': '_heads.{o}.0.',
    },
    leaves={
        'kernel': 'weight', 'bias': 'bias', 'norm/scale': '0.weight', 'norm/bias': '0.bias',
        'norm/mean': '0.running_mean', 'norm/variance': '0.running_var',
        'norm/count': '0.num_batches_tracked', 'conv/kernel': '2.weight', 'conv/bias': '2.bias',
        'layer_norm/scale': 'weight', 'layer_norm/bias': 'bias',
        'query': 'to_q.weight', 'key': 'to_k.weight', 'value': 'to_v.weight',
        'relative_key': 'to_rel_k.weight', 'content_bias': 'rel_content_bias',
        'position_bias': 'rel_pos_bias', 'output/kernel': 'to_out.weight',
        'output/bias': 'to_out.bias',
    },
    end='',
    transposed=True,
    average=rules.SAME,
    pool=POOL,
)  # fmt: skip
# The port's second names of its trunk.
ALIASES = {
    '_trunk.1.': 'stem.', '_trunk.2.': 'conv_tower.', '_trunk.4.': 'transformer.',
    '_trunk.6.': 'final_pointwise.',
}  # fmt: skip


def table(config: enformer.EnformerConfig, dialect: Dialect) -> list[rules.Rule]:
    """A rule for every parameter and every batch-norm statistic."""
    affine = rules.TRANSPOSED if dialect.transposed else rules.SAME
    found = _affine(dialect, 'stem/conv', 'stem/conv', affine) + _block(dialect, 'stem/pointwise')
    for i in [None, *range(config.stages - 1)]:
        stage = 'stem' if i is None else 'tower_{i}'
        if i is not None:
            found += _block(dialect, 'tower_{i}/wide', i) + _block(
                dialect, 'tower_{i}/pointwise', i
            )
        target = f'params/{stage.replace("{i}", str(i))}/pool/kernel'
        source = dialect.name(f'{stage}/pool', 'kernel', i=i)
        found.append(rules.Rule(source, target, dialect.pool))
    found += _layers(config, dialect) + _block(dialect, 'final')
    for organism in config.organisms:
        found += _affine(dialect, 'head_{o}', f'head_{organism}', affine, o=organism)
    return found


def _affine(dialect: Dialect, place: str, target: str, way: rules.Way, **numbers) -> list:
    return [
        rules.Rule(dialect.name(place, 'kernel', **numbers), f'params/{target}/kernel', way),
        rules.Rule(dialect.name(place, 'bias', **numbers), f'params/{target}/bias'),
    ]


def _block(dialect: Dialect, place: str, i: int | None = None) -> list[rules.Rule]:
    """Batch norm, GELU, convolution."""
    target = place.replace('{i}', str(i))
    kernel = rules.TRANSPOSED if dialect.transposed else rules.SAME
    ways = {'conv/kernel': kernel, 'norm/mean': dialect.average, 'norm/variance': dialect.average}
    found = []
    for leaf in ('norm/scale', 'norm/bias', 'conv/kernel', 'conv/bias'):
        source = dialect.name(place, leaf, i=i)
        found.append(rules.Rule(source, f'params/{target}/{leaf}', ways.get(leaf, rules.SAME)))
    for leaf in ('norm/mean', 'norm/variance', 'norm/count'):
        source = dialect.name(place, leaf, i=i)
        found.append(rules.Rule(source, f'batch_stats/{target}/{leaf}', ways.get(leaf, rules.SAME)))
    return found


def _layers(config: enformer.EnformerConfig, dialect: Dialect) -> list[rules.Rule]:
    """The transformer blocks, stacked."""
    heads, keys, width = config.heads, config.key_width, config.width
    turned = dialect.transposed
    affine = rules.TRANSPOSED if turned else rules.SAME

    def split(inputs: int, size: int) -> rules.Way:
        """[inputs, heads * size] with heads apart."""
        return rules.reshaped((inputs, heads, size), (inputs, heads * size), turned)

    bias = rules.reshaped((heads, keys), (1, heads, 1, keys), transposed=False)
    ways = {
        'query': ('query/kernel', split(width, keys)),
        'key': ('key/kernel', split(width, keys)),
        'value': ('value/kernel', split(width, width // heads)),
        'relative_key': ('relative_key/kernel', split(config.basis, keys)),
        'content_bias': ('content_bias', bias),
        'position_bias': ('position_bias', bias),
        'output/kernel': ('kernel', rules.reshaped((heads, -1, width), (width, width), turned)),
        'output/bias': ('bias', rules.SAME),
    }
    block = 'params/layers/block'
    found = [
        rules.Rule(dialect.name('attention', leaf), f'{block}/attention/{target}', way)
        for leaf, (target, way) in ways.items()
    ]
    for place in ('attention_norm', 'mlp_norm'):
        for leaf in ('scale', 'bias'):
            source = dialect.name(place, f'layer_norm/{leaf}')
            found.append(rules.Rule(source, f'{block}/{place}/{leaf}'))
    for place in ('mlp/up', 'mlp/down'):
        found += _affine(dialect, place, f'layers/block/{place}', affine)
    return found
