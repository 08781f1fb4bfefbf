"""A draft of the genome table of a directory, from the names and contents of its files.

What the files say is read: which contigs are circular (Is_circular of a GFF3, or the header), which
FASTA files are not genomes (coding sequences, transcripts, proteins), and the layouts of NCBI and
Ensembl downloads. The draft is to be checked by a person.
"""

import os
import pathlib
import re

from genojax import errors, genome
from genojax.data.formats import fasta, input_file

_FASTA_ENDS = ('.fa', '.fasta', '.fna', '.fas', '.faa')
_ANNOTATION_ENDS = ('.gff3', '.gff', '.gtf', '.bed')  # best first
_GENBANK_ENDS = ('.gb', '.gbk', '.gbff', '.genbank')
_GENBANK = 'GenBank files are not read: convert them to FASTA and GFF3'
_COMPRESSED_ENDS = ('.gz', '.bgz')
_MAX_BASES = 1_000_000  # of a file that are read
_MAX_DEPTH = 4  # folders below the directory that are searched if it has no FASTA file itself
_MAX_LISTED = 50  # contigs of a row

# What a file holds that is not a genome: pattern of its stem, pattern of its first header, word.
_NOT_GENOMES = (
    (
        r'(^|[._])(cds|cds_from_genomic)([._]|$)|_cds$',
        r'lcl\|\S*_cds_|\S+ cds ',
        'coding sequences',
    ),
    (
        r'(^|[._])(rna|rna_from_genomic|cdna|ncrna|mrna|transcripts?)([._]|$)|_rna$',
        r'lcl\|\S*_[a-z_]*rna_|[NX][MR]_[0-9]|\S+ (cdna|ncrna) |ENS[A-Z]*T[0-9.]+\|',
        'transcripts',
    ),
    (
        r'(^|[._])(protein|proteins|pep|translated_cds)([._]|$)|_protein$',
        r'[NXYW]P_[0-9]|\S+ pep |(sp|tr)\|',
        'proteins',
    ),
)
_RNA = re.compile(r'(^|[._])rna(?!_from_)(?=[._]|$)', re.IGNORECASE)
_ENSEMBL = re.compile(r'\.dna(_sm|_rm)?\.(toplevel|primary_assembly|chromosome\.\w+)$')
_ASSEMBLY = re.compile(r'(GC[AF]_[0-9]+\.[0-9]+)')
_ORGANISM = re.compile(r'([A-Z][a-z]+) ([a-z]+)\b')
_CIRCULAR_WORDS = ('mitochondri', 'chloroplast', 'plastid', 'topology=circular')


def draft(
    directory: str | os.PathLike,
    columns: tuple[str, ...],
    notes: list[str] | None = None,
    left_out: dict[str, str | errors.InputError] | None = None,
    rna: bool = False,
) -> str:
    """A table for a directory without one, as text to check; '' if there is no genome in it.

    Folders below it are searched if it has no FASTA file itself, as in a download of NCBI
    (ncbi_dataset/data/GCF_...).

    Args:
        notes: of every file what a person is to look at is added: contigs that are called like
            organelles, and whether there is lower case.
        left_out: every file that has no row is added with its reason: an error if it is called
            like a FASTA file and could not be read.
        rna: read U as T; the word rna in a file's name does not make it one of transcripts.
    """
    notes = [] if notes is None else notes
    left_out = {} if left_out is None else left_out
    folder = pathlib.Path(directory)
    files = _files(folder)
    rows, species = [], set()
    for name in files:
        if _stem(name, _FASTA_ENDS) is not None:
            why = _draft_rows(folder, name, files, species, notes, rna)
            if isinstance(why, list):
                rows += why
            else:
                left_out[name] = why
                rows.append(f'# {name}: {why}')
    left_out.update(dict.fromkeys(_genbank_files(folder), _GENBANK))
    if not rows:
        return ''
    return '\n'.join(['\t'.join(columns), *rows, ''])


def is_fasta_name(path: str | os.PathLike) -> bool:
    """Whether a file is called like a FASTA file."""
    return _stem(os.fspath(path), _FASTA_ENDS) is not None


def sequence_files(directory: str | os.PathLike) -> list[pathlib.Path]:
    """What is called like a FASTA file in a folder itself, by name."""
    paths = sorted(pathlib.Path(directory).iterdir())
    return [path for path in paths if is_fasta_name(path) and path.is_file()]


def fix_without_fasta(directory: str | os.PathLike) -> str:
    """What to do about a folder of which no table can be drafted."""
    genbank = _genbank_files(pathlib.Path(directory))
    return _GENBANK if genbank else 'name the directory of the genomes'


def _genbank_files(folder: pathlib.Path) -> list[str]:
    own = [item.name for item in folder.iterdir() if item.is_file()]
    return [n for n in sorted({*own, *_files(folder)}) if _stem(n, _GENBANK_ENDS) is not None]


def _files(folder: pathlib.Path) -> list[str]:
    """Paths below a folder: of its own files, or of its subfolders' if none is a FASTA file."""
    files = sorted(item.name for item in folder.iterdir() if item.is_file())
    if any(_stem(name, _FASTA_ENDS) is not None for name in files):
        return files
    below = []
    for depth in range(2, _MAX_DEPTH + 1):
        paths = sorted(path for path in folder.glob('/'.join('*' * depth)) if path.is_file())
        shown = [path.relative_to(folder) for path in paths]
        below += [os.fspath(p) for p in shown if not any(s.startswith('.') for s in p.parts)]
    return below


def _stem(name: str, ends: tuple[str, ...]) -> str | None:
    name = os.path.basename(name)
    for compressed in _COMPRESSED_ENDS:
        name = name.removesuffix(compressed)
    for end in ends:
        if name.lower().endswith(end):
            return name[: -len(end)]
    return None


def _draft_rows(
    folder: pathlib.Path,
    name: str,
    files: list[str],
    species: set[str],
    notes: list[str],
    rna: bool,
) -> list[str] | str | errors.InputError:
    """The rows of one FASTA file, or why it has none."""
    stem = _stem(name, _FASTA_ENDS)
    try:
        headers = list(fasta.headers(folder / name))
        what = _not_a_genome(_RNA.sub('', stem) if rna else stem, headers)
        if what:
            return f'{what}, not a genome; left out'
        bases = lower = 0
        for record in fasta.read(folder / name, rna=rna):
            bases, lower = bases + len(record.codes), lower + record.stats.soft_masked
            if bases >= _MAX_BASES:
                break
    except errors.InputError as error:
        return error
    # A few lower-case letters are an editor's accident; repeats are at least some percent of a
    # masked genome.
    softmasked = 'yes' if lower > 0.01 * bases else 'no'
    annotation = _annotation(name, stem, files)
    circular = _circular(folder, annotation, headers)
    own = _species_name(stem, headers, species)
    cells = [own, name, annotation, softmasked]
    contigs = [header.split(None, 1)[0] for header in headers]
    notes += _to_check(name, [c for c in contigs if c not in circular], lower, bases)
    return _rows_by_shape(cells, contigs, circular)


def _to_check(name: str, linear: list[str], lower: int, bases: int) -> list[str]:
    """What a person is to look at of one file."""
    lines = []
    similar = [contig for contig in linear if genome.is_organelle(contig)]
    if similar:
        lines.append(
            f'{name}: {", ".join(similar)} may be of an organelle: if circular, write a row of its '
            'own with circular = yes'
        )
    part = 'the first ' if bases >= _MAX_BASES else 'its '
    case = f'no lower case in {part}{bases:,} bases: softmasked = no, repeats are unknown'
    if lower:
        case = f'{lower / bases:.1%} of {part}{bases:,} bases are lower case: softmasked = yes is '
        case += 'right only if that means repeats'
    return [*lines, f'{name}: {case}']


def _rows_by_shape(cells: list[str], contigs: list[str], circular: set[str]) -> list[str]:
    """One row, or one of linear and one of circular contigs."""
    species, name, annotation, softmasked = cells

    def row(listed: str, shape: str) -> str:
        return '\t'.join([species, name, listed, annotation, shape, softmasked])

    closed = [contig for contig in contigs if contig in circular]
    linear = [contig for contig in contigs if contig not in circular]
    if not closed or not linear:
        return [row('*', 'yes' if closed else 'no')]
    if len(contigs) > _MAX_LISTED or any(',' in contig for contig in contigs):
        shown = ', '.join(closed[:5])
        return [f'# {name}: circular contigs, which this row does not say: {shown}', row('*', 'no')]
    return [row(','.join(linear), 'no'), row(','.join(closed), 'yes')]


def _not_a_genome(stem: str, headers: list[str]) -> str:
    """'coding sequences', 'transcripts' or 'proteins' for a file of those, '' for a genome."""
    for by_stem, by_header, what in _NOT_GENOMES:
        if re.search(by_stem, stem, re.IGNORECASE) or re.match(by_header, headers[0]):
            return what
    return ''


def _annotation(name: str, stem: str, files: list[str]) -> str:
    """The best annotation file of the same stem in the same folder, '' if there is none."""
    folder, partners = os.path.dirname(name), []
    stem = _ENSEMBL.sub('', stem)
    for other in files:
        other_stem = _stem(other, _ANNOTATION_ENDS)
        if other_stem is None or os.path.dirname(other) != folder:
            continue
        related = other_stem.startswith(stem + '.') or stem.startswith(other_stem + '.')
        ncbi = other_stem == 'genomic' and stem.endswith('_genomic')
        if other_stem == stem or related or ncbi:
            rank = [end for end in _ANNOTATION_ENDS if end in os.path.basename(other).lower()]
            partners.append((other_stem != stem, _ANNOTATION_ENDS.index(rank[0]), other))
    return min(partners)[2] if partners else ''


def _circular(folder: pathlib.Path, annotation: str, headers: list[str]) -> set[str]:
    """Contigs that the annotation or their header calls circular."""
    circular = set()
    for header in headers:
        if any(word in header.lower() for word in _CIRCULAR_WORDS):
            circular.add(header.split(None, 1)[0])
    if annotation and '.gff' in annotation.lower():
        try:
            for _, line in input_file.InputFile(folder / annotation).lines():
                if '\tregion\t' in line and 'is_circular=true' in line.lower():
                    circular.add(line.split('\t', 1)[0])
        except errors.InputError:
            pass  # reported when the table is checked
    return circular


def _species_name(stem: str, headers: list[str], species: set[str]) -> str:
    """A name for a species, not used before: of NCBI files the organism, of others the stem."""
    assembly = _ASSEMBLY.match(stem)
    organism = _ORGANISM.search(headers[0].partition(' ')[2])
    # Without dots, which separate the fields of a config.
    name = re.sub(r'[^A-Za-z0-9_-]+', '_', stem).strip('_-') or 'species'
    if assembly:
        name = f'{organism[1]}_{organism[2]}' if organism else assembly[1].replace('.', '_')
        if name in species:
            name = f'{name}_{assembly[1].replace(".", "_")}'
    number = 2
    while name in species:
        name, number = f'{name.removesuffix(f"_{number - 1}")}_{number}', number + 1
    species.add(name)
    return name
