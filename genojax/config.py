"""Configs as data: frozen dataclasses to and from plain dictionaries, all mistakes in one error.

Where a field allows several config classes, the dictionary's `kind` selects one by name. The
classes are those of the annotation, a union of dataclasses with a field `kind: Literal['name']`, or
those of an open base class (`plugins.OpenBase`). A kind alone, as a string, stands for its class
with the defaults. Nothing else in a config names code.
"""

import dataclasses
import difflib
import functools
import inspect
import math
import types
import typing
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from genojax import errors, plugins

# Metadata of the fields that a run may change while it exists (`dataclasses.field(metadata=...)`).
# FREE: the trained numbers are the same bits. ROUNDING: the same arithmetic in another order, so
# that last bits may differ. All other fields belong to a run for good.
FREE = types.MappingProxyType({'on_resume': 'free'})
ROUNDING = types.MappingProxyType({'on_resume': 'rounding'})


def to_dict(config: Any) -> Any:
    """A dataclass tree as dictionaries, lists and plain values, ready for JSON."""
    if dataclasses.is_dataclass(config):
        return {
            field.name: to_dict(getattr(config, field.name)) for field in dataclasses.fields(config)
        }
    if isinstance(config, Mapping):
        return {str(key): to_dict(value) for key, value in config.items()}
    if isinstance(config, tuple | list):
        return [to_dict(item) for item in config]
    return config


def from_dict(cls: type, values: Mapping[str, Any]) -> Any:
    """The dataclass tree of class `cls` that a dictionary describes; the inverse of `to_dict`.

    Raises:
        UsageError: one line per mistake, all of them: an unknown field or kind (with the nearest
            known one), a wrong type, a missing field, NaN or infinity, and whatever `__post_init__`
            refuses.
    """
    mistakes: list[str] = []
    config = _build(cls, values, '', mistakes)
    if mistakes:
        raise errors.UsageError('\n'.join(['invalid config:', *mistakes]))
    return config


def changed(
    old: Mapping[str, Any], new: Mapping[str, Any], path: str = ''
) -> dict[str, tuple[Any, Any]]:
    """Path -> value in `old` and in `new`, for every leaf that differs between two dictionaries."""
    result = {}
    for key in [*old, *(key for key in new if key not in old)]:
        where = f'{path}{key}'
        before, after = old.get(key, '(absent)'), new.get(key, '(absent)')
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            result |= changed(before, after, f'{where}.')
        elif before != after:
            result[where] = before, after
    return result


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = '') -> list[str]:
    """`path: old -> new` for every leaf that differs between two dictionaries."""
    return [
        f'{where}: {before!r} -> {after!r}'
        for where, (before, after) in changed(old, new, path).items()
    ]


def leaves(value: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """The path and value of every leaf of a config."""
    if isinstance(value, Mapping):
        items = value.items()
    elif _is_instance(value):
        items = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    else:
        yield path, value
        return
    for name, item in items:
        yield from leaves(item, f'{path}.{name}' if path else str(name))


def on_resume(config: Any, path: str) -> str:
    """How a run may change the field at a path of its config: 'free', 'rounding' or 'never'."""
    for name in path.split('.'):
        if isinstance(config, Mapping):
            config = config.get(name)
            continue
        fields = {f.name: f for f in dataclasses.fields(config)} if _is_instance(config) else {}
        if name not in fields:
            return 'never'
        if 'on_resume' in fields[name].metadata:  # of the field, or of the part that it is in
            return fields[name].metadata['on_resume']
        config = getattr(config, name)
    return 'never'


def _is_instance(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not inspect.isclass(value)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _suggestion(name: Any, known: Collection[str]) -> str:
    nearest = difflib.get_close_matches(str(name), known, n=1)
    return f'; did you mean {nearest[0]!r}?' if nearest else ''


def _of_other_kinds(name: Any, kinds: Mapping[str, type], selected: type) -> str:
    """Which other kinds of a part have a field of this name, or of a similar one."""
    fields: dict[str, list[str]] = {}
    for kind in kinds:
        try:
            cls = kinds[kind]
        except ValueError:  # a class of another package, which cannot be used
            continue
        if cls is not selected:
            for field in dataclasses.fields(cls):
                fields.setdefault(field.name, []).append(repr(kind))
    nearest = difflib.get_close_matches(str(name), fields, n=1)
    if not nearest:
        return ''
    owners = ' or '.join(fields[nearest[0]])
    if nearest[0] == name:
        return f' of this kind; kind {owners} has it'
    return f'; did you mean {nearest[0]!r}, which kind {owners} has?'


def _build(
    cls: type,
    values: Any,
    path: str,
    mistakes: list[str],
    kinds: Mapping[str, type] = types.MappingProxyType({}),
) -> Any:
    """The dataclass of a dictionary; `kinds` are the classes among which its kind selects."""
    if isinstance(values, cls):
        return values
    where = path.rstrip('.') or 'config'
    if not isinstance(values, Mapping):
        mistakes.append(f'  {where}: {values!r} is not a dictionary of fields')
        return None
    before = len(mistakes)
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for key in values:
        if key not in fields:
            hint = _suggestion(key, fields) or _of_other_kinds(key, kinds, cls)
            hint = hint or f'; known fields: {", ".join(fields)}'
            mistakes.append(f'  {path}{key}: no such field{hint}')
    foreign = [line for line in mistakes[before:] if ' of this kind; ' in line]
    if len(foreign) > 1:  # the kind was changed, and the fields of the other one remain
        problem = f'  {where}: {len(foreign)} fields are not of kind {values["kind"]!r}. '
        fix = f'Fix: --config.{where}={values["kind"]}, with the defaults of that kind'
        mistakes.insert(before, problem + fix)
    arguments = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = _value(_hints(cls)[name], values[name], f'{path}{name}', mistakes)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            mistakes.append(f'  {path}{name}: required field is missing')
    if len(mistakes) > before:
        return None
    try:
        return cls(**arguments)
    except ValueError as error:
        # Messages of the form f'{self.width=} must be even' name the field without 'self.'.
        mistakes.append(f'  {where}: {str(error).replace("self.", "")}')
        return None
    except (ArithmeticError, TypeError, IndexError, KeyError, MemoryError) as error:
        shown = ', '.join(f'{name}={_shown(value)}' for name, value in arguments.items())
        mistakes.append(f'  {where}: no valid combination ({error}): {shown}')
        return None


def _value(hint: Any, value: Any, where: str, mistakes: list[str]) -> Any:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _union(parts, value, where, mistakes)
    if origin is typing.Literal:
        if value not in parts:
            known = ', '.join(map(repr, parts))
            hint = _suggestion(value, [part for part in parts if isinstance(part, str)])
            mistakes.append(f'  {where}: {_shown(value)} is not one of {known}{hint}')
        return value
    if inspect.isclass(hint) and issubclass(hint, plugins.OpenBase):
        return _open_base(hint, value, where, mistakes)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, f'{where}.', mistakes)
    if origin is tuple:
        return _tuple(parts, value, where, mistakes)
    if origin is dict:
        if not isinstance(value, Mapping):
            mistakes.append(f'  {where}: {_shown(value)} is not a dictionary')
            return value
        return {
            str(key): _value(parts[1], item, f'{where}.{key}', mistakes)
            for key, item in value.items()
            if item is not None  # `--config.weights.human=None` removes an entry
        }
    return _plain(hint, value, where, mistakes)


def _tuple(parts: tuple, value: Any, where: str, mistakes: list[str]) -> Any:
    if not isinstance(value, tuple | list):
        mistakes.append(f'  {where}: {_shown(value)} is not a list')
        return value
    inner = parts[:1] * len(value) if parts[1:] == (...,) else parts
    if len(inner) != len(value):
        mistakes.append(f'  {where}: {len(value)} values instead of {len(inner)}')
        return value
    return tuple(
        _value(part, item, f'{where}[{i}]', mistakes)
        for i, (part, item) in enumerate(zip(inner, value, strict=True))
    )


def _union(parts: tuple, value: Any, where: str, mistakes: list[str]) -> Any:
    if value is None and type(None) in parts:
        return None
    classes = [part for part in parts if dataclasses.is_dataclass(part)]
    if classes and isinstance(value, tuple(classes)):
        return value
    if len(classes) > 1:
        kinds = {typing.get_args(_hints(part)['kind'])[0]: part for part in classes}
        return _by_kind(kinds, value, where, mistakes)
    others = [part for part in parts if part is not type(None)]
    return _value(others[0], value, where, mistakes)


def _open_base(base: type, value: Any, where: str, mistakes: list[str]) -> Any:
    """The config of whichever class of `base.config_kinds()` has the dictionary's kind."""
    if isinstance(value, base):
        return value
    if plugins.kinds_of(base):  # the annotation names one class, so nothing is left to select
        return _build(base, value, f'{where}.', mistakes)
    installed = ' (a kind of another package is known once that is installed)'
    return _by_kind(base.config_kinds(), value, where, mistakes, installed)


def _by_kind(
    kinds: Mapping[str, type], value: Any, where: str, mistakes: list[str], hint: str = ''
) -> Any:
    if isinstance(value, str):
        value = {'kind': value}
    if not isinstance(value, Mapping):
        mistakes.append(f'  {where}: {_shown(value)} is not a dictionary of fields')
        return None
    kind = value.get('kind')
    if isinstance(kind, str) and kind in kinds:
        try:
            selected = kinds[kind]
        except ValueError as error:  # a class of another package, which cannot be used
            mistakes.append(f'  {where}.kind: {error}')
            return None
        return _build(selected, value, f'{where}.', mistakes, kinds)
    if kind is None:
        problem, hint = 'required field is missing, one of', ''
    else:
        problem = f'{_shown(kind)} is not one of'
    known = ', '.join(map(repr, kinds))
    mistakes.append(f'  {where}.kind: {problem} {known}{_suggestion(kind, kinds)}{hint}')
    return None


def _plain(hint: Any, value: Any, where: str, mistakes: list[str]) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and abs(value) >= 2**63 and (hint is int or isinstance(value, int)):
        mistakes.append(f'  {where}: {_shown(value)} is too large')
        return value
    if hint is float and is_number:
        if not math.isfinite(value):
            mistakes.append(f'  {where}: {value} is not a finite number')
        return float(value)
    if hint is int and is_number and math.isfinite(value) and value == int(value):
        return int(value)  # 1e3 steps are 1,000 steps
    if hint in (int, float, str, bool) and type(value) is not hint:
        mistakes.append(f'  {where}: {_shown(value)} is not {_TYPE_NAMES[hint]}')
    return value


def _shown(value: Any) -> str:
    """A value as in Python, cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of more than 4,300 digits
        return f'a very long {type(value).__name__}'
    return text if len(text) <= 80 else f'{text[:77]}...'


_TYPE_NAMES = {
    int: 'an integer',
    float: 'a number',
    str: 'a string',
    bool: 'a boolean (True or False)',
}
