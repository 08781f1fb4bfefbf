"""Kinds of configs: the classes that this package registers, and those of other packages.

Another package adds a task, a model or a tokenizer by an entry point of the group of its base
class, `genojax.tasks`, `genojax.models` or `genojax.tokenizers`:

    [project.entry-points."genojax.models"]
    my_kind = "my_package.my_model:MyConfig"

The class is imported when a config names its kind, so a package that cannot be imported breaks
nothing else. A run records the packages of its kinds (`used`), so that an absent one has a name.
"""

import collections
import dataclasses
import functools
import importlib.metadata
import os
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

GROUPS = ('genojax.tasks', 'genojax.models', 'genojax.tokenizers')
_registered: dict[str, dict[str, type]] = collections.defaultdict(dict)


class OpenBase:
    """Base of config classes of which a config may name any: `kind` selects from `config_kinds`.

    Attributes:
        group: the entry points of other packages; each base class has its own.
    """

    group: ClassVar[str]

    @classmethod
    def register(cls, config_class: type) -> type:
        """Makes a class of this package available under its kinds; usable as a decorator.

        Raises:
            ValueError: another class has one of the kinds.
        """
        for kind in kinds_of(config_class):
            if _registered[cls.group].setdefault(kind, config_class) is not config_class:
                raise ValueError(f'two classes of {cls.group} have the kind {kind!r}')
        return config_class

    @classmethod
    def config_kinds(cls) -> Mapping[str, type]:
        """All classes by kind; looking up one of another package imports it."""
        return _Kinds(cls)


class _Kinds(Mapping[str, type]):
    """The classes of a base class: those that are registered, then those of other packages."""

    def __init__(self, base: type[OpenBase]):
        self._base, self._own = base, _registered[base.group]

    def __getitem__(self, kind: str) -> type:
        """Raises ValueError for a class that cannot be used, with its package and the reason."""
        if kind in self._own:
            return self._own[kind]
        return _load(self._base, kind, _entry_points(self._base.group)[kind])

    def __contains__(self, kind: Any) -> bool:
        return kind in self._own or kind in _entry_points(self._base.group)

    def __iter__(self) -> Iterator[str]:
        names = _entry_points(self._base.group)
        return iter([*self._own, *(name for name in names if name not in self._own)])

    def __len__(self) -> int:
        return sum(1 for _ in self)  # a list would ask for the length


def _entry_points(group: str) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """The entry points of other packages by name; two packages may use one name."""
    return _scan(group, tuple((path, _changed(path)) for path in sys.path))


def _changed(path: str) -> int:
    """When a package was last installed in a folder or removed from it; 0 where there is none."""
    try:
        return os.stat(path or '.').st_mtime_ns
    except OSError:
        return 0


@functools.lru_cache(maxsize=len(GROUPS))
def _scan(
    group: str, folders: tuple[tuple[str, int], ...]
) -> dict[str, list[importlib.metadata.EntryPoint]]:
    """As `_entry_points`; reading the metadata of every package takes milliseconds, so it is kept.

    Args:
        folders: of Python's path, and when each changed.
    """
    result: dict[str, list[importlib.metadata.EntryPoint]] = {}
    for entry in importlib.metadata.entry_points(group=group):
        same = result.setdefault(entry.name, [])
        if _package(entry) not in map(_package, same):  # found twice on the path
            same.append(entry)
    return result


def _load(base: type[OpenBase], kind: str, entries: list[importlib.metadata.EntryPoint]) -> type:
    if len(entries) > 1:
        packages = ' and '.join(map(_package, entries))
        raise ValueError(f'{kind!r} is a kind of two packages: {packages}. Fix: uninstall one')
    source = f'{kind!r} ({entries[0].value} of the package {_package(entries[0])})'
    try:
        config_class = entries[0].load()
        kinds = kinds_of(config_class)
    except Exception as error:
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        raise ValueError(f'{source} cannot be imported: {reason}') from error
    is_config = isinstance(config_class, type) and issubclass(config_class, base)
    if not is_config or kind not in kinds:
        raise ValueError(
            f'{source} is not a dataclass that derives from {base.__module__}.{base.__name__} and '
            f'has a field kind: Literal[{kind!r}]'
        )
    return config_class


def kinds_of(config_class: type) -> tuple[str, ...]:
    """The kinds of a config class: the values that its field `kind` may have."""
    fields = dataclasses.fields(config_class) if dataclasses.is_dataclass(config_class) else ()
    if 'kind' not in {field.name for field in fields}:
        return ()
    return typing.get_args(typing.get_type_hints(config_class)['kind'])


def _package(entry: importlib.metadata.EntryPoint) -> str:
    """Name and version of the package of an entry point."""
    return 'unknown' if entry.dist is None else f'{entry.dist.name} {entry.dist.version}'


def used(config: Any) -> dict[str, dict[str, str]]:
    """Group -> kind -> package and version, of all kinds of other packages in a config."""
    result: dict[str, dict[str, str]] = {}
    for part in _parts(config):
        if isinstance(part, OpenBase) and part.kind not in _registered[part.group]:
            for entry in _entry_points(part.group).get(part.kind, []):
                result.setdefault(part.group, {})[part.kind] = _package(entry)
    return result


def _parts(config: Any) -> Iterator[Any]:
    """A config and all configs in it."""
    yield config
    if isinstance(config, Mapping):
        values = list(config.values())
    elif isinstance(config, tuple | list):
        values = list(config)
    elif dataclasses.is_dataclass(config):
        values = [getattr(config, field.name) for field in dataclasses.fields(config)]
    else:
        values = []
    for value in values:
        yield from _parts(value)


def absent(recorded: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Kind -> package and version, of those that `used` recorded and that are not here."""
    return {
        kind: package
        for group, packages in recorded.items()
        for kind, package in packages.items()
        if kind not in _registered[group] and kind not in _entry_points(group)
    }


def installed() -> dict[tuple[str, str], str]:
    """(group, kind) -> the packages that provide it; nothing is imported."""
    return {
        (group, kind): ' and '.join(map(_package, entries))
        for group in GROUPS
        for kind, entries in _entry_points(group).items()
    }


def is_own(group: str, kind: str) -> bool:
    """Whether a kind is one of this package, whose modules have been imported."""
    return kind in _registered[group]
