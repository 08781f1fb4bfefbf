"""Errors a user can act on: one line that says where, what and the fix, and the exit code that goes with it."""

import os


class GenojaxError(Exception):
    """The base of every error that reaches the user as one line; never raised itself."""

    exit_code = 1


class UsageError(GenojaxError):
    """A command or a config that cannot be meant (exit code 2)."""

    exit_code = 2


class DamageError(GenojaxError):
    """A checkpoint or a dataset that is not what was written (exit code 4)."""

    exit_code = 4


class Preempted(GenojaxError):
    """Told to stop, and everything is saved (exit code 75, which schedulers read as 'requeue')."""

    exit_code = 75


class InputError(GenojaxError):
    """Bad input data (exit code 3).

    The line reads `GX-FA07: file:line: record 'chr1', base 21: problem. Fix: fix`, with the parts that are known.

    Args:
        code: an entry of `EXPLANATIONS`; `genojax explain CODE` prints it.
        problem: what is wrong, without a full stop.
        line: 1-based line of a text file.
        position: 1-based base in the record.
    """

    exit_code = 3

    def __init__(
        self,
        code: str,
        problem: str,
        *,
        path: str | os.PathLike | None = None,
        line: int | None = None,
        record: str | None = None,
        position: int | None = None,
        fix: str = '',
    ):
        if code not in EXPLANATIONS:
            raise KeyError(f'{code} has no entry in EXPLANATIONS')
        self.code, self.problem, self.path, self.fix = code, problem, path, fix
        self.line, self.record, self.position = line, record, position
        where = ''
        if path is not None:
            where = f'{os.fspath(path)}:{line}: ' if line is not None else f'{os.fspath(path)}: '
        inside = []
        if record is not None:
            inside.append(f'record {record!r}')
        if position is not None:
            inside.append(f'base {position}')
        if inside:
            where += ', '.join(inside) + ': '
        text = f'GX-{code}: {where}{problem}.' + (f' Fix: {fix}' if fix else '')
        super().__init__(' '.join(text.split()))


# Code -> what it means and what to do; `genojax explain CODE` prints it. The letters name the family: FA sequence,
# GT genome table, GF annotation, BD intervals, LB labels, MX mixture weights, AR shards, SP splits, TK tracks, EM embeddings,
# CV weights.
EXPLANATIONS: dict[str, str] = {
    # Sequence files
    'FA01': 'The file holds no FASTA record. Check that it is the file you meant and that its download finished.',
    # Sequence files, and any input file as a file
    'FA02': "There is text before the first header. A FASTA record begins with a line '>name'; only blank lines and lines that begin with ';' may come before the first one.",
    'FA03': 'A header has no sequence under it. Either the record is empty and its header should go, or the file was cut off there.',
    'FA04': "A header has no name. Write the name directly after '>'.",
    'FA05': 'Two records have the same name, the first word of the header. Names must differ, or no annotation could say which one it means.',
    'FA06': "A record name is unfit: it holds '/', '..' or a byte that is not printable ASCII, or is longer than 255 bytes. Rename the record.",
    'FA07': 'A byte inside a sequence is no IUPAC DNA letter: a space, a TAB, a digit, NUL, a second header on the line. Some readers drop it silently and shift every base after it. Remove it.',
    'FA08': 'The sequence holds U, so it is RNA. Read it with rna=True, which reads U as T, or replace U by T.',
    'FA09': "The sequence holds '-' or '.', as an alignment does. Coordinates on it would be wrong; give the ungapped sequence.",
    'FA10': "The sequence holds '*' or many letters that name no base: it looks like protein. Give the DNA sequence.",
    'FA11': 'The file is in UTF-16, as some editors save text. Save it as plain ASCII or UTF-8.',
    'FA12': 'The file is FASTQ (reads with qualities). Convert it to FASTA.',
    'FA13': 'The file is a web page, often the error page of a failed download. Download the data again.',
    'FA14': 'The file is a git-LFS pointer of a few lines. Run git lfs pull in the clone that it came from.',
    'FA15': 'The compressed file ends too early: the download or the copy was cut off. A bgzip file must end with its end-of-file block.',
    'FA16': 'The compressed data are damaged: a checksum or a block does not fit. Get the file again.',
    'FA17': 'A contig has another length in the FASTA than its annotation declares (##sequence-region). The FASTA may have lost a part, or the two belong to different assemblies.',
    'FA18': 'A small compressed file expands more than a hundredfold and past 64 MiB, as no genome does. If it is meant, unpack it and give the plain file.',
    'FA19': 'The file changed while it was read. Wait until whatever writes it has finished.',
    'FA20': 'The file cannot be read: it is missing, a directory, a pipe, or you have no permission.',
    'FA22': 'The same sequence is listed under two species. A part held out in one would be trained on in the other; remove one.',
    'FA23': 'The file is of another format (zip, bzip2, xz, zstd, .2bit, GenBank). Convert or unpack it first.',
    # Genome annotation: GFF3 and GTF
    'GF01': 'A GFF or GTF row starts at 0 or below. These formats count from 1; a file written from 0 is off by one everywhere.',
    'GF02': 'A row has its start after its end, or a strand that is not +, -, . or ?.',
    'GF03': 'One ID is used on two contigs, so that parts could not be put together. Give each feature its own ID.',
    'GF04': 'A GFF or GTF row does not have nine columns separated by TABs.',
    'GF05': 'A coordinate is not a whole number in plain digits.',
    'GF06': 'The file holds no features, or is neither GFF3, GTF nor BED.',
    # Intervals: BED, and places on a contig
    'BD01': 'A BED row has its start after its end, or blocks that do not fit it.',
    'BD02': 'A BED row starts below 0. BED counts from 0, and the end is not included.',
    'BD03': 'A feature ends beyond its contig. The annotation belongs to another assembly, or the contig is circular and the table does not say so.',
    'BD04': 'The contigs of the sequence are not in the annotation. Often one names them chr1 and the other 1.',
    'BD05': 'A BED coordinate is not a whole number in plain digits: text, 1,000 or 1e3.',
    'BD06': 'A BED row has fewer than three columns separated by TABs.',
    'BD07': 'A BED row holds no bases.',
    'BD08': 'No row of the annotation is of a kind that labels bases: exon, CDS, intron, promoter, enhancer, repeat and their Sequence Ontology relatives. A BED file says the kind in its name column.',
    'BD09': 'A BED row lies on a contig that the FASTA file does not have. Often one names them chr1 and the other 1.',
    # Splits
    'SP01': (
        'A species is too small for a held-out block: eight windows, a window of gap on either side and something to train '
        "on must fit. Use shorter windows, add sequence, or say train or held_out in the genome table's split column."
    ),
    'SP02': (
        'Nothing of a species is left to train on beside what is held out and what is homologous to that. Use shorter '
        "windows, hold out less, or decide with the genome table's split column."
    ),
    'SP03': "The genome table's split column holds another word than train, held_out or nothing. Correct it there.",
    # Mixture weights
    'MX01': 'A species weight is 0. A species that should not be drawn is named in leave_out, so that it is on purpose.',
    'MX02': 'A species weight is negative. Weights are shares of the draws: positive numbers, in any unit.',
    'MX03': 'A species weight is NaN, infinite or not a number.',
    'MX04': 'A weight or leave_out names a species that the data does not hold. The message lists the nearest name.',
    'MX05': (
        'A species has a weight and no training window: all its sequence is held out, a gap or unknown. Leave it out, or '
        'change the split.'
    ),
    'MX06': "'*' shares its weight over the species not named, and every species is named. Drop it or a name.",
    'MX07': (
        "A species has no weight. Give it one, give '*' a weight for all species not named, or name it in leave_out."
    ),
    'MX08': (
        'A species weight is so small that no draw in 160,000 would be this species. Raise it or leave the species out.'
    ),
    'MX09': 'The batch does not divide over the hosts. Choose a batch size that is a multiple of their number.',
    # Labels
    'LB01': 'The table has no column named sequence or no column named label. Its first line must name both.',
    'LB02': 'A label is not one of the whole numbers 0, 1, ... or a class has no row. Number classes from 0 without gaps.',
    'LB03': 'The table has no rows, or a row has an empty sequence.',
    'LB04': 'A sequence holds a letter that is not a DNA code (ACGT, or an IUPAC code for several bases).',
    'LB05': 'A sequence is longer than the model reads. Nothing is cut silently: cut it yourself or use a longer model.',
    'LB06': 'A row has more or fewer columns than the first line names. Look for a stray tab, comma or line break.',
    'LB07': 'The path is not one table: not there, not text, or a folder with no table of labelled DNA or several.',
    'LB08': 'The split column holds another word than train, valid or test, or some rows have none.',
    'LB09': (
        "The table's own split has rows that share a 30-mer with a row on another side, so a test score would be partly "
        'memory. Delete the split column to get a leak-free one.'
    ),
    'LB10': 'The rows cannot be split: too few rows or leak groups, or a class would be missing on one side.',
    # Windows with coverage tracks
    'TK01': 'A file of the directory of tracks is missing, cannot be read or is cut off. NAME_train.npz, NAME_valid.npz, NAME_targets.tsv, NAME_sequences.bed and NAME_statistics.json are needed for every organism NAME.',
    'TK02': 'The arrays of the .npz are not as they must be: seq uint8 [windows, bases] with codes 0 to 4 (A, C, G, T, unknown), target floats [windows, bins, tracks].',
    'TK03': 'A target is negative, NaN or infinite. Coverage is a count of reads; mend it where the file was made.',
    'TK04': 'The files of one organism do not agree: windows, rows of the BED file, or tracks differ in number. They belong to different sets, or one was cut.',
    'TK05': 'The sizes do not fit: bins times pool_width must be seq_length - 2 crop_bp, which is also the length of every row of the BED file, and the bins asked for must be whole bins of the file.',
    'TK06': 'The table of targets is not as it must be: a column is missing, a number is none, a statistic has no known inverse, or strand_pair does not pair tracks two and two.',
    'TK07': 'The rule that chooses accessibility inputs cannot be meant: it matches no track, or one strand of two, or leaves no target, or organisms differ in the number of inputs.',
    'TK08': 'A held-out window overlaps a training window, so a score on it would be partly memory. Remove one of them.',
    # Embeddings
    'EM01': (
        'A record or interval is longer than the model reads. Nothing is cut silently: --window=N (and --stride) gives several '
        'rows for it, with their coordinates.'
    ),
    'EM02': 'A record or interval is shorter than one token of the model, so there is nothing to embed. Leave it out.',
    # Converted models
    'CV01': (
        "The source's tensors and the model do not match one to one: a tensor is missing, left over or of another shape. "
        'The file may hold another model than its config says, a fine-tuned head, or a part of a sharded checkpoint.'
    ),
    'CV02': (
        'The source is of no family that genojax knows, or its config asks for something that the family here does not '
        'have. Code that comes with weights is never run; --kind names the family where the files do not say it.'
    ),
    'CV03': (
        'The file is a pickle, which can run any program when it is opened. Ask for the weights as safetensors, or convert '
        'them where you trust the file: safetensors.numpy.save_file(dict_of_arrays, path).'
    ),
    'CV04': 'The directory holds no weights of a kind that is read: *.safetensors, *.npz, pytorch_model*.bin.',
    'CV05': (
        'There is no TensorFlow checkpoint here, or there are several, or it holds what is not read: compressed blocks, '
        'sliced or big-endian tensors, or types that are no weights. tf.train.Checkpoint.write makes one that is.'
    ),
    'CV06': (
        'The weights know the ids of one tokenizer only, and it is not there or has another vocabulary: DNABERT needs '
        '4^k k-mers, Nucleotide Transformer its own list, DNABERT-2 and GENA-LM their tokenizer.json.'
    ),
    # The genome table, genomes.tsv
    'GT01': 'A folder of genomes needs a table, genomes.tsv, that says which contigs of which file belong to which species. genojax check DIR --draft-table prints a draft to check and save.',
    'GT02': 'The header of the table is wrong. Its columns, separated by TABs: species, fasta, contigs, annotation, circular, softmasked and, if wanted, split.',
    'GT03': 'A row of the table has more or fewer cells than the header. Cells are separated by one TAB each; an empty annotation is an empty cell.',
    'GT04': 'A file named in the table is not there. Paths are relative to the folder of the table.',
    'GT05': "The columns circular and softmasked say 'yes' or 'no'. softmasked=no means that lower case says nothing, so repeats are unknown.",
    'GT06': 'The table lists a contig that its FASTA file does not have.',
    'GT07': 'A contig is listed twice for one species. Within a species contig names must differ.',
    'GT08': 'A species name becomes a folder name: letters, digits, _ . and -, up to 100, beginning with a letter or a digit.',
    'GT09': "The column split says 'train', 'held_out' or nothing, which leaves the choice to blocks.",
    'GT10': "A cell that must not be empty is empty: fasta, or a name in contigs ('*' means all contigs of the file).",
    # Shards
    'AR01': 'A shard is not what was written: its SHA-256 or a record does not fit the manifest. Ingest the genomes again.',
    'AR02': 'A shard is missing or holds another number of records than the manifest says. Ingest the genomes again.',
    'AR03': 'There is no manifest of shards here, or it is damaged or of another version. Ingest the genomes (again).',
}
