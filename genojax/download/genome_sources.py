"""The table of public genomes.

Accessions, URLs and names of contigs are those of the publishers. A size or a digest that was not
seen stated is absent: then the file is compared with the publisher's list of MD5 sums when it is
fetched, and its SHA-256 and the refget digests of its contigs are recorded.
"""

from genojax.download import source_files

_NCBI = 'https://ftp.ncbi.nlm.nih.gov/genomes/all'
_ENSEMBL = 'https://ftp.ensembl.org/pub/release-111'
# https://www.ncbi.nlm.nih.gov/home/about/policies/, https://www.ensembl.org/info/about/legal/
_NCBI_TERMS = 'no restrictions by NCBI (see its policies on molecular data)'
_ENSEMBL_TERMS = 'no restrictions by Ensembl (see its legal notice)'

# GA4GH refget digests of GRCh38, as seqrepo publishes them. Those of E. coli and of yeast's
# chromosome XII were computed from copies of the records (tests/download/test_job.py).
_GRCH38 = {
    'NC_000001.11': 'SQ.Ya6Rs7DHhDeg7YaOSg1EoNi3U_nQ9SvO',
    'NC_000002.12': 'SQ.pnAqCRBrTsUoBghSD1yp_jXWSmlbdh4g',
    'NC_000003.12': 'SQ.Zu7h9AggXxhTaGVsy7h_EZSChSZGcmgX',
    'NC_000004.12': 'SQ.HxuclGHh0XCDuF8x6yQrpHUBL7ZntAHc',
    'NC_000005.10': 'SQ.aUiQCzCPZ2d0csHbMSbh2NzInhonSXwI',
    'NC_000006.12': 'SQ.0iKlIQk2oZLoeOG9P1riRU6hvL5Ux8TV',
    'NC_000007.14': 'SQ.F-LrLMe1SRpfUZHkQmvkVKFEGaoDeHul',
    'NC_000008.11': 'SQ.209Z7zJ-mFypBEWLk4rNC6S_OxY5p7bs',
    'NC_000009.12': 'SQ.KEO-4XBcm1cxeo_DIQ8_ofqGUkp4iZhI',
    'NC_000010.11': 'SQ.ss8r_wB0-b9r44TQTMmVTI92884QvBiB',
    'NC_000011.10': 'SQ.2NkFm8HK88MqeNkCgj78KidCAXgnsfV1',
    'NC_000012.12': 'SQ.6wlJpONE3oNb4D69ULmEXhqyDZ4vwNfl',
    'NC_000013.11': 'SQ._0wi-qoDrvram155UmcSC-zA5ZK4fpLT',
    'NC_000014.9': 'SQ.eK4D2MosgK_ivBkgi6FVPg5UXs1bYESm',
    'NC_000015.10': 'SQ.AsXvWL1-2i5U_buw6_niVIxD6zTbAuS6',
    'NC_000016.10': 'SQ.yC_0RBj3fgBlvgyAuycbzdubtLxq-rE0',
    'NC_000017.11': 'SQ.dLZ15tNO1Ur0IcGjwc3Sdi_0A6Yf4zm7',
    'NC_000018.10': 'SQ.vWwFhJ5lQDMhh-czg06YtlWqu0lvFAZV',
    'NC_000019.10': 'SQ.IIB53T8CNeJJdUqzn9V_JnRtQadwWCbl',
    'NC_000020.11': 'SQ.-A1QmD_MatoqxvgVxBLZTONHz9-c7nQo',
    'NC_000021.9': 'SQ.5ZUqxCmDDgN4xTRbaSjN8LwgZironmB8',
    'NC_000022.11': 'SQ.7B7SHsmchAR0dFcDCuSFjJAo7tX87krQ',
    'NC_000023.11': 'SQ.w0WZEvgJF0zf_P4yyTzjjv9oW1z61HHP',
    'NC_000024.10': 'SQ.8_liLu1aycC0tPQPFmUaGXJLDs5SbPZ5',
    'NC_012920.1': 'SQ.k3grVkjY-hoWcCUojHw6VU6GE3MZ8Sct',
}


def _ncbi_files(
    accession: str, assembly: str
) -> tuple[source_files.RemoteFile, source_files.RemoteFile]:
    """The FASTA file and the GFF3 file of an assembly of RefSeq, with NCBI's list of sums."""
    digits = accession[4:13]
    name = f'{accession}_{assembly}'
    folder = f'{_NCBI}/GCF/{digits[:3]}/{digits[3:6]}/{digits[6:]}/{name}'
    sums = f'{folder}/md5checksums.txt'
    return (
        source_files.RemoteFile((f'{folder}/{name}_genomic.fna.gz',), checksums=sums),
        source_files.RemoteFile((f'{folder}/{name}_genomic.gff.gz',), checksums=sums),
    )


def _refseq(
    name: str, organism: str, accession: str, assembly: str, **values
) -> source_files.GenomeSource:
    fasta, annotation = _ncbi_files(accession, assembly)
    return source_files.GenomeSource(
        name=name,
        species=name,
        organism=organism,
        assembly=assembly,
        accession=accession,
        license=_NCBI_TERMS,
        fasta=fasta,
        annotation=annotation,
        **values,
    )


_ALL = (
    _refseq(
        'ecoli',
        'Escherichia coli K-12 MG1655',
        'GCF_000005845.2',
        'ASM584v2',
        bases=4_641_652,
        circular=('NC_000913.3',),
        refget={'NC_000913.3': 'SQ.NjjHtoQ2gYdy2RVkAZBKURBiV7xp-8ZS'},
    ),
    _refseq(
        'yeast',
        'Saccharomyces cerevisiae S288C',
        'GCF_000146045.2',
        'R64',
        bases=12_157_105,
        linear=(
            *('NC_001133.9', 'NC_001134.8', 'NC_001135.5', 'NC_001136.10', 'NC_001137.3'),
            *('NC_001138.5', 'NC_001139.9', 'NC_001140.6', 'NC_001141.2', 'NC_001142.9'),
            *('NC_001143.9', 'NC_001144.5', 'NC_001145.3', 'NC_001146.8', 'NC_001147.6'),
            'NC_001148.4',
        ),
        circular=('NC_001224.1',),
        refget={'NC_001144.5': 'SQ.1sw7ZtgO9JRb1kUEuhVz1wBix5_8Opci'},
    ),
    _refseq(
        'worm',
        'Caenorhabditis elegans N2',
        'GCF_000002985.6',
        'WBcel235',
        bases=100_286_401,
        linear=(
            *('NC_003279.8', 'NC_003280.10', 'NC_003281.10', 'NC_003282.8', 'NC_003283.11'),
            'NC_003284.9',
        ),
        circular=('NC_001328.1',),
    ),
    _refseq(
        'fly',
        'Drosophila melanogaster iso-1',
        'GCF_000001215.4',
        'Release_6_plus_ISO1_MT',
        bases=143_726_002,
        linear=(
            *('NC_004354.4', 'NT_033779.5', 'NT_033778.4', 'NT_037436.4', 'NT_033777.3'),
            *('NC_004353.4', 'NC_024512.1'),
        ),
        circular=('NC_024511.2',),
        about='the table has the chromosome arms; the scaffolds of the file are left out',
    ),
    _refseq(
        'arabidopsis',
        'Arabidopsis thaliana Col-0',
        'GCF_000001735.4',
        'TAIR10.1',
        bases=119_668_634,
        linear=('NC_003070.9', 'NC_003071.7', 'NC_003074.8', 'NC_003075.7', 'NC_003076.8'),
        circular=('NC_037304.1', 'NC_000932.1'),
    ),
    _refseq(
        'human',
        'Homo sapiens',
        'GCF_000001405.40',
        'GRCh38.p14',
        linear=tuple(name for name in _GRCH38 if name != 'NC_012920.1'),
        circular=('NC_012920.1',),
        refget=_GRCH38,
        about='the table has the 24 chromosomes and the mitochondrion; patches, alternate loci and '
        'unplaced scaffolds of the file are left out',
    ),
    source_files.GenomeSource(
        name='human_chr22',
        species='human',
        organism='Homo sapiens, chromosome 22',
        assembly='GRCh38, Ensembl release 111',
        accession='GCA_000001405.29',
        license=_ENSEMBL_TERMS,
        fasta=source_files.RemoteFile(
            (f'{_ENSEMBL}/fasta/homo_sapiens/dna/Homo_sapiens.GRCh38.dna_sm.chromosome.22.fa.gz',)
        ),
        annotation=source_files.RemoteFile(
            (f'{_ENSEMBL}/gff3/homo_sapiens/Homo_sapiens.GRCh38.111.chromosome.22.gff3.gz',)
        ),
        bases=50_818_468,
        linear=('22',),
        refget={'22': _GRCH38['NC_000022.11']},
        about='one chromosome, for a laptop',
    ),
    _refseq(
        'mouse',
        'Mus musculus C57BL/6J',
        'GCF_000001635.27',
        'GRCm39',
        bases=2_728_222_451,
        linear=(
            *('NC_000067.7', 'NC_000068.8'),
            *(f'NC_0000{number}.7' for number in range(69, 86)),
            *('NC_000086.8', 'NC_000087.8'),
        ),
        circular=('NC_005089.1',),
        about='the table has the 21 chromosomes and the mitochondrion; unplaced scaffolds of the '
        'file are left out',
    ),
)
# Name -> source.
GENOMES = {source.name: source for source in _ALL}
