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
    return complement(codes)[..., ::-1]


def complement(codes: np.ndarray) -> np.ndarray:
    """The base opposite each base, UNKNOWN opposite UNKNOWN; a copy."""
    # 3 - code is code ^ 3, which takes 4 to 7; that again ^ 3 is 4. A table would be 20 times slower.
    opposite = np.asarray(codes, np.uint8) ^ 3
    opposite ^= (opposite >> 2) * 3
    return opposite


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
    packed, unknown = packed_kmers(codes, k, order)
    index = packed.astype(np.int32)
    if unknown is not None:
        index |= -unknown.astype(np.int32)  # -1 is all bits
    return index


def packed_kmers(
    codes: np.ndarray, k: int, order: str = ALPHABET
) -> tuple[np.ndarray, np.ndarray | None]:
    """`kmer_indices` in the narrowest unsigned type, and 1 where a k-mer holds an unknown base (None: nowhere).

    Both are [..., L - k + 1]; the index of a k-mer with an unknown base means nothing. k is at most 15.
    """
    codes = np.asarray(codes, np.uint8)
    length = codes.shape[-1] - k + 1
    if length <= 0:
        return np.zeros(codes.shape[:-1] + (0,), np.uint8), None
    packed = _joined(digits(codes, order), k, length, 2)
    unknown = codes >> 2  # 1 for UNKNOWN
    return packed, _joined(unknown, k, length, 0) if unknown.any() else None


def _joined(piece: np.ndarray, k: int, length: int, bits: int) -> np.ndarray:
    """Every k neighbours as one number, `bits` for each (0: all of them or-ed together), [..., length].

    Made from pieces of 1, 2, 4, ... neighbours, in bytes as long as eight bits hold them: for k = 6 three passes over
    the sequence and not six.
    """
    whole, done, width = None, 0, 1
    while True:
        if k & width:
            part = piece[..., done : done + length]
            whole = (
                part if whole is None else _append(whole, part, bits * width, bits * (done + width))
            )
            done += width
        if done == k:
            return whole
        piece = _append(piece[..., :-width], piece[..., width:], bits * width, bits * 2 * width)
        width *= 2


def _append(front: np.ndarray, back: np.ndarray, shift: int, bits: int) -> np.ndarray:
    if not shift:
        return front | back
    held = front.astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)
    held <<= shift
    held |= back
    return held


def digits(codes: np.ndarray, order: str) -> np.ndarray:
    """The place of each base in `order`, uint8; anything below 4 for an unknown one.

    The digits of any order xor to 0, so T's is that of the other three and all follow from the two bits of a code: six
    passes of bytes, three times as fast as a table.
    """
    if order == ALPHABET:
        return codes & 3
    a, c, g, _ = (order.index(base) for base in ALPHABET)
    found, high = codes & 1, codes >> 1
    high &= 1
    found *= a ^ c
    high *= a ^ g
    found ^= high
    if a:
        found ^= a
    return found
