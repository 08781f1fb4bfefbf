"""Tables of rules between the tensors of a source and a parameter tree.

A rule names the tensor that becomes a parameter and how its layout changes, in both directions, so
one table both reads and writes. A table must be complete: every tensor is used or listed as
ignored, every parameter is filled, and shapes are equal. Everything that does not match is reported
in one error.
"""

import dataclasses
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from genojax import errors
from genojax.convert import values

# In the source name of a rule: the index of a layer, 0, 1, ... Such parameters are stacked on axis
# 0.
LAYER = '{n}'


@dataclasses.dataclass(frozen=True)
class LayoutTransform:
    """How the layout of a tensor changes; `write` is the exact inverse of `read`."""

    read: Callable[[np.ndarray], np.ndarray]
    write: Callable[[np.ndarray], np.ndarray]


def _identity(x: np.ndarray) -> np.ndarray:
    return x


IDENTITY = LayoutTransform(_identity, _identity)
TRANSPOSE = LayoutTransform(np.transpose, np.transpose)  # reverses all axes: torch's [out, in]


def reshape(read: Sequence[int], write: Sequence[int], transposed: bool = True) -> LayoutTransform:
    """Splits or joins the axes of a matrix, after reversing those of a transposed source.

    Args:
        read: shape of the parameter; one size may be -1.
        write: shape of the source before it is transposed back; one size may be -1.
        transposed: whether the source is [out, in], as torch's, rather than [in, out].
    """
    reverse = np.transpose if transposed else _identity
    return LayoutTransform(lambda x: reverse(x).reshape(read), lambda x: reverse(x.reshape(write)))


@dataclasses.dataclass(frozen=True)
class Rule:
    """One parameter and the tensor that it is read from.

    Attributes:
        source: name of the tensor; with `{n}` there is one tensor per layer.
        target: path of the parameter, its collection first: 'params/layers/block/mlp/up/kernel'.
            With `{n}` in the source, the layers are stacked on axis 0.
        transform: change of layout from the tensor to the parameter.
        part: (i, count): the parameter is the i-th of `count` equal slices of the tensor along
            `axis`; other rules read the other slices. (0, 1) is the whole tensor.
        axis: axis of the source tensor, before `transform`.
    """

    source: str
    target: str
    transform: LayoutTransform = IDENTITY
    part: tuple[int, int] = (0, 1)
    axis: int = 0


@dataclasses.dataclass(frozen=True)
class Tie:
    """A second name of a tensor that the model holds once.

    The source may omit it; where it is present, it must be equal to the tensor named `equals`.
    """

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
    """Fills a tree of variables from the tensors of a source.

    Args:
        rules: one per parameter.
        tensors: by name. One is fetched at a time, so a lazy mapping needs no second copy in
        memory.
        abstract: the tree to fill: nested dictionaries of anything with a shape and a dtype.
        ignored: names of tensors without a use here, as fnmatch patterns (*, ?).
        ties: second names of tensors.
        path: of the source, for error messages.

    Returns:
        Collection -> nested numpy parameters, in the dtypes of `abstract`.

    Raises:
        InputError: CV01, listing everything that is missing, left over or of another shape; CV07,
            naming the tensors whose values are no finite numbers of the parameter's type.
    """
    goals = flatten(abstract)
    problems = _name_problems(rules, tensors, goals, ignored, ties)
    filled: dict[str, np.ndarray] = {}
    unusable: list[str] = []
    for rule in rules:
        if rule.target in goals:
            goal = goals[rule.target]
            filled[rule.target] = np.empty(goal.shape, goal.dtype)
            problems += _fill_parameter(filled[rule.target], rule, tensors, unusable)
    problems += [
        f'{tie.source} is not equal to {tie.equals}, with which it is tied'
        for tie in ties
        if tie.source in tensors
        and tie.equals in tensors
        and not np.array_equal(tensors[tie.source], tensors[tie.equals])
    ]
    if problems:
        raise errors.InputError('CV01', '; '.join(problems), path=path)
    if unusable:
        raise errors.InputError('CV07', values.listed(unusable), path=path)
    return unflatten(filled)


def _fill_parameter(
    parameter: np.ndarray, rule: Rule, tensors: Mapping[str, np.ndarray], unusable: list[str]
) -> list[str]:
    """Copies the tensors of a rule that are present into its parameter; returns the problems.

    Args:
        unusable: tensors with values that are no weights are appended, with the reason.
    """
    problems = []
    for name, layer in _source_names(rule, parameter.shape):
        if name in tensors:
            target = parameter if layer is None else parameter[layer]
            tensor = tensors[name]
            reason = values.problem(tensor, parameter.dtype)
            if reason:
                unusable.append(f'{name} {reason}')
                continue
            problem = _fill(target, tensor, rule)
            if problem:
                problems.append(f'{name}: {problem}')
    return problems


def _fill(target: np.ndarray, tensor: np.ndarray, rule: Rule) -> str:
    """Copies a tensor into `target`; returns the problem if it does not fit, else ''."""
    index, count = rule.part
    divides = count == 1 or (rule.axis < tensor.ndim and not tensor.shape[rule.axis] % count)
    if not divides:
        return f'shape {tensor.shape} cannot be split into {count} along axis {rule.axis}'
    part = np.split(tensor, count, rule.axis)[index] if count > 1 else tensor
    try:
        value = rule.transform.read(part)
    except ValueError:
        return f'shape {tensor.shape} does not fit {rule.target} {target.shape}'
    if value.shape != target.shape:
        return f'shape {tensor.shape} gives {value.shape}, but {rule.target} is {target.shape}'
    target[...] = value
    return ''


def _name_problems(rules, tensors, goals, ignored, ties) -> list[str]:
    """What is missing or left over, by names alone; the layers of one rule share a line."""
    problems = []
    known = {tie.source for tie in ties}
    for rule in rules:
        if rule.target not in goals:
            problems.append(f'the model has no {rule.target}, which {rule.source} would fill')
            continue
        names = list(_source_names(rule, goals[rule.target].shape))
        known.update(name for name, _ in names)
        missing = [layer for name, layer in names if name not in tensors]
        if missing:
            layers = '' if missing[0] is None else f' for n={",".join(map(str, missing))}'
            problems.append(f'{rule.source} is missing{layers}')
    filled = {rule.target for rule in rules}
    problems += [f'no tensor fills {target}' for target in goals if target not in filled]
    for name in tensors:
        if name not in known and not is_ignored(name, ignored):
            problems.append(f'{name} is left over')
    return list(dict.fromkeys(problems))


def write(rules: Sequence[Rule], variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The tensors of the source by name: the inverse of `read`, without ignored and tied names.

    Raises:
        InputError: CV01, the parameter of a rule is absent, or a parameter has no rule.
    """
    leaves = flatten(variables)
    targets = {rule.target for rule in rules}
    problems = [f'there is no {target}' for target in sorted(targets - leaves.keys())]
    problems += [f'no rule writes {target}' for target in sorted(leaves.keys() - targets)]
    if problems:
        raise errors.InputError('CV01', '; '.join(problems))
    parts: dict[str, list[tuple[int, int, np.ndarray]]] = {}
    for rule in rules:
        value = np.asarray(leaves[rule.target])
        for name, layer in _source_names(rule, value.shape):
            part = rule.transform.write(value if layer is None else value[layer])
            parts.setdefault(name, []).append((rule.part[0], rule.axis, part))
    return {name: _join(parts_of_one) for name, parts_of_one in parts.items()}


def _join(parts: list[tuple[int, int, np.ndarray]]) -> np.ndarray:
    """Concatenates parts, each (index, axis, array), in the order of their indices."""
    if len(parts) == 1:
        return np.asarray(parts[0][2], order='C')
    ordered = sorted(parts, key=lambda part: part[0])
    return np.ascontiguousarray(np.concatenate([x for _, _, x in ordered], axis=ordered[0][1]))


def _source_names(rule: Rule, shape: Sequence[int]) -> Iterable[tuple[str, int | None]]:
    """The tensors of a rule, each with the index on axis 0 of the parameter that it fills."""
    if LAYER not in rule.source:
        return [(rule.source, None)]
    return [(rule.source.replace(LAYER, str(n)), n) for n in range(shape[0])]


def is_ignored(name: str, ignored: Sequence[str]) -> bool:
    """Whether one of the patterns matches the name."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in ignored)


def rename(tensors: Mapping[str, Any], changes: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """The same tensors under new names.

    Args:
        tensors: by name.
        changes: regular expressions and their replacements, applied in order.

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
    return RenamedTensors(tensors, names)


class RenamedTensors(Mapping):
    """A lazy view of a mapping under other names.

    Args:
        tensors: by their own names.
        names: new name -> own name.
    """

    def __init__(self, tensors: Mapping[str, Any], names: Mapping[str, str]):
        self._tensors, self._names = tensors, names

    def __getitem__(self, name: str):
        return self._tensors[self._names[name]]

    def __contains__(self, name):
        return name in self._names  # without fetching the value

    def __iter__(self):
        return iter(self._names)

    def __len__(self):
        return len(self._names)


def flatten(tree: Mapping[str, Any], path: str = '') -> dict[str, Any]:
    """Nested dictionaries as one of 'a/b/c' -> leaf."""
    flat = {}
    for key, value in tree.items():
        name = f'{path}{key}'
        flat |= flatten(value, f'{name}/') if isinstance(value, Mapping) else {name: value}
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
