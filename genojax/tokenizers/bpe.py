"""Byte-pair encoding by the `tokenizers` library, from a file in its format (DNABERT-2, GENA-LM).

The library is an extra of the package, because it installs the client of a hub with nine packages.

Special tokens, the tokens at both ends of a row, normalisers and merges are read from the file, and
the ids of a text are the library's. Text is not changed before it is encoded: in both published
families a lower-case letter is [UNK], and N and other ambiguous codes are [UNK] (DNABERT-2) or
letters (GENA-LM). Base codes are encoded as upper-case A, C, G, T and N.
"""

import functools
import json
import os
import pathlib
from typing import Any

import numpy as np

from genojax import dna, errors, versions
from genojax.tokenizers import base, files, pieces

# Names of the tokens that a model needs, as BERT and RoBERTa spell them.
_NAMES = {'pad': ('[PAD]', '<pad>'), 'mask': ('[MASK]', '<mask>'), 'unk': ('[UNK]', '<unk>')}
_BASES_PER_TOKEN = 4  # DNABERT-2's rule for a model's maximum length


class BpeTokenizer(pieces.PieceTokenizer):
    """A tokenizer from a `tokenizer.json`.

    Args:
        file: path of the tokenizer.json.
        tokens: tokens per row of a batch; 0 for a quarter of its bases.

    Raises:
        InputError: the file cannot be read (FA20) or is no tokenizer of DNA (CV09).
        UsageError: the library is not installed.
    """

    bases_per_token = 0

    def __init__(self, file: str, tokens: int = 0):
        path = pathlib.Path(file)
        if not path.is_file():
            files.read(file)
        stamp = path.stat()
        self._library, model = _read(str(file), stamp.st_mtime_ns, stamp.st_size)
        self.special, self.special_front, self.special_back = _special_ids(self._library, file)
        fused = model.get('fuse_unk', False)
        added = self.special_front + self.special_back
        texts, lengths = _texts(self._library, self.special, added, fused)
        super().__init__(texts, lengths, tokens)

    def _default_tokens(self, length: int) -> int:
        return -(-length // _BASES_PER_TOKEN)

    def _encode_text(self, sequence: str) -> np.ndarray:
        return np.array(self._library.encode(sequence, add_special_tokens=False).ids, np.int32)

    def _divide(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> pieces.Pieces:
        texts = [dna.decode(row[:n]) for row, n in zip(codes_BL, valid_B.tolist(), strict=True)]
        encodings = self._library.encode_batch_fast(texts, add_special_tokens=False)
        ids = [np.array(encoding.ids, np.int32) for encoding in encodings]
        ends = [np.cumsum(self.lengths[row]) for row in ids]
        for number, (text, end) in enumerate(zip(texts, ends, strict=True)):
            if text and (not len(end) or end[-1] != len(text)):
                # A token of a run of N: its id does not determine its length, the offsets do.
                encoding = self._library.encode(text, add_special_tokens=False)
                ids[number] = np.array(encoding.ids, np.int32)
                ends[number] = np.array([end for _, end in encoding.offsets], np.int64)
        empty = [np.zeros(0, np.int32)]
        return pieces.Pieces(
            np.concatenate(ids or empty),
            np.concatenate(ends or empty).astype(np.int32),
            np.array([len(row) for row in ids], np.int64),
        )


def library_for(file: str | os.PathLike):
    """The module `tokenizers`, which reads a file.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise errors.UsageError(
            f'{os.fspath(file)}: byte-pair encoding needs the library tokenizers. '
            f'Fix: {versions.install_line("weights")}'
        ) from error
    return tokenizers


@functools.lru_cache(maxsize=4)
def _read(file: str, mtime_ns: int, size: int) -> tuple[Any, dict]:
    """The library's tokenizer and the model section of the file; cached until the file changes."""
    data = files.read(file)
    tokenizers = library_for(file)
    try:
        text = data.decode()
        library = tokenizers.Tokenizer.from_str(text)
        model = json.loads(text)['model']
    except Exception as error:  # the library raises plain Exception
        raise _unusable(
            file, f'this is not a tokenizer.json of the `tokenizers` library: {error}'
        ) from error
    # The file may request truncation or padding; `encode_rows` does both, and counts dropped bases.
    library.no_truncation()
    library.no_padding()
    return library, model


def _unusable(file: str, problem: str) -> errors.InputError:
    fix = 'name the tokenizer.json of a model of DNA'
    return errors.InputError('CV09', problem, path=file, fix=fix)


def _special_ids(library, file: str) -> tuple[base.SpecialIds, tuple[int, ...], tuple[int, ...]]:
    """The special ids, and those that the file adds before and after the tokens of a row."""
    ids = {}
    for role, names in _NAMES.items():
        candidates = [library.token_to_id(name) for name in names]
        ids[role] = next((i for i in candidates if i is not None), None)
        if ids[role] is None:
            raise _unusable(file, f'there is no token {" or ".join(names)}')
    framed = library.encode('A').ids
    bare = library.encode('A', add_special_tokens=False).ids
    if len(bare) != 1 or bare[0] not in framed:
        raise _unusable(
            file, 'this is not a tokenizer for DNA: it does not encode the letter A as one token'
        )
    index = framed.index(bare[0])
    front, back = tuple(framed[:index]), tuple(framed[index + 1 :])
    special = base.SpecialIds(
        ids['pad'], ids['unk'], front[0] if front else None, back[0] if back else None, ids['mask']
    )
    return special, front, back


def _texts(library, special, added, fused: bool) -> tuple[list[str], np.ndarray]:
    """The text of every id, and its number of bases (0: none, or not determined by the id).

    Args:
        added: ids that the file adds before and after the tokens of a row.
        fused: whether the file encodes a run of unknown letters as a single [UNK].
    """
    without_bases = {special.pad, special.mask, *added}
    size = max(library.get_vocab(with_added_tokens=True).values()) + 1
    texts, lengths = [''] * size, np.zeros(size, np.int64)
    for text, token in library.get_vocab(with_added_tokens=True).items():
        if token in without_bases:
            continue
        is_dna = not set(text) - set(dna.IUPAC)
        texts[token] = text if is_dna else 'N'
        if is_dna or (token == special.unk and not fused):
            lengths[token] = len(texts[token])
    return texts, lengths
