"""Explanations of the error codes of genome files.

The letters name the family: FA sequence files, GF annotations, BD intervals, GT genome tables.
"""

EXPLANATIONS: dict[str, str] = {
    # Sequence files; some codes also apply to other input files.
    'FA01': (
        'The file contains no FASTA record. Check that it is the intended file and that its '
        'download is complete.'
    ),
    'FA02': (
        'There is text before the first header, or the file has another format. A FASTA record '
        "starts with a line '>name'; only blank lines and lines that start with ';' may come "
        'before the first record.'
    ),
    'FA03': (
        'A header is followed by no sequence. Either the record is empty and its header should be '
        'removed, or the file is truncated.'
    ),
    'FA04': "A header has no name. Write the name directly after '>'.",
    'FA05': (
        'Two records have the same name, which is the first word of the header. Names must be '
        'unique, because annotations refer to records by name. Verbs with --names name records '
        'by the whole header (--names=full) or by their number in the file (--names=number).'
    ),
    'FA06': (
        "A record name is invalid: it contains '..' or a byte that is not printable ASCII, begins "
        "with '/', or is longer than 255 bytes. Rename the record."
    ),
    'FA07': (
        'A byte in a sequence is not an IUPAC DNA letter: a space, TAB, digit, NUL or a second '
        'header on the line. Some readers skip such a byte, which shifts all later coordinates. '
        'Remove it.'
    ),
    'FA08': (
        'The sequence contains U, so it is RNA. --rna (in Python rna=True) reads U as T; or '
        'replace U by T in the file.'
    ),
    'FA09': (
        "The sequence contains '-' or '.', the gap characters of an alignment, with which "
        'coordinates would be wrong. Use the ungapped sequence.'
    ),
    'FA10': (
        "The sequence contains '*' or many letters that are not nucleotide codes, so it looks like "
        'protein. Use the DNA sequence.'
    ),
    'FA11': 'The file is UTF-16 text. Save it as ASCII or UTF-8.',
    'FA12': 'The file is FASTQ (reads with qualities). Convert it to FASTA.',
    'FA13': (
        'The file is a web page, often the error page of a failed download. Download the data '
        'again.'
    ),
    'FA14': (
        'The file is a Git LFS pointer, not the data. Run `git lfs pull` in the repository it '
        'came from.'
    ),
    'FA15': (
        'The compressed file is truncated, so its download or copy is incomplete. A bgzip file '
        'must end with the end-of-file block. Copy or download it again.'
    ),
    'FA16': (
        'The compressed data are corrupt: a checksum or a block is invalid. Copy or download the '
        'file again.'
    ),
    'FA17': (
        'A contig has a different length in the FASTA file and in its annotation '
        '(##sequence-region) or in the index beside it (.fai), or one (.gzi, .tbi, .csi) lists '
        'blocks that the file does not have. The file is incomplete, for example a bgzip file that '
        'lost a block, or the two files do not belong together.'
    ),
    'FA18': (
        'A small compressed file expands more than 100-fold and beyond 64 MiB (0.5 MiB for tables '
        'and annotations), which no such data do. If the content is correct, decompress the file '
        'and use the plain one.'
    ),
    'FA19': 'The file changed while it was read. Wait until the process that writes it is done.',
    'FA20': (
        'The file cannot be read: it is missing, a directory or a pipe, or you have no permission '
        'to read it.'
    ),
    'FA22': (
        'The same sequence is listed for two species, so a part used for testing in one could be '
        'trained on in the other. Remove one of the two.'
    ),
    'FA23': (
        'The file has an unsupported format (zip, bzip2, xz, zstd, .2bit, GenBank, BAM, bigWig and '
        'others). Decompress or convert it.'
    ),
    'FA24': (
        'A line of a table or annotation has more than 64 MiB. The file is something else, or its '
        'line ends were lost.'
    ),
    # Genome annotation: GFF3 and GTF
    'GF01': (
        'A GFF or GTF row starts below 1. These formats count from 1; a file with 0-based '
        'coordinates is wrong by one base in every row.'
    ),
    'GF02': 'A row starts after its end, or its strand is not +, -, . or ?.',
    'GF03': (
        'One ID of a gene, a transcript or another parent is used on two contigs, so the parts of '
        'the feature cannot be assembled. Use one ID per feature.'
    ),
    'GF04': 'A GFF or GTF row does not have nine columns separated by TABs.',
    'GF05': 'A coordinate is not an integer in plain digits.',
    'GF06': (
        'The file contains no features, or it is not GFF3, GTF or BED; the message names the '
        'format if its content shows it.'
    ),
    'GF07': (
        'None of the transcripts that consequences are asked for lies on the contigs of the FASTA '
        'file. The annotation must be of the same assembly, with the same names of contigs.'
    ),
    # Intervals: BED, and coordinates on a contig
    'BD01': 'A BED row starts after its end, or its blocks do not match its start and end.',
    'BD02': 'A BED row starts below 0. BED counts from 0 and excludes the end.',
    'BD03': (
        'A feature ends beyond its contig. The annotation belongs to another assembly, or the '
        'contig is circular and the genome table does not say so.'
    ),
    'BD04': (
        'None of the contigs of the sequence is in the annotation. Often one file says chr1 and '
        'the other 1.'
    ),
    'BD05': 'A BED coordinate is not an integer in plain digits (1,000 and 1e3 are not).',
    'BD06': 'A BED row has fewer than three columns separated by TABs.',
    'BD07': 'A BED row is empty: its start equals its end.',
    'BD08': (
        'No row of the annotation has a type that labels bases: exon, CDS, intron, promoter, '
        'enhancer, repeat and related Sequence Ontology terms. In a BED file, the name column '
        'holds the type.'
    ),
    'BD09': (
        'A BED row is on a contig that the FASTA file does not contain. Often one file says chr1 '
        'and the other 1.'
    ),
    # The genome table, genomes.tsv
    'GT01': (
        'A folder of genomes needs a table, genomes.tsv, that assigns the contigs of each file to '
        'species. `genojax check DIR --draft-table` prints a draft to review and save.'
    ),
    'GT02': (
        'The header of the genome table is invalid. Its columns, separated by TABs, are species, '
        'fasta, contigs, annotation, circular, softmasked and, optionally, split.'
    ),
    'GT03': (
        'A row of the genome table has more or fewer cells than the header. Separate cells by one '
        'TAB each; a species without annotation has an empty cell.'
    ),
    'GT04': (
        'A file named in the genome table does not exist. Paths are relative to the folder of the '
        'table.'
    ),
    'GT05': (
        "The columns circular and softmasked must be 'yes' or 'no'. With softmasked=no, lower case "
        'is ignored and repeats are unknown.'
    ),
    'GT06': 'The genome table lists a contig that its FASTA file does not contain.',
    'GT07': 'A contig is listed twice for one species. Contig names must be unique per species.',
    'GT08': (
        'A species name must be usable as a folder name: at most 100 of the characters letters, '
        'digits, _ . and -, starting with a letter or digit.'
    ),
    'GT09': (
        "The column split must be 'train', 'test' or empty. Where it is empty, blocks of the "
        'species are assigned to the test part automatically.'
    ),
    'GT10': (
        "A required cell is empty: fasta, or a name in contigs ('*' selects all contigs of the "
        'file).'
    ),
}
