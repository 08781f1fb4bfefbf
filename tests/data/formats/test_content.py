"""The format of a file by its first lines; near misses are not taken for another format."""

import pytest

from genojax.data.formats import content

VCF_ROW = 'chr1\t1000\t123\tA\tG\t50\tPASS\tDP=3\n'
SAM_ROW = 'r1\t0\tchr1\t1\t60\t4M\t*\t0\t0\tACGT\tIIII\n'


@pytest.mark.parametrize(
    ('text', 'name'),
    [
        ('>a\nACGT\n', 'FASTA'),
        ('; comment\n>a\nACGT\n', 'FASTA'),
        ('@r\nACGT\n+\nIIII\n', 'FASTQ'),
        ('@HD\tVN:1.6\n', 'SAM'),
        ('@SQ\tSN:chr1\tLN:5\n', 'SAM'),
        (SAM_ROW, 'SAM'),
        ('##fileformat=VCFv4.2\n', 'VCF'),
        ('#CHROM\tPOS\tID\tREF\tALT\n', 'VCF'),
        (VCF_ROW, 'VCF'),
        (VCF_ROW.replace('\tG\t', '\t<DEL>\t'), 'VCF'),
        (VCF_ROW.replace('\tG\t', '\t.\t'), 'VCF'),
        ('##gff-version 3\n', 'GFF3 or GTF'),
        ('c\ts\texon\t1\t5\t.\t+\t.\tID=a\n', 'GFF3 or GTF'),
        ('track type=bedGraph name=x\nc\t1\t5\t0.3\n', 'bedGraph'),
        ('c\t1\t5\n', 'BED'),
        ('c\t1\t5\tA\t0\t+\t1\t5\n', 'BED'),
        ('chr1\t9\t99\tA\t.\t.\t5.2\t3.1\t2.2\t50\n', 'BED'),  # narrowPeak of a peak named A
        ('fixedStep chrom=c start=1 step=1\n', 'WIG'),
        ('ID   X56734; SV 1; linear\n', 'EMBL'),
        ('ACGTNNacgt\nACGT\n', 'bare sequence'),
        ('ACGT and more words\n', ''),
        ('hello\n', ''),
        ('', ''),
    ],
)
def test_the_first_lines_name_the_format(text, name):
    assert content.sniff(text.encode()) == name


def test_a_bed_row_is_not_a_variant_and_a_variant_is_not_an_alignment():
    assert content.is_vcf(VCF_ROW.split('\t')) and not content.is_sam(VCF_ROW.split('\t'))
    assert content.is_sam(SAM_ROW.split('\t')) and not content.is_vcf(SAM_ROW.split('\t'))
    assert not content.is_vcf('c\t10\t60\tabc\t0\t+\t15\t35\t0\t3\t1,1,1,\t0,2,4,'.split('\t'))
