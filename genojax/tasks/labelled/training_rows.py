"""What a run keeps of the rows that it was trained on, and how other rows compare with them.

A prediction for a row unlike those of the training, or for one of them, looks like any other: both
are counted where rows are predicted. Sequences are kept as short hashes, equal for both strands.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genojax import dna

# Two of a million and a million other sequences have one hash by chance, in 1 of 280 pairs of sets.
_HASH_BYTES = 6
_MAX_HASHES = 1_000_000  # of a split: 8 MB of text; of more rows none are kept
# What `record` returns (`json_files.check`).
FIELDS = {'shortest': int, 'longest': int, 'unknown_share': (int, float), 'hashes': {...: str}}


def record(datasets) -> dict[str, Any]:
    """Lengths of the training rows, their largest share of unknown bases, and hashes.

    Args:
        datasets: a `dataset.RowDatasets`.
    """
    splits = {name: datasets.sequences(datasets.rows(name)) for name in ('train', 'validation')}
    train = splits['train']
    lengths = [len(codes_L) for codes_L in train]
    return {
        'shortest': min(lengths),
        'longest': max(lengths),
        'unknown_share': max(map(_unknown_share, train)),
        'hashes': {name: _text(_hashes(rows)) for name, rows in splits.items() if _fits(rows)},
    }


def compare(rows: Sequence[np.ndarray], known: Mapping[str, Any]) -> dict[str, int | float]:
    """How many rows differ from all training rows, and how many are among them.

    Args:
        rows: base codes, as `read_row` returns them.
        known: of `record`.

    Returns:
        `rows`; the `shortest` and `longest` training row and its largest `unknown_share`, and how
        many rows are `shorter`, `longer` or have `more_unknown`; where hashes are kept,
        `trained_on` and `selected_checkpoint`.
    """
    result: dict[str, int | float] = {'rows': len(rows)}
    result |= {name: known[name] for name in ('shortest', 'longest', 'unknown_share')}
    result['shorter'] = sum(len(codes_L) < known['shortest'] for codes_L in rows)
    result['longer'] = sum(len(codes_L) > known['longest'] for codes_L in rows)
    result['more_unknown'] = sum(_unknown_share(c) > known['unknown_share'] for c in rows)
    hashes = _hashes(rows) if known['hashes'] else []
    for split, name in (('train', 'trained_on'), ('validation', 'selected_checkpoint')):
        if split in known['hashes']:
            of_split = _set(known['hashes'][split])
            result[name] = sum(one in of_split for one in hashes)
    return result


def words(counts: Mapping[str, Any]) -> list[str]:
    """Sentences on the counts of `compare` that are not 0."""
    shortest, longest = f'{counts["shortest"]:,} bases', f'{counts["longest"]:,} bases'
    share = f'a larger share of N than any training row ({counts["unknown_share"]:.1%})'
    sentences = {
        'shorter': f'rows are shorter than any training row ({shortest})',
        'longer': f'rows are longer than any training row ({longest})',
        'more_unknown': f'rows have {share}',
        'trained_on': 'of these rows were trained on (either strand): their scores say nothing '
        'about new sequences',
        'selected_checkpoint': 'of these rows selected the checkpoint (validation rows)',
    }
    lines = []
    for name, sentence in sentences.items():
        if counts.get(name):
            whole = '' if sentence.startswith('of') else f' of {counts["rows"]:,}'
            lines.append(f'{counts[name]:,}{whole} {sentence}')
    return lines


def _unknown_share(codes_L: np.ndarray) -> float:
    return round(float(np.mean(codes_L == dna.UNKNOWN)), 6) if len(codes_L) else 0.0


def _fits(rows: Sequence[np.ndarray]) -> bool:
    return len(rows) <= _MAX_HASHES


def _hashes(rows: Sequence[np.ndarray]) -> list[bytes]:
    """One per row, equal for both strands."""
    result = []
    for codes_L in rows:
        forward, reverse = codes_L.tobytes(), dna.reverse_complement(codes_L).tobytes()
        sha = hashlib.blake2b(min(forward, reverse), digest_size=_HASH_BYTES)
        result.append(sha.digest())
    return result


def _text(hashes: list[bytes]) -> str:
    return base64.b64encode(b''.join(sorted(hashes))).decode('ascii')


def _set(text: str) -> set[bytes]:
    data = base64.b64decode(text)
    return {data[i : i + _HASH_BYTES] for i in range(0, len(data), _HASH_BYTES)}
