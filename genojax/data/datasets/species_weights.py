"""Species weights: the share of each species, and the species of each draw."""

import difflib
import heapq
import json
import math
import shlex
from collections.abc import Mapping, Sequence

import numpy as np

from genojax import errors

REST = '*'
_FIELD = '--config.tasks.TASK.data.mixture'
PERIOD = 10_000  # draws per table
_MAX_PERIOD = 16 * PERIOD
_MIN_DRAWS = 20  # per species and table; a rarer species needs a longer table


def resolve(
    weights: Mapping,
    species: Sequence[str],
    leave_out: Sequence[str] = (),
    rest: str = 'equal',
    bases: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """The share of the draws of every species not left out, in the order of `species`.

    Args:
        bases: training bases by species, for rest='bases'.

    Raises:
        InputError: MX01 a weight is zero, or its species is left out; MX02 negative; MX03 not a
            finite number; MX04 unknown species; MX06 '*' without species; MX07 a species that has
            no weight and is not left out.
    """
    _check_names(weights, species, leave_out)
    others = [name for name in species if name not in weights and name not in leave_out]
    size = {name: float(bases[name]) if rest == 'bases' and bases else 1.0 for name in others}
    all_sizes = sum(size.values()) or 1.0
    weight_of = {
        name: weights[REST] * size[name] / all_sizes if name in size else weights.get(name)
        for name in species
    }
    total = math.fsum(weight for weight in weight_of.values() if weight is not None)
    return {name: weight / total for name, weight in weight_of.items() if weight is not None}


def _check_names(weights: Mapping, species: Sequence[str], leave_out: Sequence[str]) -> None:
    """Refuses invalid weights, and species that are unknown or not accounted for."""
    others = [name for name in species if name not in weights and name not in leave_out]
    for name, weight in weights.items():
        _check_weight(name, weight)
        if weight == 0:
            unweighted = others if name == REST else [name]
            fix = f'{leaving_out(unweighted, weights, leave_out)} leaves the species out'
            if name == REST:
                fix = f'{_drop(name, weights)} {fix}'
            raise errors.InputError('MX01', f'the weight of {name!r} is 0', fix=fix)
    for name in [*weights, *leave_out]:
        if name not in species and name != REST:
            similar = difflib.get_close_matches(name, species, n=1)
            hint = f'did you mean {similar[0]!r}?' if similar else _remove(name, weights, species)
            raise errors.InputError('MX04', f'there is no species {name!r}', fix=hint)
    for name in leave_out:
        if name in weights:
            problem = f'{name} has a weight and is left out'
            raise errors.InputError('MX01', problem, fix=f'{_drop(name, weights)} drops the weight')
    if REST in weights and not others:
        raise errors.InputError(
            'MX06',
            "'*' has a weight, but every species is named or left out",
            fix=f"{_drop(REST, weights)} drops '*'",
        )
    if others and REST not in weights:
        raise errors.InputError(
            'MX07',
            f'{", ".join(others)} {"has" if len(others) == 1 else "have"} no weight',
            fix=f"'{_FIELD}.weights.*=1' divides a weight among them; "
            f'{leaving_out(others, weights, leave_out)} leaves them out',
        )


def _remove(name: str, weights: Mapping, species: Sequence[str]) -> str:
    """What to type for a species that the genomes do not have."""
    lines = [f'the species are {", ".join(species)}']
    if name in weights:
        lines.insert(0, f'{_drop(name, weights)} removes it')
    return '; '.join(lines)


def _drop(name: str, weights: Mapping) -> str:
    """The option that drops a weight."""
    if '.' in name:  # no part of a field's path
        rest = {other: weight for other, weight in weights.items() if other != name}
        return shlex.quote(f'{_FIELD}.weights={json.dumps(rest, default=str)}')
    return shlex.quote(f'{_FIELD}.weights.{name}=None')


def leaving_out(names: Sequence[str], weights: Mapping, leave_out: Sequence[str]) -> str:
    """The options that leave out some species, besides those that are left out already."""
    options = [_drop(name, weights) for name in names if name in weights]
    every = json.dumps([*leave_out, *names])
    return ' '.join([*options, shlex.quote(f'{_FIELD}.leave_out={every}')])


def _check_weight(name: str, weight) -> None:
    is_number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
    if not is_number or not math.isfinite(weight):
        raise errors.InputError(
            'MX03', f'the weight of {name!r} is {weight!r}', fix='give a number'
        )
    if weight < 0:
        raise errors.InputError(
            'MX02', f'the weight of {name!r} is {weight}', fix='make it positive'
        )


def quotas(shares: Mapping[str, float]) -> np.ndarray:
    """Draws per species in one table, int64 [S]: shares rounded by largest remainder."""
    share_S = np.array(list(shares.values()), np.float64)
    tables = math.ceil(min(_MIN_DRAWS / (max(share_S.min(), 1e-12) * PERIOD), _MAX_PERIOD / PERIOD))
    period = PERIOD * max(1, tables)
    exact_S = share_S / share_S.sum() * period
    quota_S = np.floor(exact_S).astype(np.int64)
    by_remainder = np.argsort(quota_S - exact_S, kind='stable')
    quota_S[by_remainder[: period - quota_S.sum()]] += 1
    if quota_S.min() < 1:
        name = list(shares)[int(quota_S.argmin())]
        raise errors.InputError(
            'MX08',
            f'the share of {name!r} is {shares[name]:.3g}, less than one draw in {period:,}',
            fix='raise its weight or name it in leave_out',
        )
    return quota_S


def interleave(quota_S: np.ndarray) -> np.ndarray:
    """The species of every draw of a table, int32; after t draws each is within 1 of t * share.

    The table has one draw per unit of the quotas. Draw j of a species may not come before j/quota
    of the table and must come before (j+1)/quota of it. Taking the draw with the earliest deadline
    first meets all deadlines (earliest deadline first is optimal; Liu & Layland 1973).
    """
    period = int(quota_S.sum())
    quota = [int(q) for q in quota_S]
    waiting: list[list[int]] = [[] for _ in range(period)]
    ready: list[tuple[int, int, int]] = []
    result = np.empty(period, np.int32)
    waiting[0] = list(range(len(quota)))
    drawn = [0] * len(quota)
    for slot in range(period):
        for s in waiting[slot]:
            heapq.heappush(ready, (-(-(drawn[s] + 1) * period // quota[s]), s, slot))
        s = heapq.heappop(ready)[1]
        result[slot] = s
        drawn[s] += 1
        if drawn[s] < quota[s]:
            release = max(drawn[s] * period // quota[s], slot + 1)
            waiting[release].append(s)
    return result
