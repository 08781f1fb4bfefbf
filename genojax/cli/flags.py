"""Configs from the command line: `--config=NAME_OR_FILE` and `--config.field=value`.

`get_config()` in a config file returns a ConfigDict, so config_flags, sweeps and notebooks take the same files. Here the
overrides are read into a plain dictionary and `experiment.from_config` judges the whole, so that all mistakes are told
at once and a species can be added to the weights.
"""

import ast
import difflib
import importlib.util
import json
import pathlib
import re
from typing import Any

import genojax
from genojax import errors


def config_folder() -> pathlib.Path:
    """Where the named configs are: inside an installed package, beside it in a clone."""
    package = pathlib.Path(genojax.__file__).parent
    return package / 'configs' if (package / 'configs').is_dir() else package.parent / 'configs'


def config_names() -> list[str]:
    return sorted(path.stem for path in config_folder().glob('*.py') if path.stem != '__init__')


def resolve(name: str) -> pathlib.Path:
    """The file that `--config=` means: a path, or one of the named configs.

    Raises:
        UsageError: there is no such file and no such name.
    """
    path = pathlib.Path(name)
    if path.suffix in ('.py', '.json'):
        if path.is_file():
            return path
        raise errors.UsageError(f'--config={name}: no such file')
    named = config_folder() / f'{name}.py'
    if named.is_file():
        return named
    raise errors.UsageError(
        f'--config={name} is neither a file nor one of the named configs: '
        f'{", ".join(config_names())}'
    )


def load(name: str) -> dict[str, Any]:
    """The plain values of a config; a Python one is run to be read, a JSON one (a workdir's) is only data."""
    path = resolve(name)
    if path.suffix == '.json':
        try:
            return json.loads(path.read_text())
        except json.JSONDecodeError as error:
            raise errors.UsageError(f'--config={name}: not JSON: {error}') from error
    spec = importlib.util.spec_from_file_location(f'genojax_config_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, 'get_config'):
        raise errors.UsageError(f'--config={name}: the file defines no get_config()')
    return module.get_config().to_dict()


def parse(argv: list[str], own: dict[str, str], doc: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the flags of a verb that takes a config.

    Args:
        own: the verb's other flags and their help; their values are text, '' when not given.

    Returns:
        The config's values with the overrides applied, and the other flags' values by name.

    Raises:
        UsageError: no config, an unknown flag, or a path through something that has no fields.
    """
    if any(argument in ('-h', '--help') for argument in argv):
        lines = [doc.strip(), '', '  --config=NAME_OR_FILE  one of: ' + ', '.join(config_names())]
        lines += ['  --config.FIELD=VALUE   override a field, as in --config.model.width=256']
        lines += [f'  --{name}=...  {text}' for name, text in own.items()]
        print('\n'.join(lines))
        raise SystemExit(0)
    given = pairs(argv)
    chosen = given.pop('config', None)
    if chosen is None:
        raise errors.UsageError(
            f'--config=NAME_OR_FILE is missing; names: {", ".join(config_names())}'
        )
    overrides = {
        name.removeprefix('config.'): given.pop(name)
        for name in list(given)
        if name.startswith('config.')
    }
    refuse_unknown(given, [*own, 'config'])
    values = load(chosen)
    for path, text in overrides.items():
        override(values, path, text)
    return values, {name: given.get(name, '') for name in own}


def refuse_unknown(given: dict[str, str], known: list[str]) -> None:
    """One UsageError for the first flag that nobody asked about."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean --{near[0]}?' if near else ''
            raise errors.UsageError(f'no flag --{name}{hint}')


def pairs(argv: list[str]) -> dict[str, str]:
    """--name=value and --name value, as a dictionary; the last of a name counts."""
    found, waiting = {}, None
    for argument in argv:
        if waiting is not None:
            found[waiting], waiting = argument, None
            continue
        match = re.fullmatch(r'--?([A-Za-z_][^=\s]*)(?:=(.*))?', argument, re.DOTALL)
        if match is None:
            raise errors.UsageError(
                f'{argument!r} is not a flag; flags look like --config.steps=100'
            )
        if match[2] is None:
            waiting = match[1]
        else:
            found[match[1]] = match[2]
    if waiting is not None:
        raise errors.UsageError(f'--{waiting} has no value')
    return found


def override(values: dict[str, Any], path: str, text: str) -> None:
    """Set `values[a][b] = literal` for a path 'a.b'; text that is no Python literal stays text."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    *parents, last = path.split('.')
    target = values
    for depth, name in enumerate(parents):
        if not isinstance(target.get(name), dict):
            raise errors.UsageError(
                f'--config.{path}: {".".join(parents[: depth + 1])!r} has no fields'
            )
        target = target[name]
    target[last] = value if not isinstance(target.get(last), str) else text
