"""A drafted genome table names the files of a directory and what their first bases show."""

import gzip
import re

import pytest

from genojax import errors
from genojax.cli import main
from genojax.data.formats import genome_table, table_draft


def _draft(folder):
    return table_draft.draft(folder, genome_table.COLUMNS)


def test_a_draft_is_read_back_as_a_table(tmp_path):
    (tmp_path / 'a.fa').write_text('>c\nACGT\n')
    (tmp_path / 'a.gff3').write_text('c\ts\texon\t1\t2\t.\t+\t.\tID=x\n')
    (tmp_path / 'b.fasta').write_text('>d mitochondrion\nACGTacgt\n')
    (tmp_path / 'notes.txt').write_text('nothing\n')
    (tmp_path / genome_table.NAME).write_text(_draft(tmp_path))
    a, b = genome_table.read(tmp_path).rows
    assert (a.species, a.annotation.name, a.circular, a.softmasked) == ('a', 'a.gff3', False, False)
    assert (b.species, b.annotation, b.circular, b.softmasked) == ('b', None, True, True)


@pytest.mark.parametrize(
    ('names', 'annotation'),
    [
        (['a.gtf', 'a.bed'], 'a.gtf'),  # GFF3 before GTF before BED
        (['a.bed', 'a.gff3'], 'a.gff3'),
        (['a.genes.gff3', 'a.bed'], 'a.bed'),  # the same stem before a longer one
        (['other.gff3'], ''),
    ],
)
def test_the_best_annotation_of_the_same_stem_is_chosen(tmp_path, names, annotation):
    (tmp_path / 'a.fa').write_text('>c\nACGT\n')
    for name in names:
        (tmp_path / name).write_text('')
    assert _draft(tmp_path).splitlines()[1].split('\t')[3] == annotation


def test_what_is_to_be_checked_is_said_beside_the_draft(tmp_path, capsys):
    _write(
        tmp_path, {'a.fa': '>Chr1\nACGT\n>ChrM\nACGT\n>ChrC\nAC\n', 'b.fa': '>1\nACgt\n>MT x\nA\n'}
    )
    _write(tmp_path, {'c.fa': '>chrM mitochondrion\nACGT\n', 'd.fa': '>chr3\nAC\n>Mt_like\nAC\n'})
    notes: list[str] = []
    draft = table_draft.draft(tmp_path, genome_table.COLUMNS, notes)
    assert draft == _draft(tmp_path)
    organelles = [note.partition(' may be')[0] for note in notes if 'organelle' in note]
    assert organelles == ['a.fa: ChrM, ChrC', 'b.fa: MT']  # chrM of c.fa has a row with yes
    assert 'a.fa: no lower case in its 10 bases: softmasked = no, repeats are unknown' in notes
    assert 'b.fa: 40.0% of its 5 bases are lower case' in ''.join(notes)
    main.main(['check', '--draft-table', str(tmp_path)])
    shown = capsys.readouterr()
    assert shown.out == draft
    assert shown.err == ''.join(f'to check: {note}\n' for note in notes)


def test_no_fasta_file_makes_no_draft(tmp_path):
    (tmp_path / 'a.gff3').write_text('')
    assert _draft(tmp_path) == ''


def test_a_file_with_a_mistake_is_a_comment(tmp_path):
    (tmp_path / 'a.fa').write_text('>c\nAC GT\n')
    (line,) = _draft(tmp_path).splitlines()[1:]
    assert line.startswith('# a.fa: GX-FA07')


def _printed(capsys, *arguments):
    """The exit code, what went to stdout and the lines of stderr."""
    code = 0
    try:
        main.main(['check', '--draft-table', *map(str, arguments)])
    except SystemExit as stop:
        code = stop.code
    shown = capsys.readouterr()
    return code, shown.out, shown.err.splitlines()


def test_files_that_are_left_out_are_said_beside_the_draft(tmp_path, capsys):
    """Each with its reason, where a redirected table does not hide it; damage is an error."""
    _write(tmp_path, {'a.fa': '>c\nACGT\n', 'cds.fa': CODING, 'b.gbk': 'LOCUS x\n'})
    code, out, err = _printed(capsys, tmp_path)
    assert code == 0 and out == _draft(tmp_path) and out.count('\n') == 3
    assert err[:2] == [
        'left out: cds.fa: coding sequences, not a genome',
        'left out: b.gbk: GenBank files are not read: convert them to FASTA and GFF3',
    ]
    whole = gzip.compress(b'>c\n' + b'ACGT' * 1000 + b'\n')
    (tmp_path / 'cut.fa.gz').write_bytes(whole[:-10])
    _write(tmp_path, {'twice.fa': '>c\nACGT\n>c\nACGT\n'})
    code, out, err = _printed(capsys, tmp_path)
    assert code == errors.InputError.exit_code and '\na\ta.fa\t' in out
    assert 'left out: cut.fa.gz: it could not be read (GX-FA15)' in err
    assert 'left out: twice.fa: it could not be read (GX-FA05)' in err
    mistakes = [re.search('GX-.*?: .*/(.*?):', line) for line in err if 'genojax: error' in line]
    assert sorted(found[1] for found in mistakes) == ['cut.fa.gz', 'twice.fa']


@pytest.mark.parametrize('name', ['a.gb', 'a.gbk', 'a.gbff.gz', 'a.genbank', 'in/a.gbff'])
def test_a_folder_of_genbank_files_says_to_convert_them(tmp_path, capsys, name):
    _write(tmp_path, {name: 'LOCUS x\n'})
    fix = 'GenBank files are not read: convert them to FASTA and GFF3'
    code, out, (left_out, error) = _printed(capsys, tmp_path)
    assert (code, out, left_out) == (3, '', f'left out: {name}: {fix}')
    assert 'GX-GT01' in error and error.endswith(f'Fix: {fix}')
    with pytest.raises(errors.InputError, match=f'GX-GT01.* Fix: {fix}'):
        genome_table.read(tmp_path)


@pytest.mark.parametrize('name', ['rna.fa', 'flu_rna.fa', 'flu.RNA.fna', 'a.fa'])
def test_genomes_of_rna_are_drafted_when_they_are_asked_for(tmp_path, capsys, name):
    _write(tmp_path, {name: '>seg1 Influenza A virus\nACGUACGU\n', 'b.mrna.fa': '>m\nACGU\n'})
    _write(tmp_path, {'x_rna_from_genomic.fna': '>m\nACGU\n', 'rna.fna': '>NM_1.1 x\nACGU\n'})
    code, out, err = _printed(capsys, tmp_path, '--rna')
    assert code == 0 and [line for line in out.splitlines()[1:] if line[0] != '#'] == [
        f'{re.sub("[.](fa|fna)$", "", name).replace(".", "_")}\t{name}\t*\t\tno\tno'
    ]
    assert sum('transcripts, not a genome' in line for line in err) == 3
    with pytest.raises(errors.InputError, match='--draft-table --rna >') as failed:
        genome_table.read(tmp_path, rna=True)
    assert str(failed.value).endswith(out)
    assert [name] not in [row.split('\t')[1:2] for row in _draft(tmp_path).splitlines()]


def _write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def _rows(folder):
    (folder / genome_table.NAME).write_text(_draft(folder))
    return genome_table.read(folder).rows


REGION = '##gff-version 3\n{}\tRefSeq\tregion\t1\t8\t.\t+\t.\tID={}:1..8;Is_circular=true\n'
CODING = '>lcl|NC_1.1_cds_NP_1.1_1 [gene=thrL] [protein_id=NP_1.1]\nATGTAA\n'


def test_a_download_of_ncbi_is_one_species_with_its_annotation(tmp_path):
    base = 'ncbi_dataset/data/GCF_000005845.2'
    files = {
        f'{base}/GCF_000005845.2_ASM584v2_genomic.fna': '>NC_1.1 Escherichia coli str. K-12\nACGT\n',
        f'{base}/genomic.gff': REGION.format('NC_1.1', 'NC_1.1'),
        f'{base}/cds_from_genomic.fna': CODING,
        f'{base}/rna.fna': '>NR_1.1 Escherichia coli rRNA\nACGT\n',
        f'{base}/protein.faa': '>NP_1.1 thr operon leader\nMKR\n',
        'ncbi_dataset/data/assembly_data_report.jsonl': '{}',
        'README.md': '',
    }
    _write(tmp_path, files)
    (row,) = _rows(tmp_path)
    assert (row.species, row.circular, row.contigs) == ('Escherichia_coli', True, ())
    assert row.annotation == tmp_path / base / 'genomic.gff'
    comments = [line for line in _draft(tmp_path).splitlines() if line.startswith('#')]
    words = ('coding sequences', 'proteins', 'transcripts')
    assert all(word in line for word, line in zip(words, comments, strict=True))


def test_two_assemblies_of_an_organism_have_names_of_their_own(tmp_path):
    for number in (1, 2, 3):
        name = f'GCF_00000000{number}.1_x_genomic.fna'
        _write(tmp_path, {name: f'>NC_{number} Escherichia coli\nACGT\n'})
    names = [row.species for row in _rows(tmp_path)]
    assert names[0] == 'Escherichia_coli' and len(set(names)) == 3
    assert names[1] == 'Escherichia_coli_GCF_000000002_1'


def test_linear_and_circular_contigs_of_a_file_are_rows_of_their_own(tmp_path):
    fasta = '>1 chromosome\nACGT\n>2\nACGT\n>p plasmid\nACGTACGT\n>MT mitochondrion\nACG\n'
    _write(tmp_path, {'a.fa': fasta, 'a.gff3': REGION.format('p', 'p')})
    linear, circular = _rows(tmp_path)
    assert (linear.contigs, linear.circular) == (('1', '2'), False)
    assert (circular.contigs, circular.circular) == (('p', 'MT'), True)
    many = ''.join(f'>s{n}\nACGT\n' for n in range(100))
    _write(tmp_path, {'a.fa': fasta + many})
    comment, _ = _draft(tmp_path).splitlines()[1:]
    assert comment == '# a.fa: circular contigs, which this row does not say: p, MT'


@pytest.mark.parametrize(
    ('name', 'header', 'word'),
    [
        ('GCF_1_cds_from_genomic.fna', 'x', 'coding sequences'),
        ('a.cds.all.fa', 'x', 'coding sequences'),
        ('a.fa', 'lcl|NC_1.1_cds_NP_1.1_1 [gene=a]', 'coding sequences'),
        ('rna.fna', 'x', 'transcripts'),
        ('a.cdna.all.fa', 'x', 'transcripts'),
        ('a.fa', 'NM_001.1 Homo sapiens', 'transcripts'),
        ('a.fa', 'lcl|NC_1.1_trna_1 [gene=a]', 'transcripts'),
        ('a.fa', 'ENST00000456328.2|ENSG00000290825.1|x', 'transcripts'),
        ('protein.faa', 'NP_1', 'proteins'),
        ('a.fna', 'NC_1.1 Escherichia coli, complete genome', ''),
        ('a_genomic.fna', 'chr1', ''),
        ('pepper.fa', 'chr1', ''),
    ],
)
def test_files_that_are_not_genomes_are_named(tmp_path, name, header, word):
    (tmp_path / name).write_text(f'>{header}\nACGT\n')
    (line,) = _draft(tmp_path).splitlines()[1:]
    assert line.startswith('# ') == bool(word)
    assert word in line


def test_ensembl_names_pair_sequence_and_annotation(tmp_path):
    _write(tmp_path, {'Danio_rerio.GRCz11.dna_sm.toplevel.fa': '>1\nACGT\n'})
    _write(tmp_path, {'Danio_rerio.GRCz11.111.gff3': ''})
    assert 'Danio_rerio.GRCz11.111.gff3' in _draft(tmp_path)


@pytest.mark.real
def test_real_bacteria_are_circular_because_their_annotation_says_so(real_data):
    rows = _draft(real_data / 'genomes_bacteria').splitlines()[1:]
    ecoli = next(row.split('\t') for row in rows if row.startswith('ecoli'))
    assert ecoli[3].endswith('.gff3.gz') and ecoli[4] == 'yes'
