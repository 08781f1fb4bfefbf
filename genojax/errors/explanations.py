"""Explanations of the error codes, as `genojax explain CODE` prints them."""

from genojax.errors import genome_files

# Code -> what it means and what to do. What the letters stand for is in `families`; the codes of
# genome files are in `genome_files`.
EXPLANATIONS: dict[str, str] = {
    **genome_files.EXPLANATIONS,
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
        'The table lacks a column that is read. Its first line names its columns; by default those '
        'called sequence and label are read, and data.sequence_column, data.label_column and '
        'data.value_columns name others.'
    ),
    'LB02': (
        'A label is absent, or is not what the task reads. Classes are all names or all whole '
        'numbers; regression reads numbers, with empty cells where there is no value.'
    ),
    'LB03': 'The table has no rows, or a row has an empty sequence.',
    'LB04': 'A sequence contains a letter that is not an IUPAC DNA code.',
    'LB05': (
        'A sequence is longer than the model input, or than the rows that a model was trained on. '
        'Sequences are never truncated silently: `--window=BASES` (predict, embed) reads it as '
        'several windows; else shorten it, or use a model with a longer input.'
    ),
    'LB06': (
        'A row has more or fewer columns than the header line, or a quote that does not end. Check '
        'it for a stray TAB, comma, quote or line break.'
    ),
    'LB07': (
        'The path is a folder that does not contain exactly one table of labelled sequences, or '
        'one train and one test table.'
    ),
    'LB08': (
        'A cell of the split column is not train, validation (or valid, val, dev) or test, or is '
        'empty; or there is no row of train or of test.'
    ),
    'LB09': (
        "The table's own split has rows that share 30 bases with a row of another part, or are "
        'near copies of one, so a test score would partly measure memory. Remove the split column: '
        'rows are then split so that no row shares sequence with a row of another part. Or use '
        'data.shared_rows=report to see scores with and without those rows.'
    ),
    'LB10': (
        'The rows cannot be split into train, validation and test parts: there are too few rows or '
        'groups of related rows, or one part would lack a class, or the values of a column. Rows '
        'that share sequence stay in one part. '
        'data.group_column names a column of families that stay together instead, '
        'data.split_column one with the part of every row (train, validation, test), and '
        "data.keep_together='equal' keeps only rows of equal sequence in one part."
    ),
    'LB11': (
        'Rows that occur in the genomes of pretraining are to be removed, and then a class has no '
        "row left: the table was cut from these genomes. Keep the rows (in_genomes='keep', or "
        "'auto'), and name the table in data.labels of the pretraining, so that its test rows are "
        'cut out of what is trained on.'
    ),
    'LB12': (
        'All rows begin or end with the same bases, such as adapters or constant flanks. They say '
        'nothing about a label and make every row share sequence with every other; data.trim '
        'leaves them out.'
    ),
    'LB13': (
        'The first line of a table names its columns, and here it is a row of data, which would '
        'be lost. Add a line with the names; the command of the fix keeps a copy of the file. Or '
        'the file has another format, such as FASTA or VCF, and is no table.'
    ),
    # Orthologous genes
    'OR01': (
        'A row of a table of genes, or of an annotation, names a species, a contig or bases that '
        'the genomes do not have. Start and end are 0-based and half-open, as in BED; strand is + '
        'or -.'
    ),
    'OR02': (
        'There is nothing to pair: no family has genes of two species, or the annotation has no '
        'row of the kind that is cut. Genes of one family have the same name in the family column '
        'for all species; annotated genes are paired by reciprocal best hits, or by their names '
        "with data.match='names'."
    ),
    'OR03': (
        'The families cannot be split: every part needs a family with genes of two species, and '
        'the training part two of them, because other families are the negatives. Families that '
        'share 30 bases stay in one part; where repeats connect most of them, '
        "data.related_families='report' splits by family alone and reports what is shared."
    ),
    'OR04': (
        'No training gene has a partner of a type that has a weight. Orthologues need genes of '
        'other species that are not left out, splice forms a column transcript or annotation; '
        'every gene can be paired with itself (data.pair_weights.self).'
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
    'TK09': (
        'The table of signals (tracks.tsv) is invalid: a column is unknown or missing, a file does '
        'not exist, a value is not one that the column takes, or strand pairs are not two by two. '
        '`genojax tracks --help` lists the columns.'
    ),
    'TK10': (
        'A bigWig file is damaged or is none. What cannot be read is never taken for 0. Download '
        'or write the file again.'
    ),
    'TK11': (
        'A signal or mask does not have a contig of the genome. Often one file says chr1 and the '
        'other 1; some programs leave out contigs without values. Rename the contigs, or choose '
        'those that both have with --contigs.'
    ),
    'TK12': (
        'A signal has a contig of another length than the FASTA file, or values beyond its end. '
        'The two are of different assemblies.'
    ),
    'TK13': (
        'A bedGraph row is invalid. A row is contig, start, end and value; the rows of a contig '
        'are together, sorted by start, and do not overlap.'
    ),
    'TK14': (
        'A value of a signal is negative or infinite, or no window has a known bin. Coverage is a '
        'count of reads, 0 or more; the column scale of the track table turns signs, and the '
        'column absent says what a base without a value is.'
    ),
    # Hi-C matrices
    'HC01': (
        'The table of Hi-C matrices is invalid: a column is unknown or missing, a file does not '
        'exist, a value is not one that the column takes, or a species has two matrices. '
        '`genojax hic --help` lists the columns.'
    ),
    'HC02': (
        'A .cool or .mcool file is damaged, or is none: HDF5 cannot be read, a dataset is missing, '
        'or the tables of contigs, bins and pixels do not fit each other. What cannot be read is '
        'never taken for 0. Download or write the file again.'
    ),
    'HC03': (
        'The file has no symmetric matrix with bins of the requested size. A .mcool file has '
        'several sizes; choose one with --bin, or write another with `cooler zoomify`.'
    ),
    'HC04': (
        'The bins have no such column of balancing weights, or nothing says whether counts are '
        'multiplied by them or divided. `cooler balance` stores that with the column; files '
        'converted from .hic often do not. Write it in the column weights_are of the table.'
    ),
    'HC05': (
        'A matrix does not have a contig of the genome. Often one file says chr1 and the other 1. '
        'Rename the contigs, or choose those that both have with --contigs.'
    ),
    'HC06': (
        'A matrix has a contig of another length than the FASTA file. The two are of different '
        'assemblies.'
    ),
    'HC07': (
        'A stored count is negative, NaN or infinite, or its bins are not on or above the diagonal '
        'in the order of the index. Correct the program that wrote the file.'
    ),
    'HC08': (
        'Balanced rows of a matrix have like sums. Used as the file says, the weights make the '
        'sums spread more than twice as much as used the other way: they are probably to be '
        'divided by, not multiplied (or the reverse). The column weights_are of the table decides.'
    ),
    'HC09': (
        'No window of a part has two known bins that are far enough apart. A bin is known if it '
        'has a weight, contacts, and enough bases that are neither N nor masked.'
    ),
    'HC10': (
        'Contacts are predicted for windows of one length, that of the training windows with their '
        'flanks. Cut windows of that length.'
    ),
    # Variants
    'VC01': (
        "The file is not a VCF: its first line is not '##fileformat=VCF...'. BCF is read through a "
        'pipe: bcftools view FILE.bcf | genojax score MODEL --vcf=- ...'
    ),
    'VC02': (
        'The header of the VCF does not end in a line #CHROM POS ID REF ALT QUAL FILTER INFO, '
        'separated by TABs, before the first record.'
    ),
    'VC03': (
        'A record has fewer than the eight columns CHROM to INFO, so there is no INFO to which a '
        'score could be added: the file is truncated, or its columns are separated by spaces. Or a '
        'carriage return stands inside the line, so that it holds several records.'
    ),
    'VC04': (
        'A line or the header of the VCF is longer than 64 MiB, or 10,000 lines hold no record, '
        'so it is not a VCF with line ends.'
    ),
    'VC05': (
        'REF differs from the FASTA file, and --check-ref=e stops there. The VCF and the FASTA '
        'file are of different assemblies, or the record is on the other strand. --check-ref=w '
        'names such records and scores the others.'
    ),
    'VC06': (
        'No variant of the VCF of common variants can be scored, so there are no quantiles. It is '
        'usually of another assembly, or names contigs in another way (chr1, 1).'
    ),
    'VC07': (
        'REF differs from the FASTA file in more than a tenth of at least 100 records, or in more '
        'than half of at least 4, so most likely the VCF is of another assembly, and its scores '
        'would be of other places. --check-ref=x leaves '
        'such records out and goes on.'
    ),
    'VC08': (
        'A row of a table of variants is no variant that can be read: its position is not a whole '
        'number from 1, its alleles are not bases, or the contig has no window around it. '
        'data.unusable=leave_out leaves rows without a window out.'
    ),
    'VC09': (
        'The head of a run that trained on labelled variants with columns of numbers reads them '
        'from INFO keys of the same names, and a value there is no number, or there is neither '
        "one value per ALT nor one for all. A '.' is an absent number."
    ),
    'VC10': (
        'No record of the VCF is on a contig of the FASTA file. Mostly the names differ (1, chr1, '
        'Chr1): bcftools annotate writes those of the FASTA file into the VCF. Where some records '
        'are on its contigs, the others have the state no_contig.'
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
    # Motifs
    'MO01': (
        "The file does not hold motifs in MEME's text format: a line MOTIF NAME, a line "
        'letter-probability matrix: alength= 4 w= N, and N lines of the probabilities of A, C, G '
        'and T, which add up to 1. Motif databases offer it as a download.'
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
        'GENA-LM their tokenizer.json. A vocab.txt or tokenizer.json beside the weights is read: '
        'the same words in another order are taken over, other words are refused.'
    ),
    'CV07': (
        'A tensor does not hold weights: NaN, infinity, a number beyond float32, or a type that is '
        'not floating-point (quantised weights, masks). Save the weights again in float32, or take '
        'the checkpoint before training diverged.'
    ),
    'CV08': (
        'The directory holds an adapter of peft (LoRA), which is a change to a model and not a '
        'model. --base=DIR names the weights that it was trained on, and the converted model is '
        'base + scale * B @ A; or merge it first, by merge_and_unload() of peft.'
    ),
    'CV09': (
        'The file is not a tokenizer of DNA: it is no tokenizer.json of the `tokenizers` library, '
        'it lacks a token that a model needs (padding, unknown, mask), or it does not encode a '
        'single base as one token. Name the tokenizer.json of a model of DNA.'
    ),
    # Downloads
    'DL01': (
        'A server does not have a file, or does not give it out; or, with --verify, the file is '
        'not in the folder. The message names the URL. Publishers move files: fetch it in another '
        'way, put it into the folder under the name that the message gives, and add --verify.'
    ),
    'DL02': (
        'What a server sent is not the file: a web page, such as the login of a network, text '
        'that a proxy has unpacked, or a file of another size. Nothing of it is kept. Try from '
        'another network, or fetch the file by hand and add --verify.'
    ),
    'DL03': (
        'A file is not the one that its publisher describes, or not the one that was fetched '
        'before: its size, its MD5 or SHA-256 sum, or the refget digest of a contig differs. '
        'Remove it and fetch it again.'
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
    'AR04': (
        'A folder that a config names is not one that `genojax ingest` (shards) or `genojax hic` '
        '(contacts) wrote. Name that folder, or let the verb write one.'
    ),
}
