"""Names and layouts of Enformer's tensors in its two sources: DeepMind's code and its torch port.

Both hold the same network, so each is a `SourceLayout` of one table of rules. DeepMind's names are
paths through its objects (`module/_trunk/_layers/2/...`), the only unambiguous names in its
checkpoint. There, a moving average is three variables: `_hidden` is the exponential sum, which
starts at zero; `_counter` is the number n of its updates; `average` = `_hidden` / (1 - 0.9^n) is
used in evaluation, and is `mean` and `variance` here.

The port (PyPI `enformer-pytorch`) holds its trunk a second time, under `_trunk.N.`; its forward
pass uses these names.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genojax.convert import rules
from genojax.convert.tf import tf_bundle
from genojax.models import enformer


def _drop_last_two(x: np.ndarray) -> np.ndarray:
    """[out, in, 1, 1] to [in, out]; ValueError if the last two axes are larger."""
    return x.reshape(x.shape[:2]).T


# [1, 1, C] to [C]
ROW = rules.LayoutTransform(lambda x: x.reshape(x.shape[-1]), lambda x: x[None, None])
POOL = rules.LayoutTransform(_drop_last_two, lambda x: x.T[:, :, None, None])


@dataclasses.dataclass(frozen=True)
class SourceLayout:
    """The names and the order of axes of a source's tensors.

    The name of a tensor is its module's prefix, its parameter's name and `suffix`.

    Attributes:
        modules: our name of a module -> its prefix. `{i}` is the index of a tower block, `{n}` that
            of a transformer block, `{o}` an organism.
        parameters: our name of a parameter -> its name.
        suffix: end of every name.
        transposed: whether the axes are in reverse order (torch: out first).
        average: layout of moving averages.
        pool: layout of the kernels of attention pooling.
    """

    modules: Mapping[str, str]
    parameters: Mapping[str, str]
    suffix: str
    transposed: bool
    average: rules.LayoutTransform
    pool: rules.LayoutTransform

    def name(self, module: str, parameter: str, **indices: Any) -> str:
        """The name of a tensor; an index that is omitted stays as `{n}`."""
        prefix = self.modules[module]
        for letter, index in indices.items():
            prefix = prefix.replace(f'{{{letter}}}', str(index))
        return f'{prefix}{self.parameters[parameter]}{self.suffix}'

    def to_our_axes(self, shape: Sequence[int]) -> tuple[int, ...]:
        """The shape of a tensor with its axes in our order."""
        return tuple(reversed(shape)) if self.transposed else tuple(shape)


_TRUNK = 'module/_trunk/_layers/'
DEEPMIND = SourceLayout(
    modules={
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
    parameters={
        'kernel': 'w', 'bias': 'b', 'norm/scale': '0/scale', 'norm/bias': '0/offset',
        'norm/mean': '0/moving_mean/average', 'norm/variance': '0/moving_variance/average',
        'norm/count': '0/moving_mean/_counter', 'conv/kernel': '2/w', 'conv/bias': '2/b',
        'layer_norm/scale': 'scale', 'layer_norm/bias': 'offset',
        'query': '_q_layer/w', 'key': '_k_layer/w', 'value': '_v_layer/w',
        'relative_key': '_r_k_layer/w', 'content_bias': '_r_w_bias', 'position_bias': '_r_r_bias',
        'output/kernel': '_embedding_layer/w', 'output/bias': '_embedding_layer/b',
    },
    suffix=tf_bundle.VARIABLE_SUFFIX,
    transposed=False,
    average=ROW,
    pool=rules.IDENTITY,
)  # fmt: skip
TORCH = SourceLayout(
    modules={
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
    parameters={
        'kernel': 'weight', 'bias': 'bias', 'norm/scale': '0.weight', 'norm/bias': '0.bias',
        'norm/mean': '0.running_mean', 'norm/variance': '0.running_var',
        'norm/count': '0.num_batches_tracked', 'conv/kernel': '2.weight', 'conv/bias': '2.bias',
        'layer_norm/scale': 'weight', 'layer_norm/bias': 'bias',
        'query': 'to_q.weight', 'key': 'to_k.weight', 'value': 'to_v.weight',
        'relative_key': 'to_rel_k.weight', 'content_bias': 'rel_content_bias',
        'position_bias': 'rel_pos_bias', 'output/kernel': 'to_out.weight',
        'output/bias': 'to_out.bias',
    },
    suffix='',
    transposed=True,
    average=rules.IDENTITY,
    pool=POOL,
)  # fmt: skip
# The port's second names of its trunk.
ALIASES = {
    '_trunk.1.': 'stem.', '_trunk.2.': 'conv_tower.', '_trunk.4.': 'transformer.',
    '_trunk.6.': 'final_pointwise.',
}  # fmt: skip


def table(config: enformer.EnformerConfig, layout: SourceLayout) -> list[rules.Rule]:
    """A rule for every parameter and every statistic of the batch norms."""
    affine = rules.TRANSPOSE if layout.transposed else rules.IDENTITY
    rows = _affine(layout, 'stem/conv', 'stem/conv', affine) + _block(layout, 'stem/pointwise')
    for i in [None, *range(config.stages - 1)]:
        stage = 'stem' if i is None else 'tower_{i}'
        if i is not None:
            rows += _block(layout, 'tower_{i}/wide', i) + _block(layout, 'tower_{i}/pointwise', i)
        target = f'params/{stage.replace("{i}", str(i))}/pool/kernel'
        source = layout.name(f'{stage}/pool', 'kernel', i=i)
        rows.append(rules.Rule(source, target, layout.pool))
    rows += _layers(config, layout) + _block(layout, 'final')
    for organism in config.organisms:
        rows += _affine(layout, 'head_{o}', f'head_{organism}', affine, o=organism)
    return rows


def _affine(
    layout: SourceLayout,
    module: str,
    target: str,
    transform: rules.LayoutTransform,
    **indices: Any,
) -> list[rules.Rule]:
    """Kernel and bias."""
    kernel = layout.name(module, 'kernel', **indices)
    return [
        rules.Rule(kernel, f'params/{target}/kernel', transform),
        rules.Rule(layout.name(module, 'bias', **indices), f'params/{target}/bias'),
    ]


def _block(layout: SourceLayout, module: str, i: int | None = None) -> list[rules.Rule]:
    """Batch norm, GELU, convolution."""
    target = module.replace('{i}', str(i))
    transforms = {
        'conv/kernel': rules.TRANSPOSE if layout.transposed else rules.IDENTITY,
        'norm/mean': layout.average,
        'norm/variance': layout.average,
    }
    collections = {
        'params': ('norm/scale', 'norm/bias', 'conv/kernel', 'conv/bias'),
        'batch_stats': ('norm/mean', 'norm/variance', 'norm/count'),
    }
    return [
        rules.Rule(
            layout.name(module, parameter, i=i),
            f'{collection}/{target}/{parameter}',
            transforms.get(parameter, rules.IDENTITY),
        )
        for collection, parameters in collections.items()
        for parameter in parameters
    ]


def _layers(config: enformer.EnformerConfig, layout: SourceLayout) -> list[rules.Rule]:
    """The transformer blocks, stacked."""
    block = 'params/layers/block'
    rows = [
        rules.Rule(layout.name('attention', parameter), f'{block}/attention/{target}', transform)
        for parameter, (target, transform) in _attention_targets(config, layout.transposed).items()
    ]
    for module in ('attention_norm', 'mlp_norm'):
        for parameter in ('scale', 'bias'):
            source = layout.name(module, f'layer_norm/{parameter}')
            rows.append(rules.Rule(source, f'{block}/{module}/{parameter}'))
    affine = rules.TRANSPOSE if layout.transposed else rules.IDENTITY
    for module in ('mlp/up', 'mlp/down'):
        rows += _affine(layout, module, f'layers/block/{module}', affine)
    return rows


def _attention_targets(
    config: enformer.EnformerConfig, transposed: bool
) -> dict[str, tuple[str, rules.LayoutTransform]]:
    """Parameter of the attention layer -> path of ours and change of layout."""
    heads, keys, width = config.heads, config.key_width, config.width

    def split(inputs: int, size: int) -> rules.LayoutTransform:
        """[inputs, heads * size] to [inputs, heads, size]."""
        return rules.reshape((inputs, heads, size), (inputs, heads * size), transposed)

    bias = rules.reshape((heads, keys), (1, heads, 1, keys), transposed=False)
    output = rules.reshape((heads, -1, width), (width, width), transposed)
    return {
        'query': ('query/kernel', split(width, keys)),
        'key': ('key/kernel', split(width, keys)),
        'value': ('value/kernel', split(width, width // heads)),
        'relative_key': ('relative_key/kernel', split(config.basis, keys)),
        'content_bias': ('content_bias', bias),
        'position_bias': ('position_bias', bias),
        'output/kernel': ('kernel', output),
        'output/bias': ('bias', rules.IDENTITY),
    }
