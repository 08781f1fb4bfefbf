"""The vocabulary beside published weights: `vocab.txt`, or the words of a `tokenizer.json`.

Rows of a word table belong to the words of its vocabulary. A file with the words of the tokenizer
here in another order is taken over: the rows are brought into our order. Other words are refused.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genojax import errors, json_files
from genojax.convert import files

TEXT_NAME, JSON_NAME = 'vocab.txt', 'tokenizer.json'


@dataclasses.dataclass(frozen=True, eq=False)
class WordOrder:
    """The order of the rows of a source's word table.

    Attributes:
        rows: rows[our id] is the source's id of the same word; None: the orders are the same, or
            no file says.
        note: what a user must know; '' if the orders are known to be the same.
    """

    rows: np.ndarray | None
    note: str

    def apply(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of an encoder with its rows and scores of words in our order."""
        if self.rows is None:
            return dict(variables)
        params = dict(variables['params'])
        params['words'] = {'embedding': params['words']['embedding'][self.rows]}
        if 'head_bias' in params:
            params['head_bias'] = params['head_bias'][self.rows]
        if 'decoder' in params:
            params['decoder'] = {'kernel': params['decoder']['kernel'][:, self.rows]}
        return {**variables, 'params': params}


def word_order(source: files.PublishedSource, words: Sequence[str]) -> WordOrder:
    """Compares the vocabulary beside the weights with the words of our tokenizer.

    Args:
        source: its folder may hold a vocab.txt, a tokenizer.json, or both.
        words: of our ids 0, 1, ...

    Raises:
        InputError: CV06, a file has another word (the first one is named), a word twice, or the
            two files differ; FA20, as `paths`.
        DamageError: a file is not text, or no tokenizer.json.
    """
    known = {path: ids(path) for path in paths(source.folder)}
    if not known:
        return WordOrder(
            None,
            f'there is no {TEXT_NAME} beside the weights: the published order of the '
            f'{len(words):,} words is assumed',
        )
    path, theirs = next(iter(known.items()))
    for other, more in list(known.items())[1:]:
        check_same(path, theirs, other, more)
    expected = {word: i for i, word in enumerate(words)}
    if theirs == expected:
        return WordOrder(None, '')
    if theirs.keys() != expected.keys() or sorted(theirs.values()) != list(range(len(words))):
        raise _difference(path, theirs, words)
    rows = np.array([theirs[word] for word in words])
    first = int(np.flatnonzero(rows != np.arange(len(words)))[0])
    return WordOrder(
        rows,
        f'{path.name} has the words in another order (from id {first} on): the word table was '
        'brought into the order of the tokenizer here, so ids differ and values do not',
    )


def paths(folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of a folder that list a vocabulary.

    Raises:
        InputError: FA20, one of them is no regular file.
    """
    there = [folder / name for name in (TEXT_NAME, JSON_NAME) if (folder / name).exists()]
    for path in there:
        if not path.is_file():
            kind = 'a directory' if path.is_dir() else 'not a regular file'
            raise errors.InputError('FA20', f'this is {kind}', path=path, fix=files.FIX)
    return there


def ids(path: pathlib.Path) -> dict[str, int]:
    """Word -> id of a vocab.txt (one word per line) or of a tokenizer.json.

    Raises:
        InputError: CV06, a word has two ids, or the file has no list of words.
        DamageError: the file is not text, or not JSON.
    """
    if path.name == JSON_NAME:
        return _ids_of_json(path)
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except UnicodeDecodeError as error:
        raise errors.DamageError(f'{path} is not UTF-8 text: {error}') from error
    while lines and not lines[-1].strip():
        lines.pop()
    result: dict[str, int] = {}
    for number, line in enumerate(lines):
        word = line.strip()
        if word in result:
            problem = f'{word!r} is also on line {result[word] + 1}'
            raise errors.InputError('CV06', problem, path=path, line=number + 1)
        result[word] = number
    return result


def _ids_of_json(path: pathlib.Path) -> dict[str, int]:
    values = json_files.read(path, files.FIX)
    model = values.get('model')
    vocab = model.get('vocab') if isinstance(model, dict) else None
    if not isinstance(vocab, dict):
        problem = 'there is no list of words (model.vocab)'
        raise errors.InputError('CV06', problem, path=path)
    json_files.check(vocab, f'{path}: model.vocab', files.FIX, fields={...: int})
    added = values.get('added_tokens') or []
    shape = {'added_tokens': [{'content': str, 'id': int}]}
    json_files.check({'added_tokens': added}, str(path), files.FIX, fields=shape)
    return {**vocab, **{token['content']: token['id'] for token in added}}


def check_same(
    path: pathlib.Path, theirs: Mapping[str, int], other: pathlib.Path, more: Mapping[str, int]
) -> None:
    """Refuses two vocabularies beside the same weights that are not the same.

    Raises:
        InputError: CV06, naming the first word with two ids.
    """
    for word, i in sorted(theirs.items(), key=lambda item: item[1]):
        if more.get(word) != i:
            has = f'id {more[word]}' if word in more else 'no id'
            problem = f'{word!r} has id {i} in {path.name} and {has} in {other.name}'
            raise errors.InputError('CV06', problem, path=other, fix='remove the file that is not')
    extra = sorted(more.keys() - theirs.keys(), key=lambda word: more[word])
    if extra:
        problem = f'{json.dumps(extra[0])} is not in {path.name}'
        raise errors.InputError('CV06', problem, path=other, fix='remove the file that is not')


def _difference(
    path: pathlib.Path, theirs: Mapping[str, int], words: Sequence[str]
) -> errors.InputError:
    """CV06, naming the first id whose word our tokenizer does not have, or that is missing."""
    expected = set(words)
    by_id = {i: word for word, i in theirs.items()}
    for i in range(max([*by_id, len(words) - 1]) + 1):
        word = by_id.get(i)
        if word not in expected:
            has = 'no word' if word is None else repr(word)
            ours = f', where the published one is {words[i]!r}' if i < len(words) else ''
            problem = f'id {i} is {has}{ours}'
            break
    else:
        absent = next(word for word in words if word not in theirs)
        problem = f'there is no {absent!r}'
    return errors.InputError(
        'CV06',
        f'{problem} (its {len(theirs):,} words are not the {len(words):,} of this tokenizer)',
        path=path,
        fix='use the vocabulary that the weights were trained with',
    )
