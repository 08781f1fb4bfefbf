"""Small simulated coverage tracks in the format that `data/formats/track_windows.py` reads.

Random sequence contains two kinds of sites. Around a site, chromatin is open (DNase-like coverage,
statistic `mean`, two samples that each prefer one kind), and reads start on the strand of the site
(CAGE-like coverage, statistic `sum_sqrt`, a pair of strands). Read counts are Poisson; their rates
are written as well, so the best possible correlation is known.
"""

import json
import pathlib

import numpy as np

from genojax import dna
from genojax.data.formats.track_files import coverage

SITES = ('TGACTCAT', 'GGCGGAAC')  # 5' to 3' on the strand of the site
_DESCRIPTIONS = (
    ('reads+', 'CAGE:sample one', 'sum_sqrt', 1),
    ('reads-', 'CAGE:sample one', 'sum_sqrt', 0),
    ('open_one', 'DNASE:sample one', 'mean', 2),
    ('open_two', 'DNASE:sample two', 'mean', 3),
)
_PREFERENCE = np.array([[1.0, 0.2], [0.1, 1.0]])  # [DNase sample, kind of site]


def write_tracks(
    folder: str | pathlib.Path,
    name: str = 'sim',
    windows: tuple[int, int] = (24, 8),
    length: int = 4096,
    crop: int = 1024,
    pool_width: int = 32,
    seed: int = 0,
) -> None:
    """Writes one organism NAME, byte-identical for equal arguments.

    Each .npz file also contains `rate`, the expected sums of which `target` is the transform.

    Args:
        folder: created if it does not exist.
        name: prefix of the files.
        windows: number of windows of parts `train` and `valid`.
        length: bases per window.
        crop: bases at either end of a window without coverage.
        pool_width: bases per bin.
        seed: of the sequences and read counts.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, length, crop])
    bed_rows = []
    for part, count in zip(('train', 'valid'), windows, strict=True):
        codes_NL = rng.integers(0, 4, (count, length)).astype(np.uint8)
        rate_NPC = np.stack([_plant(codes, pool_width, rng) for codes in codes_NL])
        rate_NPC = rate_NPC[:, crop // pool_width : (length - crop) // pool_width]
        target_NPC, rate_NPC = _coverage(rng, rate_NPC, pool_width)
        np.savez_compressed(
            folder / f'{name}_{part}.npz', seq=codes_NL, target=target_NPC, rate=rate_NPC
        )
        for _ in range(count):
            start = 100_000 * (len(bed_rows) + 1)
            bed_rows.append(f'chr1\t{start}\t{start + length - 2 * crop}\t{part}\n')
    (folder / f'{name}_sequences.bed').write_text(''.join(bed_rows))
    (folder / f'{name}_targets.tsv').write_text(_targets_table())
    sizes = {
        'num_targets': len(_DESCRIPTIONS),
        'seq_length': length,
        'pool_width': pool_width,
        'crop_bp': crop,
        'target_length': (length - 2 * crop) // pool_width,
        'train_seqs': windows[0],
        'valid_seqs': windows[1],
    }
    (folder / f'{name}_statistics.json').write_text(json.dumps(sizes, indent=1))


def _coverage(
    rng: np.random.Generator, rate_NPC: np.ndarray, pool_width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Targets as stored (float16) and scaled rates (float32) of expected reads, both [N, P, C]."""
    tracks = table()
    reads_NPC = rng.poisson(rate_NPC).astype(np.float64)
    mean_C = np.array([track.sum_stat == 'mean' for track in tracks])
    summed_NPC = np.where(mean_C, reads_NPC / pool_width * 2, reads_NPC)
    target_NPC = np.round(coverage.transform(summed_NPC, tracks), 2).astype(np.float16)
    rate_NPC = np.where(mean_C, rate_NPC / pool_width * 2, rate_NPC).astype(np.float32)
    return target_NPC, rate_NPC


def _targets_table() -> str:
    """The targets table of the simulated tracks, one row per track."""
    rows = ['\tidentifier\tfile\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription\n']
    for number, (identifier, description, stat, pair) in enumerate(_DESCRIPTIONS):
        scale = 2.0 if stat == 'mean' else 1.0
        cells = (number, identifier, '-', 384, 64, scale, stat, pair, description)
        rows.append('\t'.join(map(str, cells)) + '\n')
    return ''.join(rows)


def table() -> tuple[coverage.Track, ...]:
    """The four simulated tracks."""
    return tuple(
        coverage.Track(
            identifier=identifier,
            description=text,
            sum_stat=stat,
            scale=2.0 if stat == 'mean' else 1.0,
            clip=384.0,
            clip_soft=64.0,
            pair=pair,
        )
        for identifier, text, stat, pair in _DESCRIPTIONS
    )


def _plant(codes: np.ndarray, width: int, rng: np.random.Generator) -> np.ndarray:
    """Puts sites into one window, in place, and returns the expected reads, float64 [bins, 4]."""
    rate_PC = np.full((len(codes) // width, len(_DESCRIPTIONS)), 0.05)
    for _ in range(len(codes) // 256):
        kind, strand = rng.integers(2), rng.integers(2)
        site = dna.encode(SITES[kind])
        start = int(rng.integers(0, len(codes) - len(site)))
        codes[start : start + len(site)] = dna.reverse_complement(site) if strand else site
        position = start // width
        rate_PC[position, strand] += 12.0
        for open_bin in range(max(position - 1, 0), min(position + 2, len(rate_PC))):
            rate_PC[open_bin, 2:] += 30.0 * _PREFERENCE[:, kind]
    return rate_PC
