"""Explanations of the error codes, as `genojax explain CODE` prints them."""

# Code -> what it means and what to do. The letters name the family: FA sequence files, GF
# annotations, BD intervals, SP splits, MX mixture weights, LB labels, TK tracks, EM embeddings,
# CV converted models, GT genome tables, AR shards.
EXPLANATIONS: dict[str, str] = {
    # Sequence files; some codes also apply to other input files.
    'FA01': (
        'The file contains no FASTA record. Check that it is the intended file and that its '
        'download is complete.'
    ),
    'FA02': (
        "There is text before the first header. A FASTA record starts with a line '>name'; only "
        "blank lines and lines that start with ';' may come before the first record."
    ),
    'FA03': (
        'A header is followed by no sequence. Either the record is empty and its header should be '
        'removed, or the file is truncated.'
    ),
    'FA04': "A header has no name. Write the name directly after '>'.",
    'FA05': (
        'Two records have the same name, which is the first word of the header. Names must be '
        'unique, because annotations refer to records by name.'
    ),
    'FA06': (
        "A record name is invalid: it contains '/', '..' or a byte that is not printable ASCII, "
        'or it is longer than 255 bytes. Rename the record.'
    ),
    'FA07': (
        'A byte in a sequence is not an IUPAC DNA letter: a space, TAB, digit, NUL or a second '
        'header on the line. Some readers skip such a byte, which shifts all later coordinates. '
        'Remove it.'
    ),
    'FA08': (
        'The sequence contains U, so it is RNA. Read it with rna=True, which reads U as T, or '
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
        '(##sequence-region). The FASTA file is incomplete, or the two files belong to different '
        'assemblies.'
    ),
    'FA18': (
        'A small compressed file expands more than 100-fold and beyond 64 MiB, which no genome '
        'does. If the content is correct, decompress the file and use the plain one.'
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
        'The file has an unsupported format (zip, bzip2, xz, zstd, .2bit, GenBank). Decompress or '
        'convert it.'
    ),
    # Genome annotation: GFF3 and GTF
    'GF01': (
        'A GFF or GTF row starts below 1. These formats count from 1; a file with 0-based '
        'coordinates is wrong by one base in every row.'
    ),
    'GF02': 'A row starts after its end, or its strand is not +, -, . or ?.',
    'GF03': (
        'One ID is used on two contigs, so the parts of the feature cannot be assembled. Use one '
        'ID per feature.'
    ),
    'GF04': 'A GFF or GTF row does not have nine columns separated by TABs.',
    'GF05': 'A coordinate is not an integer in plain digits.',
    'GF06': 'The file contains no features, or it is not GFF3, GTF or BED.',
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
    # Splits
    'SP01': (
        'A species is too small for a test block: it needs eight windows, one window of gap on '
        'either side, and training windows. Use shorter windows, add sequence, or set the '
        'split column of the genome table to train or test.'
    ),
    'SP02': (
        'A species has no training windows besides the test windows and those homologous to them. '
        'Use shorter windows, a smaller test part, or the split column of the genome table.'
    ),
    'SP03': (
        'A cell in the split column of the genome table is not train, test or empty. Correct '
        'the cell.'
    ),
    # Mixture weights
    'MX01': 'A species weight is 0. To exclude a species, name it in leave_out.',
    'MX02': (
        'A species weight is negative. Weights are relative sampling frequencies: positive '
        'numbers of any scale.'
    ),
    'MX03': 'A species weight is not a finite number.',
    'MX04': (
        'A weight or leave_out names a species that is not in the dataset. The message suggests '
        'the nearest name.'
    ),
    'MX05': (
        'A species has a weight but no training windows: all of its sequence is test data, a gap '
        'or unknown. Name it in leave_out, or change the split.'
    ),
    'MX06': (
        "The weight of '*' is for species that are not named, but every species is named. Remove "
        "'*' or a name."
    ),
    'MX07': (
        "A species has no weight. Set its weight, set '*' (the weight of all species not named), "
        'or name the species in leave_out.'
    ),
    'MX08': (
        'A species weight is so small that the species would not occur in 160,000 draws. Increase '
        'it, or name the species in leave_out.'
    ),
    'MX09': (
        'The batch size is not divisible by the number of hosts. Choose a multiple of that number.'
    ),
    # Labels
    'LB01': (
        'The table has no column named sequence or no column named label. Its first line must '
        'name both.'
    ),
    'LB02': (
        'A label is not one of the integers 0, 1, ..., or a class has no row. Number the classes '
        'from 0 without gaps.'
    ),
    'LB03': 'The table has no rows, or a row has an empty sequence.',
    'LB04': 'A sequence contains a letter that is not an IUPAC DNA code.',
    'LB05': (
        'A sequence is longer than the model input. Sequences are never truncated silently: '
        'shorten it, or use a model with a longer input.'
    ),
    'LB06': (
        'A row has more or fewer columns than the header line. Check it for a stray TAB, comma or '
        'line break.'
    ),
    'LB07': (
        'The path is not a table: it does not exist, is not text, or is a folder that does not '
        'contain exactly one table of labelled sequences.'
    ),
    'LB08': 'A cell of the split column is not train, valid or test, or is empty.',
    'LB09': (
        "The table's own split has rows that share a 30-mer with a row of another part, so a test "
        'score would partly measure memory. Remove the split column to get a leak-free split.'
    ),
    'LB10': (
        'The rows cannot be split: there are too few rows or groups of similar rows, or one part '
        'would lack a class.'
    ),
    # Windows with coverage tracks
    'TK01': (
        'A file of the track directory is missing, unreadable or truncated. Every organism NAME '
        'needs NAME_train.npz, NAME_valid.npz, NAME_targets.tsv, NAME_sequences.bed and '
        'NAME_statistics.json.'
    ),
    'TK02': (
        'The arrays of the .npz file are invalid. They must be seq, uint8 [windows, bases] with '
        'codes 0 to 4 (A, C, G, T, unknown), and target, floats [windows, bins, tracks].'
    ),
    'TK03': (
        'A target is negative, NaN or infinite. Coverage is a count of reads; correct the program '
        'that wrote the file.'
    ),
    'TK04': (
        'The files of one organism disagree on the number of windows, BED rows or tracks. They '
        'belong to different datasets, or one of them is truncated.'
    ),
    'TK05': (
        'The sizes are inconsistent. bins * pool_width must equal seq_length - 2 * crop_bp and '
        'the length of every BED row, and the requested bin size must be a multiple of '
        'pool_width.'
    ),
    'TK06': (
        'The table of targets is invalid: a column is missing, a value is not a number, a '
        'sum_stat has no known inverse, or strand_pair does not pair tracks two by two.'
    ),
    'TK07': (
        'The rule that selects accessibility inputs is invalid: it matches no track, matches one '
        'strand of a pair, leaves no target, or selects different numbers of inputs per organism.'
    ),
    'TK08': (
        'A validation or test window overlaps a training window, so its score would partly measure '
        'memory. Remove one of the two.'
    ),
    # Embeddings
    'EM01': (
        'A record or interval is longer than the model input. Sequences are never truncated '
        'silently: --window=N (with --stride) embeds it as several rows with their coordinates.'
    ),
    'EM02': (
        'A record or interval is shorter than one token of the model, so it has no embedding. '
        'Remove it.'
    ),
    # Converted models
    'CV01': (
        'The tensors of the source and of the model do not match one to one: a tensor is missing, '
        'left over or of another shape. The file holds another model than its config describes, a '
        'fine-tuned head, or one part of a sharded checkpoint.'
    ),
    'CV02': (
        'The source is not of a supported model family, or its config sets an option that the '
        'family does not support here. Code that comes with weights is never run; --kind sets '
        'the family where the files do not name it.'
    ),
    'CV03': (
        'The file is a pickle, which can run any program when it is opened. Obtain the weights as '
        'safetensors, or convert them where you trust the file: '
        'safetensors.numpy.save_file(dict_of_arrays, path).'
    ),
    'CV04': (
        'The directory holds no weights in a supported format: *.safetensors, *.npz or '
        'pytorch_model*.bin.'
    ),
    'CV05': (
        'The directory holds no TensorFlow checkpoint, several of them, or one with unsupported '
        'content: compressed blocks, sliced or big-endian tensors, or types other than those of '
        'weights. tf.train.Checkpoint.write produces a supported one.'
    ),
    'CV06': (
        'The weights belong to one tokenizer, whose file is missing or has another vocabulary. '
        'DNABERT needs all 4^k k-mers, Nucleotide Transformer its vocabulary list, DNABERT-2 and '
        'GENA-LM their tokenizer.json.'
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
    # Shards
    'AR01': (
        'A shard differs from what was written: its SHA-256 or a record does not match the '
        'manifest. Ingest the genomes again.'
    ),
    'AR02': (
        'A shard is missing, or its number of records differs from the manifest. Ingest the '
        'genomes again.'
    ),
    'AR03': (
        'The manifest of the shards is missing, corrupt or of another version. Ingest the genomes '
        'again.'
    ),
}
