"""A draft of the genome table of a directory, from the names and first bases of its files."""

import os
import pathlib
import re

from genojax import errors
from genojax.data.formats import fasta

_FASTA_ENDS = ('.fa', '.fasta', '.fna', '.fas')
_ANNOTATION_ENDS = ('.gff3', '.gff', '.gtf', '.bed')  # best first
_COMPRESSED_ENDS = ('.gz', '.bgz')
_MAX_BASES = 1_000_000  # of a file that are read


def draft(directory: str | os.PathLike, columns: tuple[str, ...]) -> str:
    """A table for a directory without one, as text to check; '' if there is no FASTA file in it."""
    folder = pathlib.Path(directory)
    files = sorted(item.name for item in folder.iterdir() if item.is_file())
    rows = []
    for name in files:
        if _stem(name, _FASTA_ENDS) is not None:
            rows.append(_draft_row(folder, name, files))
    if not rows:
        return ''
    return '\n'.join(['\t'.join(columns), *rows, ''])


def _stem(name: str, ends: tuple[str, ...]) -> str | None:
    for compressed in _COMPRESSED_ENDS:
        name = name.removesuffix(compressed)
    for end in ends:
        if name.lower().endswith(end):
            return name[: -len(end)]
    return None


def _draft_row(folder: pathlib.Path, name: str, files: list[str]) -> str:
    stem = _stem(name, _FASTA_ENDS)
    species = re.sub(r'[^A-Za-z0-9_.-]+', '_', stem).strip('_.-') or 'species'
    partners = []
    for other in files:
        other_stem = _stem(other, _ANNOTATION_ENDS)
        if other_stem is not None and (
            other_stem == stem
            or other_stem.startswith(stem + '.')
            or stem.startswith(other_stem + '.')
        ):
            rank = [end for end in _ANNOTATION_ENDS if end in other.lower()]
            partners.append((other_stem != stem, _ANNOTATION_ENDS.index(rank[0]), other))
    bases = lower = 0
    circular = 'no'
    try:
        for record in fasta.read(folder / name):
            circular = 'yes' if 'mitochondri' in record.description.lower() else circular
            bases, lower = bases + len(record.codes), lower + record.stats.soft_masked
            if bases >= _MAX_BASES:
                break
    except errors.InputError as error:
        return f'# {name}: {error}'
    # A few lower-case letters are an editor's accident; repeats are at least some percent of a
    # masked genome.
    softmasked = 'yes' if lower > 0.01 * bases else 'no'
    annotation = min(partners)[2] if partners else ''
    return '\t'.join([species, name, '*', annotation, circular, softmasked])
