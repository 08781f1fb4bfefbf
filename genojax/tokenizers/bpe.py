"""Byte-pair encoding by the `tokenizers` library, from a file in its own format (DNABERT-2, GENA-LM).

Nothing about a file is assumed: special tokens, what is put around a row, normalisers and merges are what the file
says, and the ids of a text are the library's. Text goes in as it is written: in both published families a lower-case
letter is [UNK], N and other ambiguous codes are [UNK] (DNABERT-2) or letters (GENA-LM). Base codes go in as upper-case
A, C, G, T and N.
"""

import functools
import json
import pathlib

import numpy as np
import tokenizers

from genojax import dna, errors
from genojax.tokenizers import base, pieces

# What files call the tokens that a model needs: BERT's way and RoBERTa's.
_NAMES = {'pad': ('[PAD]', '<pad>'), 'mask': ('[MASK]', '<mask>'), 'unk': ('[UNK]', '<unk>')}
_BASES_PER_TOKEN = 4  # DNABERT-2's own rule for a model's longest row: a quarter of the bases


class BpeTokenizer(pieces.PieceTokenizer):
    """A tokenizer from a `tokenizer.json`.

    Args:
        tokens: room of a row; 0 for a quarter of its bases.

    Raises:
        UsageError: the file cannot be read, or lacks a special token that a model needs.
    """

    k = stride = 0

    def __init__(self, file: str, tokens: int = 0):
        stamp = pathlib.Path(file).stat() if pathlib.Path(file).is_file() else None
        if stamp is None:
            raise errors.UsageError(f'tokenizer.file={file}: no such file')
        self._library, model = _read(str(file), stamp.st_mtime_ns, stamp.st_size)
        self.special, self.front, self.back = _special(self._library, file)
        fused = model.get('fuse_unk', False)
        letters, lengths = _letters(self._library, self.special, self.front + self.back, fused)
        super().__init__(letters, lengths, tokens)

    def _needed(self, length: int) -> int:
        return -(-length // _BASES_PER_TOKEN)

    def _text(self, sequence: str) -> np.ndarray:
        return np.array(self._library.encode(sequence, add_special_tokens=False).ids, np.int32)

    def _cut(self, codes_BL: np.ndarray, valid_B: np.ndarray) -> pieces.Cut:
        texts = [dna.decode(row[:n]) for row, n in zip(codes_BL, valid_B.tolist(), strict=True)]
        found = self._library.encode_batch_fast(texts, add_special_tokens=False)
        ids = [np.array(one.ids, np.int32) for one in found]
        ends = [np.cumsum(self.lengths[row]) for row in ids]
        for number, (text, end) in enumerate(zip(texts, ends, strict=True)):
            if text and (not len(end) or end[-1] != len(text)):
                # Some token stands for a run whose length its id does not say: the library knows where it ends.
                one = self._library.encode(text, add_special_tokens=False)
                ids[number] = np.array(one.ids, np.int32)
                ends[number] = np.array([end for _, end in one.offsets], np.int64)
        nothing = [np.zeros(0, np.int32)]
        return pieces.Cut(
            np.concatenate(ids or nothing),
            np.concatenate(ends or nothing).astype(np.int32),
            np.array([len(row) for row in ids], np.int64),
        )


@functools.lru_cache(maxsize=4)
def _read(file: str, changed: int, size: int) -> tuple[tokenizers.Tokenizer, dict]:
    """The library's tokenizer and the model section of the file; read once as long as the file does not change."""
    try:
        text = pathlib.Path(file).read_text()
        library = tokenizers.Tokenizer.from_str(text)
        model = json.loads(text)['model']
    except Exception as error:  # the library raises plain Exception
        raise errors.UsageError(
            f'{file} is not a tokenizer.json of the tokenizers library: {error}'
        ) from error
    # A file may ask for rows of a length of its own; here rows are made, and what is left out is counted.
    library.no_truncation()
    library.no_padding()
    return library, model


def _special(library, file: str) -> tuple[base.Special, tuple[int, ...], tuple[int, ...]]:
    """The special ids, and those that the file puts in front of a row and behind it."""
    ids = {}
    for role, names in _NAMES.items():
        known = [library.token_to_id(name) for name in names]
        ids[role] = next((i for i in known if i is not None), None)
        if ids[role] is None:
            raise errors.UsageError(f'{file} has no token {" or ".join(names)}')
    around = library.encode('A').ids
    bare = library.encode('A', add_special_tokens=False).ids
    if len(bare) != 1 or bare[0] not in around:
        raise errors.UsageError(f'{file} does not read the letter A as one token: not made for DNA')
    place = around.index(bare[0])
    front, back = tuple(around[:place]), tuple(around[place + 1 :])
    special = base.Special(
        ids['pad'], ids['unk'], front[0] if front else None, back[0] if back else None, ids['mask']
    )
    return special, front, back


def _letters(library, special, around, fused: bool) -> tuple[list[str], np.ndarray]:
    """The text of every id, and how many bases it covers (0: none, or more than the id says)."""
    silent = {special.pad, special.mask, *around}
    size = max(library.get_vocab(with_added_tokens=True).values()) + 1
    letters, lengths = [''] * size, np.zeros(size, np.int64)
    for text, token in library.get_vocab(with_added_tokens=True).items():
        if token in silent:
            continue
        spelled = not set(text) - set(dna.IUPAC)
        letters[token] = text if spelled else 'N'
        if spelled or (token == special.unk and not fused):
            lengths[token] = len(letters[token])
    return letters, lengths
