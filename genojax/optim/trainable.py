"""Which parameters of a run train: all, heads on a frozen model, or adapters of its linear maps.

The parameters are divided in two trees. `params` train: they have gradients and an optimizer's
state, and are what a checkpoint holds. `frozen` are parameters of the model that are only read; a
checkpoint holds their hash. `split` divides them, `compose` is what the tasks' losses read.

    params: {'model': those of the model that train, 'heads': {task: its head's},
             'adapters': factors by the path of their kernel}    without empty parts, but 'heads'
    frozen: the model's others; {} where all train
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np
from flax import traverse_util

from genojax import errors
from genojax.optim import lora
from genojax.typing import Array

_KERNEL = 'kernel'  # name of the parameter of every linear map


@dataclasses.dataclass(frozen=True)
class FullTraining:
    """Every parameter trains."""

    kind: Literal['full'] = 'full'

    @property
    def freezes(self) -> bool:
        """Whether the model's parameters are frozen, but for those that the config names."""
        return False


@dataclasses.dataclass(frozen=True)
class ProbeTraining:
    """Heads train on the features of a frozen model, which is read as in inference: no dropout.

    `unfreeze` and `copy_base` as in `LoraTraining`.
    """

    kind: Literal['probe'] = 'probe'
    unfreeze: str = ''  # regular expression: parameters of the model that train in full
    copy_base: bool = False  # copy the frozen model into the workdir

    def __post_init__(self):
        _check_pattern('unfreeze', self.unfreeze)

    @property
    def freezes(self) -> bool:
        return True


@dataclasses.dataclass(frozen=True)
class LoraTraining:
    """Heads train, and low-rank adapters of linear maps of a frozen model (Hu et al. 2022).

    Patterns are regular expressions that are searched in the path of a parameter, such as
    'layers/block/attention/query/kernel'. A model with batch statistics is read as in inference, so
    that they do not move; others have their dropout.

    Raises:
        ValueError: a pattern is no regular expression, or a number is out of range.
    """

    kind: Literal['lora'] = 'lora'
    rank: int = 8  # of the adapters
    alpha: float = 16.0  # an adapter is multiplied by alpha / rank
    # Which linear maps have an adapter, as in 'attention|mlp'; '' for all.
    pattern: str = 'attention'
    # Parameters of the model that train in full, as in 'norm'; '' for none.
    unfreeze: str = ''
    # Copy the frozen model into the workdir (base/), so that the run opens without it.
    copy_base: bool = False

    def __post_init__(self):
        if self.rank < 1:
            raise ValueError(f'{self.rank=} must be at least 1')
        if not self.alpha > 0:
            raise ValueError(f'{self.alpha=} must be above 0')
        _check_pattern('pattern', self.pattern)
        _check_pattern('unfreeze', self.unfreeze)

    @property
    def freezes(self) -> bool:
        return True

    @property
    def scale(self) -> float:
        """The factor of A B."""
        return self.alpha / self.rank


TrainConfig = FullTraining | ProbeTraining | LoraTraining


def split(config: TrainConfig, model: Mapping[str, Any], key: Array) -> tuple[dict, dict]:
    """A model's parameters divided into those that train, with new adapters, and frozen ones.

    Args:
        model: parameters boxed with their logical axes.
        key: of the adapters.

    Raises:
        UsageError: a pattern fits no parameter, or the rank is more than a linear map has.
    """
    if not config.freezes:
        return {'model': model}, {}
    flat = traverse_util.flatten_dict(model)
    names = _matching(config.unfreeze, flat) if config.unfreeze else []
    if config.unfreeze and not names:
        raise _no_match('unfreeze', config.unfreeze, flat)
    frozen = {path: leaf for path, leaf in flat.items() if path not in names}
    params = {'model': traverse_util.unflatten_dict({path: flat[path] for path in names})}
    if isinstance(config, LoraTraining):
        kernels = {path: leaf for path, leaf in frozen.items() if path[-1] == _KERNEL}
        chosen = _matching(config.pattern, kernels)
        if not chosen:
            raise _no_match('pattern', config.pattern, kernels)
        factors = lora.init({path: kernels[path] for path in chosen}, config.rank, key)
        params['adapters'] = traverse_util.unflatten_dict(factors)
    return {name: tree for name, tree in params.items() if tree}, traverse_util.unflatten_dict(
        frozen
    )


def compose(config: TrainConfig, params: Mapping[str, Any], frozen: Mapping[str, Any]) -> dict:
    """{'model', 'heads'} as tasks and modules read them; adapted kernels are `AdaptedKernel`s."""
    if not config.freezes:
        return dict(params)
    flat = traverse_util.flatten_dict(base(params, frozen))
    if isinstance(config, LoraTraining):
        factors = traverse_util.flatten_dict(params['adapters'])
        flat |= lora.adapted(flat, factors, config.scale)
    return {'model': traverse_util.unflatten_dict(flat), 'heads': params['heads']}


def base(params: Mapping[str, Any], frozen: Mapping[str, Any]) -> dict:
    """The model's own parameters, trained and frozen, without adapters."""
    if not frozen:
        return params['model']
    flat = traverse_util.flatten_dict(frozen)
    return traverse_util.unflatten_dict(
        flat | traverse_util.flatten_dict(params['model'] if 'model' in params else {})
    )


def replace_base(
    params: Mapping[str, Any], frozen: Mapping[str, Any], model: Mapping[str, Any]
) -> tuple[dict, dict]:
    """`params` and `frozen` with another model's parameters in place of the model's own."""
    params = dict(params)
    if 'model' in params:
        params['model'] = select(params['model'], model)
    return params, select(frozen, model)


def select(tree: Mapping[str, Any], values: Mapping[str, Any]) -> dict:
    """The values at the paths of a tree."""
    flat = traverse_util.flatten_dict(values)
    return traverse_util.unflatten_dict({path: flat[path] for path in _flat_paths(tree)})


def merge_on_host(
    config: TrainConfig, params: Mapping[str, Any], model: Mapping[str, Any]
) -> dict[str, Any]:
    """A base model's parameters with trained ones merged into them: numpy arrays.

    Args:
        params: trained parameters, as a checkpoint holds them.
        model: all parameters of the base.
    """
    flat = traverse_util.flatten_dict(model)
    if 'model' in params:
        flat |= traverse_util.flatten_dict(params['model'])
    if isinstance(config, LoraTraining):
        factors = traverse_util.flatten_dict(params['adapters'])
        for path, kernel in lora.adapted(flat, factors, config.scale).items():
            arrays = (np.asarray(part) for part in (kernel.base, kernel.a, kernel.b))
            flat[path] = lora.merge_on_host(*arrays, kernel.scale)
    return traverse_util.unflatten_dict(flat)


def count(tree: Any) -> int:
    """Number of parameters in a tree."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _flat_paths(tree: Mapping[str, Any]) -> list[lora.Path]:
    return list(traverse_util.flatten_dict(tree))


def _matching(pattern: str, flat: Mapping[lora.Path, Any]) -> list[lora.Path]:
    return [path for path in flat if re.search(pattern, '/'.join(path))]


def _check_pattern(name: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f'{name}={pattern!r} is no regular expression: {error}') from None


def _no_match(name: str, pattern: str, flat: Mapping[lora.Path, Any]) -> errors.UsageError:
    known = ', '.join(sorted({'/'.join(path) for path in flat})[:12])
    what = 'linear map' if name == 'pattern' else 'parameter'
    more = ', ...' if len(flat) > 12 else ''
    return errors.UsageError(
        f'optim.train.{name}={pattern!r} fits no {what} of the model, which has {known}{more}. '
        f'Fix: --config.optim.train.{name}=PATTERN'
    )
