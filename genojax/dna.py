"""DNA as small integers: A 0, C 1, G 2, T 3, and 4 for a base that is not known.

Every numpy array of bases in genojax is uint8 with these codes ('base codes'). The order is alphabetical, so the
complement of a known base is 3 - code. Text enters and leaves through this module only. No jax here: data workers
import it.
"""

import numpy as np

ALPHABET = 'ACGT'
UNKNOWN = 4  # N, and every IUPAC code that names more than one base

IUPAC = 'ACGTRYSWKMBDHVN'
_IUPAC_COMPLEMENT = 'TGCAYRSWMKVHDBN'

_NOT_DNA = 255
_CODE_OF_BYTE = np.full(256, _NOT_DNA, np.uint8)
for _letter in IUPAC:
    _code = ALPHABET.find(_letter) if _letter in ALPHABET else UNKNOWN
    _CODE_OF_BYTE[ord(_letter)] = _CODE_OF_BYTE[ord(_letter.lower())] = _code
_BYTE_OF_CODE = np.frombuffer(b'ACGTN', np.uint8)
_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN], np.uint8)
_COMPLEMENT_TEXT = str.maketrans(
    IUPAC + IUPAC.lower(), _IUPAC_COMPLEMENT + _IUPAC_COMPLEMENT.lower()
)


def encode(sequence: str | bytes) -> np.ndarray:
    """Text to base codes, [L] uint8; lower case counts as upper, ambiguous IUPAC codes become UNKNOWN.

    Raises:
        ValueError: names the first letter that is not an IUPAC DNA code and its 1-based position.
    """
    text = sequence.encode('latin-1', 'replace') if isinstance(sequence, str) else sequence
    codes = _CODE_OF_BYTE[np.frombuffer(text, np.uint8)]
    if codes.size and codes.max() == _NOT_DNA:
        where = int(np.argmax(codes == _NOT_DNA))
        raise ValueError(f'{chr(text[where])!r} at base {where + 1} is not a DNA letter')
    return codes


def decode(codes: np.ndarray) -> str:
    """Base codes to upper-case text, N for UNKNOWN."""
    return _BYTE_OF_CODE[np.asarray(codes)].tobytes().decode('ascii')


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """The other strand, read 5' to 3'; works on the last axis of base codes of any shape."""
    return _COMPLEMENT[codes][..., ::-1]


def reverse_complement_text(sequence: str) -> str:
    """The other strand of a text, keeping case and every IUPAC code; an involution on all fifteen."""
    return sequence.translate(_COMPLEMENT_TEXT)[::-1]


def one_hot(codes: np.ndarray) -> np.ndarray:
    """Base codes [..., L] to float32 [..., L, 4] in the order ACGT; an unknown base is all zeros."""
    table = np.vstack([np.eye(4, dtype=np.float32), np.zeros((1, 4), np.float32)])
    return table[codes]


def kmer_indices(codes: np.ndarray, k: int, order: str = ALPHABET) -> np.ndarray:
    """Index of the k-mer that starts at each base, -1 where it holds an unknown base.

    The index is the k-mer read as a number in base 4, first base most significant, digits in `order`.
    `codes` is [..., L]; the result is int32 [..., L - k + 1], of length 0 if L < k.
    """
    length = codes.shape[-1] - k + 1
    if length <= 0:
        return np.zeros(codes.shape[:-1] + (0,), np.int32)
    digit = np.array([order.index(base) for base in ALPHABET] + [0], np.int32)[codes]
    index = digit[..., :length].copy()
    for offset in range(1, k):
        index *= 4
        index += digit[..., offset : offset + length]
    unknown = codes == UNKNOWN
    if unknown.any():
        seen = np.zeros(codes.shape[:-1] + (codes.shape[-1] + 1,), np.int32)
        np.cumsum(unknown, axis=-1, out=seen[..., 1:])
        index[seen[..., k:] != seen[..., :length]] = -1
    return index
