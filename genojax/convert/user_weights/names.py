"""Names of tensors as users' files have them: wrapped by a trainer, or an encoder alone.

torch.compile, DistributedDataParallel, Lightning and users' own modules put a prefix before the
names of the original class (`_orig_mod.`, `module.`, `model.`); a bare encoder lacks the name of
the encoder itself (`bert.`, `esm.`). `original` undoes both, for whatever prefix.
"""

import dataclasses
import re
from collections.abc import Iterable

from genojax.convert import enformer_names, files, rules

# One tensor of the first layer, by which an encoder is found wherever it is in the file.
_ENCODER = re.compile(
    r'(?P<prefix>(?:.*\.)?)encoder\.layer\.0\.attention\.self\.(?:query|Wqkv)\.weight$'
)
_ENFORMER = enformer_names.TORCH.name('stem/pool', 'kernel')
ENCODER_NAMES = ('bert.', 'esm.')


def original(source: files.PublishedSource) -> tuple[files.PublishedSource, str]:
    """The source with the names of its original class, and the prefix that was removed.

    Raises:
        InputError: CV01, two tensors would have the same name.
    """
    wrapper, inner = _prefixes(source)
    if not wrapper and not inner:
        return source, ''
    pattern = '^' + re.escape(wrapper)
    if inner:
        # Only names inside the wrapper are the encoder's; a head beside a bare encoder is not.
        heads = '|'.join(re.escape(name) for name in (*ENCODER_NAMES, 'cls.', 'lm_head.'))
        changes = [(f'{pattern}(?!{heads})', inner)] if wrapper else [(_bare(), inner)]
    else:
        changes = [(pattern, '')]
    tensors = rules.rename(source.tensors, changes)
    return dataclasses.replace(source, tensors=tensors), wrapper


def _bare() -> str:
    """The start of a name of a bare encoder, without any wrapper."""
    return r'^(?=embeddings\.|encoder\.|pooler\.|contact_head\.)'


def _prefixes(source: files.PublishedSource) -> tuple[str, str]:
    """What precedes the names of the original class, and the encoder's name that is missing."""
    for name in source.tensors:
        match = _ENCODER.match(name)
        if match:
            prefix = match['prefix']
            for inner in ENCODER_NAMES:
                if prefix == inner or prefix.endswith(f'.{inner}'):
                    return prefix.removesuffix(inner), ''
            esm = source.config.get('model_type') == 'esm'
            return prefix, ENCODER_NAMES[esm]
        if name.endswith(f'.{_ENFORMER}'):
            return name.removesuffix(_ENFORMER), ''
    return '', ''


def heads_note(tensors: Iterable[str], encoder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """For a source without a language-model head: patterns to ignore, and notes about the loss.

    Args:
        tensors: names.
        encoder: the beginning of the encoder's names.
    """
    others = tuple(name for name in tensors if not name.startswith(encoder))
    notes = ['there is no language-model head: the model gives embeddings and no logits']
    if others:
        listed = ', '.join(others[:4]) + (', ...' if len(others) > 4 else '')
        notes.append(
            f'a head trained for a task was NOT read ({listed}): its predictions are lost, and a '
            'task needs to be fine-tuned again from the encoder'
        )
    escaped = tuple(re.sub(r'([\[*?])', r'[\1]', name) for name in others)
    return escaped, tuple(notes)
