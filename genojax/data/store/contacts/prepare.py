"""Hi-C matrices to shards: observed / expected contacts along genomes, for tasks to read in parts.

The output of `prepare_contacts` is a folder:

    contacts.json            what was read and how, counts, and the hash of every file; written last
    SPECIES/bases.u8         base codes, contig after contig
    SPECIES/windows.tsv      contig, start, end and block of every window's centre, and its part
    SPECIES/bins.u8          1 where a bin is known, contig after contig
    SPECIES/contacts.f32     observed / expected of every bin and those after it, [bins, reach]
    SPECIES/rates.f32        the same of the true rates of a simulation

Memory holds one contig of sequence, a chunk of pixels, and some rows of contacts.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from genojax import errors, progress
from genojax.data.formats.contact_files import contact_table, cool
from genojax.data.formats.track_files import signal_file
from genojax.data.store.contacts import contact_settings, matrix
from genojax.data.store.signals import binning, masks, prepared_folder, sources, tiling

NAME = 'contacts.json'
FORMAT, VERSION = 'genojax contacts', 1
BASES, WINDOWS, BINS = 'bases.u8', 'windows.tsv', 'bins.u8'
CONTACTS, RATES = 'contacts.f32', 'rates.f32'
NO_WEIGHT, NO_CONTACT = 'no weight', 'no contact'
_CHUNK = 1 << 20  # values of contacts.f32 in memory at a time
_PIECE = 1 << 22  # bases whose masks are in memory at a time


def prepare_contacts(
    genomes: str | os.PathLike,
    table: str | os.PathLike,
    out: str | os.PathLike,
    settings: contact_settings.ContactSettings | None = None,
    *,
    replace: bool = False,
) -> prepared_folder.Prepared:
    """Writes the shards of the matrices of a table, unless they are there already.

    Args:
        genomes: a FASTA file, or a directory with a genome table.
        table: see `contact_table`.
        out: the folder; other shards in it are refused.
        replace: overwrite other shards.

    Raises:
        InputError: FA.., GT.., BD.. of the genomes and masks; HC01 to HC09 of the matrices.
        UsageError: settings that do not fit, or a folder that cannot be written to.
    """
    settings = settings or contact_settings.ContactSettings()
    rows = {row.species: row for row in contact_table.read(table)}
    parts = sources.find(genomes, list(rows))
    by_species = dict(zip(parts, rows.values(), strict=True))
    matrices = {
        name: row.settings() | {'files': [prepared_folder.describe(path) for path in row.files]}
        for name, row in by_species.items()
    }
    plan = {
        'format': FORMAT,
        'version': VERSION,
        'settings': prepared_folder.describe_settings(settings, list(parts)),
        'genomes': prepared_folder.describe_genomes(parts),
        'matrices': matrices,
    }
    folder = prepared_folder.ShardFolder(pathlib.Path(out), NAME, 'contacts', replace)

    def write(partial: pathlib.Path) -> dict:
        for name in parts:
            (partial / name).mkdir()
        read = {
            name: sources.write_bases(
                listed, settings.contigs, partial / name / BASES, settings.rna
            )
            for name, listed in parts.items()
        }
        prepared_folder.check_names(
            settings, [c.name for contigs, _ in read.values() for c in contigs]
        )
        species = {}
        for name, row in by_species.items():
            fasta, (contigs, notes) = parts[name][0].fasta, read[name]
            mask_files = {k: settings.mask_files(k, name, list(parts)) for k in masks.KINDS}
            writer = _Writer(name, row, tuple(contigs), fasta, settings, partial / name)
            entry = writer.write(mask_files)
            entry['notes'] = [*notes, *entry['notes']]
            species[name] = entry | {'files': prepared_folder.describe_files(partial / name)}
        return {'species': species}

    return folder.write(plan, write)


@dataclasses.dataclass(frozen=True, eq=False)
class _Writer:
    """What one species is written from."""

    name: str
    row: contact_table.MatrixRow
    contigs: tuple[sources.SourceContig, ...]
    fasta: pathlib.Path
    settings: contact_settings.ContactSettings
    folder: pathlib.Path

    @property
    def lengths(self) -> dict[str, int]:
        return {contig.name: contig.length for contig in self.contigs}

    def write(self, mask_files: Mapping) -> dict:
        """Writes the files of the species beside bases.u8; its entry in contacts.json."""
        s = self.settings
        regions = masks.read(mask_files, self.lengths, self.fasta)
        usable, lost = self._usable_bins(regions)
        measured = self._measure(self.row.path, usable)
        factor_N, known = measured.factors.factor_N, {}
        for name, usable_P in usable.items():
            first = measured.file.first_bin[name]
            part = slice(first, first + len(usable_P))
            known[name] = measured.known_N[part]
            weighted_P = usable_P & np.isfinite(factor_N[part])
            lost[NO_WEIGHT] += int((usable_P & ~weighted_P).sum())
            lost[NO_CONTACT] += int((weighted_P & ~known[name]).sum())
        np.concatenate(list(known.values())).astype(np.uint8).tofile(self.folder / BINS)
        far = self._write_bands(measured, CONTACTS)
        notes = [*regions.notes, *_unread(measured.file, self.lengths)]
        if self.row.rates:
            self._write_bands(self._measure(self.row.rates, known), RATES)
        counts, left_out, gaps = self._write_windows(known)
        return {
            'contigs': [dataclasses.asdict(contig) for contig in self.contigs],
            'bins': {name: len(known_P) for name, known_P in known.items()},
            'known_bins': int(sum(known_P.sum() for known_P in known.values())),
            'lost_bins': lost,
            'pixels': {**measured.uses, 'beyond a window': far},
            'weights': {
                'name': self.row.weight,
                'used_to': measured.factors.direction,
                'by': measured.factors.source,
            },
            'expected': {name: measured.expected_within(name, s.reach).tolist() for name in usable},
            'trans_expected': measured.trans,
            'rates': self.row.rates is not None,
            'windows': counts,
            'left_out_windows': left_out,
            'gap_bases': gaps,
            'notes': notes,
        }

    def _usable_bins(self, regions: masks.MaskRegions) -> tuple[dict, dict[str, int]]:
        """Contig -> bins that no mask takes, bool [P]; and how many each mask takes."""
        s, bases = self.settings, np.memmap(self.folder / BASES, np.uint8, 'r')
        lost = dict.fromkeys((*masks.REASONS, NO_WEIGHT, NO_CONTACT), 0)
        usable = {}
        for contig in self.contigs:
            whole, listed = -(-contig.length // s.bin) * s.bin, []
            step = max(1, _PIECE // s.bin) * s.bin
            for start in range(0, whole, step):
                end = min(start + step, whole)
                codes_L = sources.read_codes(bases, contig, start, end)
                beyond_L = np.arange(start, end) >= contig.length
                by_reason = masks.usable_bases(regions, contig.name, codes_L, beyond_L, start)
                for reason, count in masks.count_lost(by_reason, s.bin, s.min_known).items():
                    lost[reason] += count
                usable_L = by_reason[masks.REASONS[-1]]
                listed.append(binning.known_bins(usable_L, s.bin, s.min_known))
            usable[contig.name] = np.concatenate(listed)
        return usable, lost

    def _measure(self, path: pathlib.Path, usable: Mapping) -> matrix.ContactMatrix:
        """One file, compared with the genome, and its expected values."""
        file = cool.CoolFile(path, self.settings.bin)
        check_contigs(file, self.lengths, self.fasta)
        factors = file.factors(self.row.weight, self.row.weights_are)
        return matrix.measure(file, factors, usable, self.settings.diagonals)

    def _write_bands(self, measured: matrix.ContactMatrix, name: str) -> int:
        """Writes the bands of all contigs and closes the matrix; used pixels beyond the reach."""
        reach, within = self.settings.reach, 0
        rows = max(1, _CHUNK // reach)
        total = sum(measured.contigs.values())
        with (
            open(self.folder / name, 'wb') as file,
            progress.bar(f'contacts of {self.name}', total) as display,
        ):
            for contig, count in measured.contigs.items():
                for first in range(0, count, rows):
                    end = min(first + rows, count)
                    band_PC = measured.band(contig, first, end, reach)
                    within += int((band_PC > 0).sum())
                    file.write(band_PC.tobytes())
                    display.advance(end - first)
        measured.file.close()
        return measured.uses[matrix.CIS] - within

    def _write_windows(self, known: Mapping) -> tuple[dict[str, int], int, int]:
        """Windows by part, those without two known bins, left out, and the bases of gaps."""
        s = self.settings
        tiled = tiling.tile([c.length for c in self.contigs], [c.circular for c in self.contigs], s)
        names, marks = [c.name for c in self.contigs], [c.split for c in self.contigs]
        test_N = tiling.parts(tiled, names, marks, s)
        counts, left_out = dict.fromkeys(tiling.PARTS, 0), 0
        lines = ['contig\tstart\tend\tblock\tpart']
        for number, (contig, start, block) in enumerate(
            zip(
                tiled.contig_N.tolist(), tiled.start_N.tolist(), tiled.block_N.tolist(), strict=True
            )
        ):
            first = start // s.bin
            known_Q = np.flatnonzero(known[names[contig]][first : first + s.bins])
            if not len(known_Q) or known_Q[-1] - known_Q[0] < s.diagonals:
                left_out += 1
                continue
            part = tiling.PARTS[int(test_N[number])]
            counts[part] += 1
            lines.append(f'{names[contig]}\t{start}\t{start + s.centre}\t{block}\t{part}')
        for part, count in counts.items():
            if not count:
                problem = f'no {part} window of {self.name} has a known pair of bins'
                fix = 'name fewer masks, another weight or other contigs'
                raise errors.InputError('HC09', problem, path=self.row.path, fix=fix)
        (self.folder / WINDOWS).write_text('\n'.join(lines) + '\n', encoding='utf-8')
        return counts, left_out, tiled.gap_bases


def check_contigs(file: cool.CoolFile, contigs: Mapping[str, int], fasta: os.PathLike) -> None:
    """Compares a matrix with the contigs that are to be read.

    Raises:
        InputError: HC05, the file lacks one; HC06, one has another length.
    """
    missing = [name for name in contigs if name not in file.sizes]
    if missing:
        raise errors.InputError(
            'HC05',
            f'no contig {signal_file.listed(missing)}, which {os.path.basename(fasta)} has; this '
            f'file has {signal_file.listed(file.sizes)}',
            path=file.path,
            record='chroms/name',
            fix=signal_file.fix_of_missing(missing, contigs, file.sizes),
        )
    for name, length in contigs.items():
        if file.sizes[name] != length:
            raise errors.InputError(
                'HC06',
                f'{name} has {file.sizes[name]:,} bases, but {length:,} in '
                f'{os.path.basename(fasta)}: the two are of different assemblies',
                path=file.path,
                record='chroms/length',
                fix='name the FASTA file of the assembly of the matrix',
            )


def _unread(file: cool.CoolFile, contigs: Mapping[str, int]) -> list[str]:
    names = [name for name in file.sizes if name not in contigs]
    if not names:
        return []
    name = os.path.basename(file.path)
    return [f'{name}: contigs that are not read: {len(names):,} ({signal_file.listed(names)})']
