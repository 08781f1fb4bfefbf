"""Species weights: what they mean, and which species each draw is."""

import difflib
import heapq
import math
from collections.abc import Mapping, Sequence

import numpy as np

from genojax import errors

REST = '*'
PERIOD = 10_000  # draws in a table
_LONGEST = 16 * PERIOD
_FEWEST = 20  # draws a species should have in a table; a rarer one gets a longer table


def resolve(
    weights: Mapping,
    species: Sequence[str],
    leave_out: Sequence[str] = (),
    rest: str = 'equal',
    bases: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """The share of the draws of every species that is drawn, in the order of `species`; they sum to 1.

    Args:
        bases: training bases by species, for rest='bases'.

    Raises:
        InputError: MX01 zero, MX02 negative, MX03 not a finite number, MX04 unknown species, MX06
        '*' for nobody, MX07 a
            species that is neither weighed nor left out.
    """
    for name, weight in weights.items():
        _check_weight(name, weight)
    for name in [*weights, *leave_out]:
        if name not in species and name != REST:
            near = difflib.get_close_matches(name, species, n=1)
            hint = f'did you mean {near[0]!r}?' if near else f'the data holds {", ".join(species)}'
            raise errors.InputError('MX04', f'there is no species {name!r}', fix=hint)
    for name in leave_out:
        if name in weights:
            raise errors.InputError('MX01', f'{name} has a weight and is left out', fix='drop one')
    others = [name for name in species if name not in weights and name not in leave_out]
    if REST in weights and not others:
        raise errors.InputError(
            'MX06', "'*' has a weight, but every species is named or left out", fix="drop '*'"
        )
    if others and REST not in weights:
        raise errors.InputError(
            'MX07',
            f'{", ".join(others)} {"has" if len(others) == 1 else "have"} no weight',
            fix="give a weight, add '*', or name it in leave_out",
        )
    size = {name: float(bases[name]) if rest == 'bases' and bases else 1.0 for name in others}
    whole = sum(size.values()) or 1.0
    given = {n: weights[REST] * size[n] / whole if n in size else weights.get(n) for n in species}
    total = math.fsum(w for w in given.values() if w is not None)
    return {name: weight / total for name, weight in given.items() if weight is not None}


def _check_weight(name: str, weight) -> None:
    is_number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
    if not is_number or not math.isfinite(weight):
        raise errors.InputError(
            'MX03', f'the weight of {name!r} is {weight!r}', fix='give a number'
        )
    if weight == 0:
        fix = 'name it in leave_out' if name != REST else 'drop it and fill leave_out'
        raise errors.InputError('MX01', f'the weight of {name!r} is 0', fix=fix)
    if weight < 0:
        raise errors.InputError(
            'MX02', f'the weight of {name!r} is {weight}', fix='make it positive'
        )


def quotas(shares: Mapping[str, float]) -> np.ndarray:
    """Draws of each species in one table, int64 [S]: its share to the nearest whole draw, by largest remainder."""
    share_S = np.array(list(shares.values()), np.float64)
    tables = math.ceil(min(_FEWEST / (max(share_S.min(), 1e-12) * PERIOD), _LONGEST / PERIOD))
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
    """The species of every draw of a table, int32 [sum of quotas]: after t draws each is within one of t * share.

    Draw j of a species may come from its j-th even share of the table on and must come before that
    share ends; taking the earliest end first meets every one of them (earliest deadline first is
    optimal; Liu & Layland 1973).
    """
    period = int(quota_S.sum())
    quotas_ = [int(q) for q in quota_S]
    waiting: list[list[int]] = [[] for _ in range(period)]
    ready: list[tuple[int, int, int]] = []
    result = np.empty(period, np.int32)
    waiting[0] = list(range(len(quotas_)))
    drawn = [0] * len(quotas_)
    for slot in range(period):
        for s in waiting[slot]:
            heapq.heappush(ready, (-(-(drawn[s] + 1) * period // quotas_[s]), s, slot))
        s = heapq.heappop(ready)[1]
        result[slot] = s
        drawn[s] += 1
        if drawn[s] < quotas_[s]:
            release = max(drawn[s] * period // quotas_[s], slot + 1)
            waiting[release].append(s)
    return result
