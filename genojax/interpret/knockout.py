"""What a task loses without some attention heads, against as many random heads.

A head is removed by setting its rows of the output map to 0: the layer then adds what its other
heads add, and its bias. The cost is paired: the same rows are scored with and without the heads.
Michel, Levy and Neubig 2019 (arXiv 1905.10650) remove heads in this way.
"""

import copy
import dataclasses
import itertools
import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import numpy as np

from genojax import errors, metrics, sharding
from genojax.inference import prediction
from genojax.inference.model import Model

Head = tuple[int, int]  # numbers of its layer and of itself, from 0
Advance = Callable[[int], None]


def names(heads: Collection[Head]) -> str:
    """Heads as LAYER.HEAD, with commas."""
    return ','.join(f'{layer}.{head}' for layer, head in heads)


def without_heads(params: Any, heads: Collection[Head], maps: tuple[int, int]) -> Any:
    """Parameters of a model in which some attention heads add nothing.

    Args:
        params: with one output map of the attention, 'attention'/'kernel' [layers, heads, K, D].
        heads: (layer, head) of each.
        maps: layers and heads of the model (`config.attention_maps`).

    Raises:
        UsageError: no such head, or the model's attention is not stored like that.
    """
    layers, count = maps
    wrong = [head for head in heads if not (0 <= head[0] < layers and 0 <= head[1] < count)]
    if wrong:
        raise errors.UsageError(
            f'there is no head {wrong[0][1]} in layer {wrong[0][0]}: the model has layers 0 to '
            f'{layers - 1} with heads 0 to {count - 1}'
        )
    replaced: list[str] = []

    def without(path, leaf):
        name = jax.tree_util.keystr(path)
        if not name.endswith("['attention']['kernel']") or np.shape(leaf)[:2] != maps:
            return leaf
        replaced.append(name)
        present_NH = np.ones(maps, bool)
        for layer, head in heads:
            present_NH[layer, head] = False
        return leaf * present_NH[:, :, None, None].astype(leaf.dtype)

    result = jax.tree_util.tree_map_with_path(without, params)
    if len(replaced) != 1:
        raise errors.UsageError(
            'heads can be removed from transformers whose layers are stacked (kind bert); this '
            f'model has {len(replaced)} such output maps'
        )
    return result


def with_params(model: Model, params: Any) -> Model:
    """The same model and heads of tasks with other parameters; compiled programs are shared."""
    other = copy.copy(model)
    other.params = jax.device_put(params, sharding.replicated(model.mesh))
    return other


def random_sets(
    chosen: Collection[Head], maps: tuple[int, int], draws: int, seed: int = 0
) -> list[tuple[Head, ...]]:
    """Different sets of as many heads as `chosen` has, in random order.

    Of the other heads alone if these have enough sets, else of all heads but without the set
    `chosen` itself; fewer than `draws` if there are no more.
    """
    every = list(itertools.product(range(maps[0]), range(maps[1])))
    taken, size = {tuple(head) for head in chosen}, len(set(chosen))
    others = [head for head in every if head not in taken]
    pool = others if math.comb(len(others), size) >= draws else every
    rng = np.random.default_rng(seed)
    sets: dict[frozenset, tuple[Head, ...]] = {}
    possible = math.comb(len(pool), size) - (len(pool) == len(every))
    while len(sets) < min(draws, possible):
        numbers = sorted(rng.choice(len(pool), size, replace=False).tolist())
        drawn = tuple(pool[number] for number in numbers)
        if set(drawn) != taken:
            sets[frozenset(drawn)] = drawn
    return list(sets.values())


@dataclasses.dataclass(frozen=True, eq=False)
class KnockOut:
    """Average precision of a task with and without heads, on the same rows.

    Attributes:
        chosen: the heads in question.
        whole, without: average precision of the model and of the model without them.
        cost: `whole` - `without`, paired.
        draws: random sets of as many heads.
        draw_costs: what the removal of each of them costs, float64 [draws].
        excess: `cost` minus the mean of `draw_costs`, paired.
        p_value: (1 + draws that cost at least as much) / (1 + draws).
        rows: that were scored.
    """

    chosen: tuple[Head, ...]
    whole: metrics.Estimate
    without: metrics.Estimate
    cost: metrics.Estimate
    draws: list[tuple[Head, ...]]
    draw_costs: np.ndarray
    excess: metrics.Estimate
    p_value: float
    rows: int

    def as_json(self) -> dict:
        """The figures, heads as LAYER.HEAD."""
        return {
            'chosen': names(self.chosen),
            'rows': self.rows,
            'average_precision': list(self.whole),
            'without': list(self.without),
            'cost': list(self.cost),
            'excess': list(self.excess),
            'p_value': self.p_value,
            'draws': len(self.draws),
            'random': {
                names(heads): float(cost)
                for heads, cost in zip(self.draws, self.draw_costs, strict=True)
            },
        }

    def text(self) -> str:
        """One line for a user."""
        show = metrics.format_interval
        return (
            f'heads {names(self.chosen)} removed: average precision {show(self.whole)} falls to '
            f'{show(self.without)}; that is {show(self.excess)} more than the mean of '
            f'{len(self.draws)} random sets (p {self.p_value:.3g})'
        )


def knock_out(
    model: Model,
    head: prediction.TaskHead,
    rows: Sequence[np.ndarray],
    labels: np.ndarray,
    chosen: Collection[Head],
    *,
    draws: int = 20,
    groups: np.ndarray | None = None,
    seed: int = 0,
    advance: Advance = lambda count: None,
) -> KnockOut:
    """The cost of removing heads, in average precision, against random sets of as many heads.

    Args:
        head: one output of a task, of `outputs.select`.
        rows: base codes, as `head.read_row` returned them.
        labels: whether each row is positive, bool [N].
        draws: random sets; fewer if the model has no more.
        groups: of rows that are not independent, such as genes: intervals are over groups.
        seed: of the draws and of the resamples.
        advance: called with the number of rows that are scored.

    Raises:
        UsageError: as `without_heads`; no head or no draw; all rows have one label.
    """
    maps, chosen = model.config.attention_maps, tuple(sorted(set(map(tuple, chosen))))
    sets = random_sets(chosen, maps, draws, seed) if chosen else []
    if not sets:
        raise errors.UsageError(f'{len(chosen)} of {maps[0] * maps[1]} heads: nothing to compare')
    label_N = np.asarray(labels, bool)
    if label_N.all() or not label_N.any():
        raise errors.UsageError(f'all {len(label_N):,} rows have one label')

    def scores(heads: Sequence[Head]) -> np.ndarray:
        params = without_heads(model.params, heads, maps)
        part = prediction.predict(with_params(model, params), head, list(rows), advance)
        return part.values[:, 0]

    whole_N, without_N = scores(()), scores(chosen)
    draws_RN = np.stack([scores(heads) for heads in sets])
    options = {'seed': seed, 'clusters': groups, 'stratified': groups is None}
    if groups is not None:
        options['cluster_strata'] = label_N
    average = metrics.auprc
    cost = metrics.paired_difference(average, label_N, whole_N, without_N, **options)
    base = float(average(label_N, whole_N))
    draw_costs = np.array([base - float(average(label_N, score_N)) for score_N in draws_RN])
    return KnockOut(
        chosen=chosen,
        whole=metrics.bootstrap_interval(average, label_N, whole_N, **options),
        without=metrics.bootstrap_interval(average, label_N, without_N, **options),
        cost=cost,
        draws=sets,
        draw_costs=draw_costs,
        excess=metrics.paired_difference(
            _mean_precision, label_N, draws_RN, without_N[None], **options
        ),
        p_value=(1 + int((draw_costs >= cost.value).sum())) / (1 + len(sets)),
        rows=len(label_N),
    )


def _mean_precision(labels, scores_RN: np.ndarray, weights=None):
    return np.mean([metrics.auprc(labels, score_N, weights) for score_N in scores_RN], axis=0)
