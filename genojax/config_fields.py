"""What the fields of configs mean: their comments and docstrings, read from the source.

A field's meaning is the comment beside it, the comment lines above it, or its entry under
`Attributes:` in the docstring of its class. So there is one text for readers of the code and for
`genojax configs NAME`.
"""

import ast
import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

# Fields that mean the same in every class, which need no comment there.
COMMON = {
    'kind': 'which of the classes that this part may have',
    'vocab': 'number of token ids',
    'width': 'numbers per token',
    'depth': 'blocks',
    'heads': 'attention heads per block',
    'key_width': 'numbers per head in queries and keys',
    'dropout': 'share of the activations that training drops',
    'attention_dropout': 'share of the attention weights that training drops',
    'basis': 'numbers that describe a relative position',
    'basis_dropout': 'share of the numbers of relative positions that training drops',
    'pad_id': 'token id of padding',
    'mask_id': 'token id of [MASK]',
    'dtype': 'of the computation',
    'unroll': 'blocks unrolled per step of the scan over depth (see BertConfig)',
    'remat': 'what the backward pass recomputes in place of storing it (see nn/remat.py)',
    'multiple': 'rows are padded to a multiple of this',
    'organisms': 'their names, one head each',
    'tracks': 'per organism',
    'positions': 'how positions enter: learned, or relative',
    'feed_forward': 'nonlinearity of the feed-forward layer, gated or not',
    'block': 'whether the norm is after (post_norm) or before (pre_norm) each part of a block',
    'token_dropout': "ESM's scaling for [MASK] tokens, with its rate; None: none",
    'filters': 'per convolution',
    'pools': 'width of the pooling after each convolution',
    'hidden': 'widths of the hidden layers',
    'padding': "'same' keeps the length, 'valid' keeps whole windows only",
    'cell': 'of the recurrent layers',
    'classes': 'number of labels',
    'loss': 'what training minimises',
    'pool': 'how the vectors of a row become one',
    'rate': 'share of the bases that are masked',
    'region_rates': 'region -> share of its bases that are masked, in place of rate',
    'weights': "species -> share of the draws, in any unit; '*': all that are not named",
    'leave_out': 'species that are not drawn',
    'batch_size': 'rows per step, over all hosts',
    'split_seed': 'of the random split, apart from the seed of training',
    'test': 'share of the rows that are the test split',
    'validation': 'share of the rows that select the checkpoint',
    'label_column': "name of the table's column",
    'sequence_column': "name of the table's column",
    'split_column': "name of the table's column",
    'trim': 'bases cut off both ends of every row',
    'rna': 'read U as T',
    'implementation': "of the same attention; 'auto' selects the fastest that applies",
}


@dataclasses.dataclass(frozen=True)
class FieldDescription:
    """One field of a config.

    Attributes:
        path: as in `--config.PATH=VALUE`.
        value: in this config.
        default: of its class; None if it is required.
        meaning: its unit and what it is; '' if the source does not say.
        on_resume: whether a run may change it: 'free', 'rounding' (last bits may differ), 'never'.
    """

    path: str
    value: Any
    default: Any
    meaning: str
    on_resume: str


def describe(config: Any, path: str = '', on_resume: str = 'never') -> Iterator[FieldDescription]:
    """Every field of a config that has a value of its own, in the order of the classes."""
    if isinstance(config, Mapping):
        for name, item in config.items():
            yield from _describe_item(item, f'{path}{name}', None, '', on_resume)
        return
    texts = meanings(type(config))
    for field in dataclasses.fields(config):
        effect = field.metadata.get('on_resume', on_resume)
        item = getattr(config, field.name)
        where = f'{path}{field.name}'
        yield from _describe_item(item, where, _default(field), texts.get(field.name, ''), effect)


def _describe_item(item: Any, path: str, default: Any, meaning: str, on_resume: str):
    parts = isinstance(item, Mapping) and any(map(dataclasses.is_dataclass, item.values()))
    if parts or dataclasses.is_dataclass(item):
        yield from describe(item, f'{path}.', on_resume)
    else:
        yield FieldDescription(path, item, default, meaning, on_resume)


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


@functools.cache
def meanings(cls: type) -> dict[str, str]:
    """Field name -> its meaning in the source of a dataclass and of the classes it derives from."""
    result: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if dataclasses.is_dataclass(base) and base.__module__ != 'builtins':
            result |= {name: text for name, text in _of_source(base).items() if text}
    names = [field.name for field in dataclasses.fields(cls) if field.name in COMMON]
    return {name: COMMON[name] for name in names} | result


def _of_source(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except OSError:  # typed at a prompt
        return {}
    lines, (node,) = source.splitlines(), ast.parse(source).body
    documented = _attributes(ast.get_docstring(node) or '')
    result = {}
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
            comment = _comments(lines, statement.lineno - 1, statement.end_lineno)
            result[name] = comment or documented.get(name, '')
    return result


def _comments(lines: list[str], first: int, end: int) -> str:
    """The comment lines above a statement, and the comments at the ends of its lines."""
    above = []
    for line in reversed(lines[:first]):
        if not line.strip().startswith('#'):
            break
        above.append(line.strip().lstrip('# '))
    beside = [match[1] for line in lines[first:end] if (match := re.search(r'\s#\s+(.+)$', line))]
    return ' '.join([*reversed(above), *beside])


def _attributes(docstring: str) -> dict[str, str]:
    """The entries under `Attributes:`; 'a, b: text' is the text of both."""
    result: dict[str, str] = {}
    names: list[str] = []
    section = docstring.partition('\nAttributes:\n')[2]
    for line in section.splitlines():
        if line and not line.startswith(' '):
            break  # the next section
        match = re.match(r'    (\w+(?:, \w+)*): (.+)', line)
        if match:
            names = match[1].split(', ')
            result |= dict.fromkeys(names, match[2])
        elif line.strip():
            result |= {name: f'{result[name]} {line.strip()}' for name in names}
    return result
