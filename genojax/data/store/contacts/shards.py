"""The shards of contacts, opened: blocks of a matrix that are read from files when asked for."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from genojax import errors, genome, json_files
from genojax.data.store.contacts import prepare
from genojax.data.store.signals import prepared_folder, sources, tiling

_FIELDS = {'format': str, 'version': int, 'settings': dict, 'species': dict, 'matrices': dict}
_FIX = 'genojax hic GENOMES --matrices=TABLE --out={} --replace'


# A pair without contacts is a measurement, and its logarithm must be finite.
PSEUDO, CLIP = 0.1, 3.0


class ContactRows(NamedTuple):
    """Windows in memory; unknown pairs hold 0.

    Attributes:
        codes_NL: base codes, uint8; unknown beyond the contig.
        contacts_NPP: observed / expected, float32.
        known_NPP: which pairs are known, bool.
        rates_NPP: the same of the true rates of a simulation; None where there are none.
    """

    codes_NL: np.ndarray
    contacts_NPP: np.ndarray
    known_NPP: np.ndarray
    rates_NPP: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class ContactSpecies:
    """One species of a folder: its sequence and contacts, mapped from files.

    Attributes:
        contigs: by name.
        bases: base codes of all contigs.
        first_bin: contig -> number of its first bin in the arrays.
        known_A: which bins are known, uint8, all contigs.
        contacts_AE: observed / expected of each bin and those after it.
        rates_AE: of the true rates; None where there are none.
        expected: contig -> expected value at each distance; 0 where a pair is unknown.
        windows: part -> (contig, first base of the centre, block).
        window, crop, bin: bases; see `ContactSettings`.
        digest: hash of everything above.
    """

    name: str
    contigs: Mapping[str, sources.SourceContig]
    bases: np.ndarray
    first_bin: Mapping[str, int]
    known_A: np.ndarray
    contacts_AE: np.ndarray
    rates_AE: np.ndarray | None
    expected: Mapping[str, np.ndarray]
    windows: Mapping[str, list[tuple[str, int, int]]]
    window: int
    crop: int
    bin: int
    digest: str

    @property
    def centre(self) -> int:
        """Bases of a window that contacts are between."""
        return self.window - 2 * self.crop

    def interval(self, part: str, number: int) -> genome.Interval:
        """The centre of a window."""
        contig, start, _ = self.windows[part][number]
        return genome.Interval(contig, start, start + self.centre)

    def load(self, part: str, rows: np.ndarray) -> ContactRows:
        """Some windows of a part, in this order."""
        codes, blocks, rates = [], [], []
        for number in np.asarray(rows).tolist():
            contig, start, _ = self.windows[part][number]
            first = start - self.crop
            source = self.contigs[contig]
            codes.append(sources.read_codes(self.bases, source, first, first + self.window))
            bins = contig, start // self.bin, self.centre // self.bin
            blocks.append(self.block(*bins))
            if self.rates_AE is not None:
                rates.append(self.block(*bins, of_rates=True)[0])
        contacts, known = (np.stack(x) for x in zip(*blocks, strict=True))
        return ContactRows(np.stack(codes), contacts, known, np.stack(rates) if rates else None)

    def block(
        self, contig: str, first: int, count: int, of_rates: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Observed / expected of `count` bins from one on, float32 [P, P], and which are known.

        Bins that the contig does not have are unknown.

        Args:
            first: number of the first bin on the contig; may be negative.
            of_rates: of the true rates of a simulation instead.

        Raises:
            ValueError: more bins than contacts are stored for.
        """
        band_AE = self.rates_AE if of_rates else self.contacts_AE
        reach = band_AE.shape[1]
        if count > reach:
            raise ValueError(f'a block of {count} bins, but contacts are stored for {reach}')
        own = -(-self.contigs[contig].length // self.bin)
        low, high = max(first, 0), min(first + count, own)
        value_PP, known_P = np.zeros((count, count), np.float32), np.zeros(count, bool)
        if low < high:
            start = self.first_bin[contig]
            band_PE = band_AE[start + low : start + high]
            known_P[low - first : high - first] = self.known_A[start + low : start + high] > 0
            row_P, column_P = np.triu_indices(high - low)
            inside = slice(low - first, high - first)
            part_PP = np.zeros((high - low, high - low), np.float32)
            part_PP[row_P, column_P] = band_PE[row_P, column_P - row_P]
            part_PP[column_P, row_P] = part_PP[row_P, column_P]
            value_PP[inside, inside] = part_PP
        number_P = np.arange(count)
        expected_PP = self.expected[contig][np.abs(number_P[:, None] - number_P)]
        known_PP = known_P[:, None] & known_P & (expected_PP > 0)
        return np.where(known_PP, value_PP, 0), known_PP


def logarithm(ratio: np.ndarray, pseudo: float = PSEUDO, clip: float = CLIP) -> np.ndarray:
    """log((observed / expected + pseudo) / (1 + pseudo)), cut at +- clip; float32."""
    return np.clip(np.log((ratio + pseudo) / (1 + pseudo)), -clip, clip).astype(np.float32)


def is_prepared(folder: str | os.PathLike) -> bool:
    """Whether a folder holds shards of contacts."""
    return (pathlib.Path(folder) / prepare.NAME).exists()


def read_value(folder: str | os.PathLike) -> dict:
    """The content of contacts.json.

    Raises:
        InputError: AR04, there is none.
        DamageError: it was changed, or is of another version.
    """
    path = pathlib.Path(folder) / prepare.NAME
    fix = _FIX.format(folder)
    if not path.exists():
        raise errors.InputError('AR04', 'no contacts of `genojax hic`', path=folder, fix=fix)
    value = json_files.read_hashed(path, fix, fields=_FIELDS)
    if (value['format'], value['version']) != (prepare.FORMAT, prepare.VERSION):
        raise errors.DamageError(f'{path} is of another version. Fix: {fix}')
    return value


def open_contacts(folder: str | os.PathLike, name: str) -> ContactSpecies:
    """One species of a folder; its files are compared with their hashes.

    Raises:
        DamageError: AR01 or AR02, a file is missing or was changed.
        InputError: AR04, there is no such folder.
        UsageError: there is no such species.
    """
    folder = pathlib.Path(folder)
    value = read_value(folder)
    if name not in value['species']:
        known = ', '.join(value['species'])
        raise errors.UsageError(f'{folder} has no species {name!r}; it has {known}')
    entry, settings = value['species'][name], value['settings']
    for file in entry['files'].values():
        prepared_folder.check_file(folder / name, file, _FIX.format(folder))
    path = folder / name
    counts = entry['bins']
    firsts = np.cumsum([0, *counts.values()]).tolist()
    shape = (firsts[-1], settings['window'] // settings['bin'])
    rates = np.memmap(path / prepare.RATES, '<f4', 'r', shape=shape) if entry['rates'] else None
    return ContactSpecies(
        name=name,
        contigs={c['name']: sources.SourceContig(**c) for c in entry['contigs']},
        bases=np.memmap(path / prepare.BASES, np.uint8, 'r'),
        first_bin=dict(zip(counts, firsts, strict=False)),
        known_A=np.fromfile(path / prepare.BINS, np.uint8),
        contacts_AE=np.memmap(path / prepare.CONTACTS, '<f4', 'r', shape=shape),
        rates_AE=rates,
        expected={contig: np.array(values) for contig, values in entry['expected'].items()},
        windows=_windows(path / prepare.WINDOWS),
        window=settings['window'],
        crop=settings['crop'],
        bin=settings['bin'],
        digest=json_files.digest({'entry': entry, 'settings': settings}),
    )


def _windows(path: pathlib.Path) -> dict[str, list[tuple[str, int, int]]]:
    parts: dict[str, list] = {part: [] for part in tiling.PARTS}
    for line in path.read_text(encoding='utf-8').splitlines()[1:]:
        contig, start, _, block, part = line.split('\t')
        parts[part].append((contig, int(start), int(block)))
    return parts
