"""Tables of orthologous genes: a family, a species, and a sequence or an interval of a genome."""

import pathlib

import numpy as np

from genojax import errors
from genojax.data.formats import delimited, genome_table, labelled_table
from genojax.tasks.contrastive.genes import rows as gene_rows
from genojax.tasks.contrastive.genes import sequences as genome_sequences

FAMILY_COLUMNS = ('family', 'orthogroup', 'group', 'gene')
_INTERVAL = ('contig', 'start', 'end', 'strand')
_SPLITS = {
    **{split: split for split in labelled_table.SPLITS},
    'valid': 'validation',
    'dev': 'validation',
}


def read(
    path: str, genomes: str = '', family_column: str = '', rna: bool = False
) -> gene_rows.Genes:
    """The rows of a table, each with its family, species and base codes.

    Columns, in any case: the family (`family_column`, or the first of `family`, `orthogroup`,
    `group`, `gene`), `species`, and `sequence`, or `contig`, `start`, `end` (0-based, half-open)
    and `strand` (+ or -) of the species in `genomes`. Read where they exist: `split` (train,
    validation, test) and `transcript`: rows of one family and species that differ in it are splice
    forms of one gene.

    Args:
        genomes: a folder with a genomes.tsv, for tables of intervals.

    Raises:
        InputError: LB01 a column is missing, LB03 an empty sequence or no rows, LB04 a letter that
            is not DNA, LB06 a row with other columns, LB08 a word that is no split, LB13 no
            header, OR01 an interval that its genome does not have, OR02 no family has two species.
        UsageError: intervals without `genomes`.
    """
    file = pathlib.Path(path)
    cells = delimited.read(file)
    delimited.check_header(file, cells, ('family', 'species', 'split'))
    header, rows, lines = cells
    if not rows:
        raise errors.InputError('LB03', 'the table has no rows', path=file)
    column = _GeneColumns(file, header, family_column)
    if 'sequence' in column:
        sequences = [
            labelled_table.sequence_codes(row[column['sequence']], file, line, rna)
            for row, line in zip(rows, lines, strict=True)
        ]
    else:
        sequences = _cut(column, rows, lines, genomes)
    split = None
    if 'split' in column:
        cells = zip(rows, lines, strict=True)
        split = np.array([_split(row[column['split']], file, line) for row, line in cells])
    transcript = column['transcript'] if 'transcript' in column else None
    result = []
    for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
        family, species = row[column['family']], row[column['species']]
        if not family or not species:
            raise errors.InputError(
                'LB03',
                f'the {"species" if family else "family"} is empty',
                path=file,
                line=line,
                fix='name it, or remove the row',
            )
        gene = '' if transcript is not None else str(number)
        name = f'{family} of {species}'
        name += f', {row[transcript]}' if transcript is not None else ''
        result.append((family, species, gene, sequences[number], name))
    return gene_rows.build(result, str(file), split)


class _GeneColumns:
    """The number of each column that is read, by its role."""

    def __init__(self, path: pathlib.Path, header: list[str], family: str):
        self.path = path
        lower = [name.lower() for name in header]
        self.at = {name: lower.index(name) for name in reversed(lower)}
        if family:
            self.at['family'] = header.index(family) if family in header else -1
        else:
            self.at['family'] = next((self.at[n] for n in FAMILY_COLUMNS if n in self.at), -1)
        missing = [name for name in ('family', 'species') if self.at.get(name, -1) < 0]
        if 'sequence' not in self.at:
            missing += [name for name in _INTERVAL if name not in self.at]
            if len(missing) >= len(_INTERVAL):
                missing = [name for name in missing if name not in _INTERVAL] + ['sequence']
        if missing:
            fix = 'rename the columns'
            if 'family' in missing:
                fix = f'--config.tasks.TASK.data.family_column={header[0] or "COLUMN"}'
            raise errors.InputError(
                'LB01',
                f'no column is called {", ".join(map(repr, missing))}; the first line names '
                f'{", ".join(map(repr, header))}',
                path=path,
                line=1,
                fix=fix,
            )

    def __contains__(self, role: str) -> bool:
        return role in self.at

    def __getitem__(self, role: str) -> int:
        return self.at[role]


def _split(cell: str, path: pathlib.Path, line: int) -> str:
    if cell.lower() not in _SPLITS:
        raise errors.InputError(
            'LB08', f'split {cell!r} is not train, validation or test', path=path, line=line
        )
    return _SPLITS[cell.lower()]


def _cut(column: _GeneColumns, rows, lines, genomes: str) -> list[np.ndarray]:
    """Base codes of the intervals of a table."""
    if not genomes:
        raise errors.UsageError(
            f'{column.path} has intervals and no sequences. Fix: name the folder of their genomes, '
            '--config.tasks.TASK.data.genomes=DIR'
        )
    table = genome_table.read(genomes)
    genome = genome_sequences.GenomeSequences(table)
    result = []
    for row, line in zip(rows, lines, strict=True):
        cells = {name: row[column[name]] for name in _INTERVAL}
        where = {'path': column.path, 'line': line}
        if not (cells['start'].isdecimal() and cells['end'].isdecimal()):
            raise errors.InputError(
                'OR01',
                f'the interval {cells["start"]!r} to {cells["end"]!r} is not two whole numbers',
                fix='write 0-based start and end, as in BED',
                **where,
            )
        if cells['strand'] not in ('+', '-'):
            raise errors.InputError(
                'OR01', f'strand {cells["strand"]!r} is not + or -', fix='write + or -', **where
            )
        span = int(cells['start']), int(cells['end'])
        species = row[column['species']]
        codes = genome.read(species, cells['contig'], [span], cells['strand'], where)
        result.append(codes)
    return result
