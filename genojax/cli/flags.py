"""Command-line flags of every verb, and configs with overrides (`--config.field=value`).

`get_config()` in a config file returns a ConfigDict, so sweeps and notebooks take the same files.
Here the overrides are read into a plain dictionary and `experiment.from_config` checks the whole,
so that all mistakes are reported at once and a species can be added to the weights.
"""

import argparse
import ast
import difflib
import pathlib
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NoReturn

from genojax import config, errors, json_files, progress, stores
from genojax.cli import config_module

CONFIG_HELP = """
  --config.FIELD=VALUE   override any field, as in --config.model.width=256; None removes an entry
                         of weights or tasks (`genojax configs NAME` lists the fields)
  --config.optim.train=lora  a kind of a part, with its defaults
  --config=NAME:VARIANT  a variant of a family of configs
"""

# What `--window` of the verbs that read rows says, with the limit of a row.
WINDOW = (
    'bases: longer rows become several of so many bases; without it, a row longer than the model '
    'reads, or than the training rows of what has learned positions or a head, is an error that '
    'names the limit'
)


class Parser(argparse.ArgumentParser):
    """argparse with the project's errors: one line, exit code 2, and a suggestion for a typo."""

    def __init__(self, verb: str, doc: str, **options):
        summary, _, rest = doc.strip().partition('\n')
        super().__init__(
            prog=f'genojax {verb}',
            description=f'{summary}\n{rest}'.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **options,
        )

    def add_processes(self) -> None:
        """The flag of verbs that several hosts may run together."""
        self.add_argument(
            '--processes',
            default='',
            metavar='SPEC',
            help='of several hosts: auto (TPU pod, SLURM), INDEX/COUNT@HOST:PORT, or one '
            '(by the environment)',
        )

    def error(self, message: str) -> NoReturn:
        raise errors.UsageError(f'{self.prog}: {message}')

    def parse_args(self, args=None, namespace=None):
        """The flags.

        Raises:
            UsageError: a flag is missing, unknown or has no value.
        """
        known = [option for action in self._actions for option in action.option_strings]
        for argument in args or ():  # before argparse misses a required flag that has a typo
            name = argument.partition('=')[0]
            if name.startswith('--') and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                self.error(f'no flag {name}' + (f'; did you mean {near[0]}?' if near else ''))
        arguments, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f'no argument {unknown[0]}')
        return arguments


def parse_with_config(
    parser: Parser, argv: list[str], prefixes: dict[str, str] | None = None
) -> tuple[argparse.Namespace, dict[str, dict[str, Any]]]:
    """The flags of a verb that takes configs, and the configs with their overrides applied.

    Args:
        prefixes: name of overriding flags -> config that they change, as in {'pretrain': 'demo'};
            by default `--config=NAME` and `--config.FIELD=VALUE`.

    Raises:
        UsageError: no config, an unknown flag, or a path through something that has no fields.
    """
    if prefixes is None:
        parser.add_argument(
            '--config',
            required=True,
            metavar='NAME',
            help=f'a file, or {", ".join(config_names())}',
        )
        parser.epilog = CONFIG_HELP
    rest, overrides = split_overrides(argv, list(prefixes or ['config']))
    arguments = parser.parse_args(rest)
    values = {}
    for prefix, name in (prefixes or {'config': arguments.config}).items():
        values[prefix] = load(name)
        apply_overrides(values[prefix], overrides[prefix], prefix)
    return arguments, values


def location(text: str) -> str | pathlib.Path:
    """The `type` of a flag that names a folder, or a URL of one in a bucket."""
    return text if stores.is_url(text) else pathlib.Path(text)


def readable(text: str) -> pathlib.Path:
    """The `type` of a flag that names a folder to read: that of the local copy of a URL.

    Raises:
        UsageError: the bucket cannot be read, or has nothing there.
    """
    return stores.local(text)


def alike(arguments: argparse.Namespace, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The flags that all processes of a command have in common, and the values of its config.

    Places of runs may be mounted under other names, and a single process may write a trace.
    """
    apart = ('workdir', 'against', 'config', 'processes', 'profile')
    flags = {f'--{name}': value for name, value in vars(arguments).items() if name not in apart}
    return flags | {f'--config.{path}': value for path, value in config.leaves(values or {})}


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name for name in text.split(',') if name)


def positive(text: str) -> int:
    """The `type` of a flag that is a whole number of at least 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f'{text!r} is not a positive whole number')
    return int(text)


def add_fasta_options(parser: argparse.ArgumentParser, names: bool = True) -> None:
    """Add --rna and, with `names`, --names: how a verb reads FASTA files."""
    parser.add_argument('--rna', action='store_true', help='read U as T; without it, U is an error')
    if names:
        parser.add_argument(
            '--names',
            choices=('first', 'full', 'number'),
            default='first',
            help='a record is named by the first word of its header, all of it, or its number '
            'in the file (%(default)s)',
        )


def add_sequences(parser: argparse.ArgumentParser) -> None:
    """Add --fasta, --bed, --table and --sequence-column: what a verb reads, row by row."""
    add = parser.add_argument
    add('--fasta', type=pathlib.Path, help='sequences, plain or gzip')
    add('--bed', type=pathlib.Path, help='these intervals of the FASTA file')
    add('--table', type=pathlib.Path, help='a TSV or CSV with a column of sequences')
    add('--sequence-column', default='sequence', metavar='NAME', help='of the table (%(default)s)')


def check_sequences(arguments: argparse.Namespace) -> None:
    """Raises UsageError unless the flags of `add_sequences` name one file of sequences."""
    if bool(arguments.fasta) == bool(arguments.table):
        raise errors.UsageError('name sequences. Fix: --fasta=FILE, or --table=FILE')
    if arguments.bed and arguments.table:
        fix = 'leave --table out, and name the genome by --fasta=GENOME'
        raise errors.UsageError(f'--bed names intervals of a FASTA file. Fix: {fix}')


def add_fallback(parser: argparse.ArgumentParser) -> None:
    """The flag of verbs that read the best checkpoint of a run."""
    parser.add_argument(
        '--fallback',
        action='store_true',
        help='use the best whole checkpoint of a run if others are damaged',
    )


def say_left_out(metadata: Mapping[str, Any]) -> None:
    """Names on stderr the damaged checkpoints that `--fallback` left out of a model's run."""
    for step, problem in metadata.get('left_out', {}).items():
        print(f'step {step} is left out: {problem}', file=sys.stderr, flush=True)


def say_lm_head(metadata: Mapping[str, Any]) -> None:
    """Says on stderr, where that head is used or written, that the run did not train it."""
    if 'lm_head' in metadata:
        print(f'note: {metadata["lm_head"]}', file=sys.stderr, flush=True)


def fasta_options(arguments: argparse.Namespace) -> dict[str, bool]:
    """The options of `fasta.FastaReader` by the flags of `add_fasta_options`."""
    return {
        'rna': arguments.rna,
        'full_names': arguments.names == 'full',
        'numbered': arguments.names == 'number',
    }


def record_options(arguments: argparse.Namespace) -> dict[str, bool]:
    """`fasta_options` for results by record; names that are numbers are said on stderr."""
    if arguments.fasta and arguments.names == 'number':
        print('records are named 1, 2, 3, ... as in the file', file=sys.stderr, flush=True)
    return fasta_options(arguments)


class Overrides(dict[str, str]):
    """Path of a field -> the last text for it on the command line.

    Attributes:
        taken_back: paths whose None follows a value on the same command line, so that it is no
            mistake if the config has nothing to remove.
    """

    def __init__(self):
        super().__init__()
        self.taken_back: set[str] = set()


def split_overrides(argv: list[str], prefixes: list[str]) -> tuple[list[str], dict[str, Overrides]]:
    """The other arguments, and for each prefix its `--prefix.path=text` or `--prefix.path text`."""
    pattern = re.compile(rf'--({"|".join(prefixes)})\.([^=\s]+)(?:=(.*))?', re.DOTALL)
    rest, overrides = [], {prefix: Overrides() for prefix in prefixes}
    arguments = iter(argv)
    for argument in arguments:
        match = pattern.fullmatch(argument)
        if match is None:
            rest.append(argument)
            continue
        text = next(arguments, None) if match[3] is None else match[3]
        if text is None:
            raise errors.UsageError(f'{argument} has no value')
        if text == 'None' and match[2] in overrides[match[1]]:
            overrides[match[1]].taken_back.add(match[2])
        overrides[match[1]][match[2]] = text
    return rest, overrides


def config_names() -> list[str]:
    return sorted(
        path.stem for path in config_module.folder().glob('*.py') if path.stem != '__init__'
    )


def resolve(name: str) -> tuple[pathlib.Path, str]:
    """The file and the variant that `--config=` names: FILE, NAME or NAME:VARIANT, or a URL.

    Raises:
        UsageError: there is no such file and no such name.
    """
    if stores.is_url(name):
        folder, _, file = name.rpartition('/')
        return stores.local(folder) / file, ''
    name, _, variant = name.partition(':')
    path = pathlib.Path(name)
    if path.suffix in ('.py', '.json'):
        if path.suffix == '.json' and variant:
            raise errors.UsageError(f'--config={name}: a JSON file has no variant {variant!r}')
        if path.is_file():
            return path, variant
        raise errors.UsageError(f'--config={name}: no such file')
    file = config_module.folder() / f'{name}.py'
    if file.is_file():
        return file, variant
    near = difflib.get_close_matches(name, config_names(), n=1)
    hint = f' (did you mean {near[0]!r}?)' if near else ''
    raise errors.UsageError(
        f'--config={name} is neither a file nor one of the named configs{hint}: '
        f'{", ".join(config_names())}'
    )


def variants(path: pathlib.Path) -> list[str]:
    """The variants of a config file: its VARIANTS, in order; empty for a single config."""
    return list(vars(config_module.load(path)).get('VARIANTS', ()))


def load(name: str) -> dict[str, Any]:
    """The plain values of a config: a Python file is executed, a JSON file (a workdir's) only read.

    Raises:
        UsageError: there is no such config or variant, or the file is not valid.
    """
    path, variant = resolve(name)
    if path.suffix == '.json':
        return _load_json(path, name)
    with progress.stage('loading libraries'):  # that the file imports
        values = call(path, variant)
    try:
        return values if isinstance(values, dict) else values.to_dict()
    except AttributeError as error:  # it is neither a dictionary nor a ConfigDict
        raise config_module.failed(path, error, '--config=') from error


def call(
    path: pathlib.Path, variant: str, function: str = 'get_config', flag: str = '--config='
) -> Any:
    """What a function of a Python file returns, for a variant or without one.

    Args:
        flag: before the path, for errors.

    Raises:
        UsageError: there is no such variant, or the file or the function fails (with its line).
    """
    loaded = config_module.load(path, function, flag)
    known = list(vars(loaded).get('VARIANTS', ()))
    if variant and variant not in known:
        options = f'one of {", ".join(known)}' if known else 'without variants'
        raise errors.UsageError(f'{flag}{path}: no variant {variant!r}; {path.stem} is {options}')
    try:
        return vars(loaded)[function](*([variant] if variant else []))
    except errors.GenojaxError:
        raise
    except (Exception, SystemExit) as error:
        raise config_module.failed(path, error, flag) from error


def _load_json(path: pathlib.Path, name: str) -> dict[str, Any]:
    values = json_files.read(path, 'correct the file', error=errors.UsageError)
    if json_files.HASH_FIELD in values:  # a workdir's config.json
        try:
            values = json_files.read_hashed(path)
        except errors.DamageError as error:
            raise errors.UsageError(
                f'--config={name}: {error}, or delete its {json_files.HASH_FIELD!r} after an edit'
            ) from error
    tokenizer = values.get('tokenizer')
    file = tokenizer.get('file') if isinstance(tokenizer, dict) else None
    if isinstance(file, str) and file and (path.parent / file).is_file():
        # A workdir's config.json names its tokenizer's file relative to itself.
        values['tokenizer'] = {**tokenizer, 'file': str(path.parent / file)}
    return values


def apply_overrides(
    values: dict[str, Any], overrides: Mapping[str, str], prefix: str = 'config'
) -> None:
    """Sets every field of `overrides` (path -> text); a part before the fields that are in it.

    Raises:
        UsageError: as `override`.
    """
    taken_back = overrides.taken_back if isinstance(overrides, Overrides) else ()
    for path, text in sorted(overrides.items(), key=lambda item: item[0].count('.')):
        if path in taken_back:
            override(values, path, '0', prefix)  # so that there is one
        override(values, path, text, prefix)


def override(values: dict[str, Any], path: str, text: str, prefix: str = 'config') -> None:
    """Sets `values[a][b]` for a path 'a.b' to the Python literal in `text`, or to the text itself.

    The name of a kind, for a part that may be of several, selects it with its defaults. None
    removes an entry of a dictionary such as the weights, when the config is checked.

    Args:
        prefix: of the flag, for the error: `--prefix.a.b=text`.

    Raises:
        UsageError: the path leads through something that has no fields, or there is nothing to
            remove.
    """
    value = _literal(text)
    *parents, last = path.split('.')
    target = values
    for depth, name in enumerate(parents):
        if not isinstance(target.get(name), dict):
            known = [key for key, item in target.items() if isinstance(item, dict)]
            near = [] if name in target else difflib.get_close_matches(name, known, n=1)
            hint = f'; did you mean {near[0]!r}?' if near else ''
            raise errors.UsageError(
                f'--{prefix}.{path}: {".".join(parents[: depth + 1])!r} has no fields{hint}'
            )
        target = target[name]
    if value is None and last not in target:
        near = difflib.get_close_matches(last, list(target), n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        raise errors.UsageError(f'--{prefix}.{path}=None: there is no {last!r} to remove{hint}')
    old = target.get(last)
    if isinstance(old, dict) and 'kind' in old and isinstance(value, str):
        value = {'kind': value}
    target[last] = text if isinstance(old, str) else value


def _literal(text: str) -> Any:
    """The Python literal in a text, or the text itself."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of a backslash in a path
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return text
