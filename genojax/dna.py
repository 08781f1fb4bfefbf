"""DNA as base codes: A 0, C 1, G 2, T 3, and 4 for an unknown base.

Every numpy array of bases in genojax is uint8 with these codes. The order is alphabetical, so the
complement of a known base is 3 - code. Only this module converts between text and codes. It does
not import jax, because data workers import it.
"""

import numpy as np

ALPHABET = 'ACGT'
UNKNOWN = 4  # N, and every other IUPAC code for more than one base

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
    """Base codes of a text, uint8 [L].

    Lower case is read as upper case; an ambiguous IUPAC code becomes UNKNOWN.

    Raises:
        ValueError: a letter is not an IUPAC DNA code; the message has its 1-based position.
    """
    text = sequence.encode('latin-1', 'replace') if isinstance(sequence, str) else sequence
    codes = _CODE_OF_BYTE[np.frombuffer(text, np.uint8)]
    if codes.size and codes.max() == _NOT_DNA:
        first = int(np.argmax(codes == _NOT_DNA))
        raise ValueError(f'{chr(text[first])!r} at base {first + 1} is not a DNA letter')
    return codes


def decode(codes: np.ndarray) -> str:
    """Upper-case text of base codes [L], with N for UNKNOWN."""
    return _BYTE_OF_CODE[np.asarray(codes)].tobytes().decode('ascii')


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """Base codes [..., L] of the other strand, read 5' to 3'."""
    return complement(codes)[..., ::-1]


def complement(codes: np.ndarray) -> np.ndarray:
    """Complement of each base code, of any shape; UNKNOWN stays UNKNOWN. A copy."""
    # 3 - code is code ^ 3, which maps 4 to 7; 7 ^ 3 is 4. A lookup table is 20 times slower.
    complements = np.asarray(codes, np.uint8) ^ 3
    complements ^= (complements >> 2) * 3
    return complements


def reverse_complement_text(sequence: str) -> str:
    """Reverse complement of a text, keeping case and all 15 IUPAC codes."""
    return sequence.translate(_COMPLEMENT_TEXT)[::-1]


def one_hot(codes: np.ndarray) -> np.ndarray:
    """One-hot float32 [..., L, 4] of base codes [..., L], in order ACGT; UNKNOWN is all zeros."""
    table = np.vstack([np.eye(4, dtype=np.float32), np.zeros((1, 4), np.float32)])
    return table[codes]


def kmer_indices(codes: np.ndarray, k: int, order: str = ALPHABET) -> np.ndarray:
    """Index of the k-mer that starts at each base, or -1 where it contains an unknown base.

    The index is the k-mer read as a base-4 number, first base most significant.

    Args:
        codes: base codes [..., L].
        k: 1 to 15.
        order: the four letters in the order of their digits 0 to 3.
    Returns:
        int32 [..., L - k + 1], of length 0 if L < k.
    """
    packed, unknown = packed_kmers(codes, k, order)
    index = packed.astype(np.int32)
    if unknown is not None:
        index |= -unknown.astype(np.int32)  # -1 has all bits set
    return index


def packed_kmers(
    codes: np.ndarray, k: int, order: str = ALPHABET
) -> tuple[np.ndarray, np.ndarray | None]:
    """`kmer_indices` in the narrowest unsigned type, with a separate mask of unknown bases.

    Args:
        codes, k, order: as for `kmer_indices`.
    Returns:
        Indices [..., L - k + 1], arbitrary for a k-mer with an unknown base, and an array of that
        shape with 1 for such k-mers and 0 for others; None if there are none.
    """
    codes = np.asarray(codes, np.uint8)
    length = codes.shape[-1] - k + 1
    if length <= 0:
        return np.zeros(codes.shape[:-1] + (0,), np.uint8), None
    packed = _pack(digits(codes, order), k, length, 2)
    unknown = codes >> 2  # 1 for UNKNOWN
    return packed, _pack(unknown, k, length, 0) if unknown.any() else None


def _pack(values: np.ndarray, k: int, length: int, bits: int) -> np.ndarray:
    """Every k adjacent values as one number of `bits` bits each (0: their bitwise or).

    Numbers of 1, 2, 4, ... values are combined, in uint8 as long as eight bits are enough: for
    k = 6, three passes over the sequence instead of six.

    Args:
        values: [..., length + k - 1], each below 2**bits.
    Returns:
        Unsigned integers [..., length].
    """
    packed, done, width = None, 0, 1
    while True:
        if k & width:
            part = values[..., done : done + length]
            total_bits = bits * (done + width)
            packed = part if packed is None else _append(packed, part, bits * width, total_bits)
            done += width
        if done == k:
            return packed
        values = _append(values[..., :-width], values[..., width:], bits * width, bits * 2 * width)
        width *= 2


def _append(high: np.ndarray, low: np.ndarray, shift: int, bits: int) -> np.ndarray:
    """`high << shift | low`, in the narrowest unsigned type of at least `bits` bits."""
    if not shift:
        return high | low
    joined = high.astype(np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32)
    joined <<= shift
    joined |= low
    return joined


def digits(codes: np.ndarray, order: str) -> np.ndarray:
    """Index of each base in `order`, uint8 of the shape of `codes`; some digit below 4 for UNKNOWN.

    The four digits xor to 0, whatever the order, so a digit is linear over xor in the two bits of a
    code: six passes over bytes, three times as fast as a lookup table.
    """
    if order == ALPHABET:
        return codes & 3
    a, c, g, _ = (order.index(base) for base in ALPHABET)
    digit, high = codes & 1, codes >> 1
    high &= 1
    digit *= a ^ c
    high *= a ^ g
    digit ^= high
    if a:
        digit ^= a
    return digit
