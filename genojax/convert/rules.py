"""Tables of rules between a source's tensors and a parameter tree, each complete or refused.

A rule says which tensor becomes which parameter and how its layout changes, in both directions, so that one table both
reads and writes. Nothing is skipped in silence: every tensor must be consumed or named as ignored, every parameter must
be filled, and shapes must be equal; all that is wrong is told in one error.
"""

import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from genojax import errors

LAYER = '{n}'  # in a rule's source: the number of a layer, 0, 1, ...; such parameters are stacked on axis 0


@dataclasses.dataclass(frozen=True)
class Way:
    """How a tensor's layout changes; `write` is the inverse of `read`, exactly."""

    read: Callable[[np.ndarray], np.ndarray]
    write: Callable[[np.ndarray], np.ndarray]


def _same(x: np.ndarray) -> np.ndarray:
    return x


SAME = Way(_same, _same)
TRANSPOSED = Way(np.transpose, np.transpose)  # torch's [out, in] to [in, out]; reverses all axes


def reshaped(read: Sequence[int], write: Sequence[int], transposed: bool = True) -> Way:
    """A matrix whose axes are split or joined: the source transposed (torch's [out, in]), then in the shape `read`.

    Args:
        read: the parameter's shape; one -1 is worked out.
        write: the shape before transposing back; one -1 is worked out.
    """
    turn = np.transpose if transposed else _same
    return Way(lambda x: turn(x).reshape(read), lambda x: turn(x.reshape(write)))


@dataclasses.dataclass(frozen=True)
class Rule:
    """One parameter and the tensor it is read from.

    Attributes:
        source: the tensor's name; with `{n}` one tensor a layer.
        target: the parameter's path, its collection first: 'params/layers/block/mlp/up/kernel'. With `{n}` in the
            source the layers are stacked on axis 0.
        part: (i, of): this parameter is the i-th of `of` equal slices of the tensor along `axis`; the other slices
            have rules of their own. (0, 1) is the whole tensor.
        axis: of the source tensor, before `way`.
    """

    source: str
    target: str
    way: Way = SAME
    part: tuple[int, int] = (0, 1)
    axis: int = 0


@dataclasses.dataclass(frozen=True)
class Tie:
    """A second name for a tensor that the model holds once: it may be absent, and must be equal where it is not."""

    source: str
    equals: str


def read(
    rules: Sequence[Rule],
    tensors: Mapping[str, np.ndarray],
    abstract: Mapping[str, Any],
    ignored: Sequence[str] = (),
    ties: Sequence[Tie] = (),
    path: Any = None,
) -> dict[str, Any]:
    """The variables (collection -> nested parameters, numpy, in the dtypes of `abstract`) that the tensors hold.

    Args:
        tensors: by name; one is fetched at a time, so a lazy mapping needs no second copy of the model.
        abstract: nested dictionaries of anything with a shape and a dtype: the tree to fill.
        ignored: names (fnmatch patterns: *, ?) of tensors that carry nothing we use.
        path: of the source, for the message.

    Raises:
        InputError: CV01, naming everything that is missing, left over or of another shape.
    """
    goals = flatten(abstract)
    wrong = _mistakes_of_names(rules, tensors, goals, ignored, ties)
    filled: dict[str, np.ndarray] = {}
    for rule in rules:
        goal = goals.get(rule.target)
        if goal is None:
            continue
        filled[rule.target] = np.empty(goal.shape, goal.dtype)
        for name, layer in _names(rule, goal.shape):
            if name not in tensors:
                continue
            found = tensors[name]
            room = filled[rule.target] if layer is None else filled[rule.target][layer]
            problem = _fill(room, found, rule)
            if problem:
                wrong.append(f'{name}: {problem}')
    wrong += [
        f'{tie.source} is not equal to {tie.equals}, with which it is tied'
        for tie in ties
        if tie.source in tensors
        and tie.equals in tensors
        and not np.array_equal(tensors[tie.source], tensors[tie.equals])
    ]
    if wrong:
        raise errors.InputError('CV01', '; '.join(wrong), path=path)
    return unflatten(filled)


def _fill(room: np.ndarray, tensor: np.ndarray, rule: Rule) -> str:
    """Puts a tensor in its place; what is wrong with it, if something is."""
    index, count = rule.part
    whole = count == 1 or (rule.axis < tensor.ndim and not tensor.shape[rule.axis] % count)
    if not whole:
        return f'shape {tensor.shape} cannot be cut into {count} along axis {rule.axis}'
    try:
        value = rule.way.read(np.split(tensor, count, rule.axis)[index] if count > 1 else tensor)
    except ValueError:
        return f'shape {tensor.shape} does not fit {rule.target} {room.shape}'
    if value.shape != room.shape:
        return f'shape {tensor.shape} gives {value.shape}, but {rule.target} is {room.shape}'
    room[...] = value
    return ''


def _mistakes_of_names(rules, tensors, goals, ignored, ties) -> list[str]:
    """What is missing or left over, judged by names alone; the layers of one rule share a line."""
    wrong = []
    known = {tie.source for tie in ties}
    for rule in rules:
        goal = goals.get(rule.target)
        if goal is None:
            wrong.append(f'the model has no {rule.target}, which {rule.source} would fill')
            continue
        names = list(_names(rule, goal.shape))
        known.update(name for name, _ in names)
        missing = [(name, layer) for name, layer in names if name not in tensors]
        if missing and missing[0][1] is None:
            wrong.append(f'{rule.source} is missing')
        elif missing:
            layers = ','.join(str(layer) for _, layer in missing)
            wrong.append(f'{rule.source} is missing for n={layers}')
    filled = {rule.target for rule in rules}
    wrong += [f'nothing fills {target}' for target in goals if target not in filled]
    for name in tensors:
        if name not in known and not is_ignored(name, ignored):
            wrong.append(f'{name} is left over')
    return sorted(set(wrong), key=wrong.index)


def write(rules: Sequence[Rule], variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The source's tensors by their names: the inverse of `read`, without ignored and tied names.

    Raises:
        InputError: CV01, a rule's parameter is absent or a parameter has no rule.
    """
    values = flatten(variables)
    targets = {rule.target for rule in rules}
    wrong = [f'there is no {target}' for target in sorted(targets - values.keys())]
    wrong += [f'no rule writes {target}' for target in sorted(values.keys() - targets)]
    if wrong:
        raise errors.InputError('CV01', '; '.join(wrong))
    parts: dict[str, list[tuple[int, int, np.ndarray]]] = {}
    for rule in rules:
        value = np.asarray(values[rule.target])
        for name, layer in _names(rule, value.shape):
            one = rule.way.write(value if layer is None else value[layer])
            parts.setdefault(name, []).append((rule.part[0], rule.axis, one))
    return {name: _join(found) for name, found in parts.items()}


def _join(parts: list[tuple[int, int, np.ndarray]]) -> np.ndarray:
    if len(parts) == 1:
        return np.asarray(parts[0][2], order='C')
    ordered = sorted(parts, key=lambda part: part[0])
    return np.ascontiguousarray(np.concatenate([x for _, _, x in ordered], axis=ordered[0][1]))


def _names(rule: Rule, shape: Sequence[int]) -> Iterable[tuple[str, int | None]]:
    """The source names of a rule, with the place on axis 0 of the parameter that each fills."""
    if LAYER not in rule.source:
        return [(rule.source, None)]
    return [(rule.source.replace(LAYER, str(n)), n) for n in range(shape[0])]


def is_ignored(name: str, ignored: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in ignored)


def renamed(tensors: Mapping[str, Any], changes: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """The same tensors under new names: each (pattern, replacement) is a regular expression, applied in order.

    Raises:
        InputError: CV01, two tensors would have the same name.
    """
    names: dict[str, str] = {}
    for old in tensors:
        new = old
        for pattern, replacement in changes:
            new = re.sub(pattern, replacement, new)
        if new in names:
            raise errors.InputError('CV01', f'{old} and {names[new]} are both {new}')
        names[new] = old
    return Renamed(tensors, names)


class Renamed(Mapping):
    """A mapping seen under other names; values are fetched when asked for."""

    def __init__(self, tensors: Mapping[str, Any], names: Mapping[str, str]):
        self._tensors, self._names = tensors, names

    def __getitem__(self, name: str):
        return self._tensors[self._names[name]]

    def __contains__(self, name):
        return name in self._names  # without fetching it

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)


def flatten(tree: Mapping[str, Any], path: str = '') -> dict[str, Any]:
    """'a/b/c' -> leaf."""
    flat = {}
    for key, value in tree.items():
        where = f'{path}{key}'
        flat |= flatten(value, f'{where}/') if isinstance(value, Mapping) else {where: value}
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `flatten`."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *folders, last = path.split('/')
        node = tree
        for folder in folders:
            node = node.setdefault(folder, {})
        node[last] = value
    return tree
