"""Small tokenizer files with the structure of the published ones."""

import json
import pathlib

WORDS = ['A', 'C', 'G', 'T', 'AC', 'GT', 'TA', 'ACGT', 'TATA']
MERGES = ['A C', 'G T', 'T A', 'AC GT', 'TA TA']


def write(path: pathlib.Path, special: dict[str, int] | None = None, **changes) -> str:
    """Writes a BPE file; returns its path.

    Args:
        path: of the file.
        special: special token -> id. The default ids are used by no published model, so that a test
            fails where the code assumes published ones.
        changes: sections of the file to replace.
    """
    special = special or {'[MASK]': 0, '[PAD]': 3, '[SEP]': 7, '[UNK]': 8, '[CLS]': 12}
    words = [*changes.pop('words', WORDS)]
    free = [i for i in range(len(words) + len(special) + 1) if i not in special.values()]
    vocab = {**special, **dict(zip(words, free, strict=False))}
    template = [{'SpecialToken': {'id': '[CLS]', 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}},
              {'SpecialToken': {'id': '[SEP]', 'type_id': 0}}]  # fmt: skip
    values = {
        'version': '1.0',
        'truncation': None,
        'padding': None,
        'added_tokens': [
            {'id': i, 'special': True, 'content': name, 'single_word': False, 'lstrip': False,
             'rstrip': False, 'normalized': False} for name, i in special.items()
        ],
        'normalizer': None,
        'pre_tokenizer': {'type': 'Whitespace'},
        'post_processor': {
            'type': 'TemplateProcessing', 'single': template, 'pair': template,
            'special_tokens': {
                name: {'id': name, 'ids': [special.get(name, 0)], 'tokens': [name]}
                for name in ('[CLS]', '[SEP]')
            },
        },
        'decoder': None,
        'model': {
            'type': 'BPE', 'dropout': None, 'unk_token': '[UNK]', 'continuing_subword_prefix': None,
            'end_of_word_suffix': None, 'fuse_unk': False, 'vocab': vocab,
            'merges': [tuple(merge.split()) for merge in MERGES],
        },
        **changes,
    }  # fmt: skip
    path.write_text(json.dumps(values))
    return str(path)


def gena(path: pathlib.Path) -> str:
    """Writes a file like GENA-LM's (t2t_1000h_multi_32k).

    Ten or more N become one '-', and ambiguous codes are letters.
    """
    special = {'[UNK]': 0, '[CLS]': 1, '[SEP]': 2, '[PAD]': 3, '[MASK]': 4, '-': 5}
    return write(
        path,
        special,
        words=[*'ACGT', *'BKMNRSWY', 'AC', 'GT', 'TA', 'ACGT', 'TATA'],
        normalizer={
            'type': 'Sequence',
            'normalizers': [
                {'type': 'Strip', 'strip_left': True, 'strip_right': True},
                {'type': 'Replace', 'pattern': {'Regex': 'N{10,}'}, 'content': '-'},
            ],
        },
        pre_tokenizer={
            'type': 'Split',
            'pattern': {'String': '-'},
            'behavior': 'Isolated',
            'invert': False,
        },
        post_processor={'type': 'BertProcessing', 'sep': ['[SEP]', 2], 'cls': ['[CLS]', 1]},
    )
