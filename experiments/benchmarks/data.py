"""From files to device-ready batches: check, tokenizers, long windows, the loader, on one core.

    PYTHONPATH=. python experiments/benchmarks/data.py [--shards DIR] [--bpe tokenizer.json]
        [--seconds 1] [--out FILE]

Prints one JSON line per point and writes them all to results/data.json. The clock is the CPU time
of this process, which pins itself to one core; numpy's copy of 16 MiB is timed before and after
every repetition, and a repetition counts if both reached 80 % of the best copy rate of the process
(at least the best five). Without --shards, four random genomes of 6 Mb (0.1 % N) are written as
FASTA and ingested, so that windows come from memory-mapped files, as in training.

Peers: DNABERT's way (a Python slice and a dictionary per k-mer), HyenaDNA's (a dictionary per
letter), and the library behind Hugging Face's fast tokenizers, with a vocabulary of 6-mers (writing
the sequence with spaces included) and as BPE.
"""

import argparse
import json
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator

import measure
import numpy as np
import tokenizers as library

from genojax import dna
from genojax.data.datasets import mixture
from genojax.data.formats import fasta, sequence_record
from genojax.data.genomes import assemblies, interval_sets, loading, windows
from genojax.data.store import ingest, summary
from genojax.tokenizers import bpe, kmer, nonoverlapping, nucleotide

RESULTS = pathlib.Path(__file__).resolve().parent / 'results'
K = 6
PIECE = 1_000_000  # bases
LONG, SHORT = 196_608, 512  # bp per window
SPECIES, GENOME = 4, 6_000_000


class Copy:
    """The reference rate: numpy's copy of 16 MiB, GB/s, best of two."""

    def __init__(self):
        self.a = np.ones(1 << 24, np.uint8)
        self.b = np.empty_like(self.a)
        self()

    def __call__(self) -> float:
        best = float('inf')
        for _ in range(2):
            began = time.process_time()
            np.copyto(self.b, self.a)
            best = min(best, time.process_time() - began)
        return self.a.nbytes / max(best, 1e-9) / 1e9


def times(step: Callable[[], object], copy: Copy, seconds: float) -> tuple[list[float], float]:
    """CPU seconds per step in each quiet repetition, and the best copy rate beside them.

    A repetition is as many steps as take 20 ms: the copies between repetitions empty the caches.
    """
    start = time.process_time()
    step()
    step()
    steps = max(1, int(0.04 / max(time.process_time() - start, 1e-6)))
    records, before, began = [], copy(), time.perf_counter()
    while True:
        start = time.process_time()
        for _ in range(steps):
            step()
        per_step = (time.process_time() - start) / steps
        after = copy()
        records.append((min(before, after), max(before, after), per_step))
        before = after
        best = max(rate for _, rate, _ in records)
        quiet = [per_step for rate, _, per_step in records if rate >= measure.QUIET * best]
        elapsed = time.perf_counter() - began
        if len(quiet) >= 5 and elapsed > seconds or len(records) >= 5 and elapsed > 3 * seconds:
            break
    if len(quiet) < 5:  # on a busy machine: the five repetitions with the best copy rates
        quiet = [per_step for *_, per_step in sorted(records, reverse=True)[:5]]
    return quiet, best


class Codes:
    """The tokenizer of a model that reads base codes: it returns its input."""

    def encode(self, sequence, special=False, valid=None):
        return sequence

    def batch_entries(self, codes_BL, valid_B):
        return {'tokens': codes_BL, 'valid': np.asarray(valid_B, np.int32)}


Point = tuple[str, str, float, Callable[[], object]]  # name, unit, units per step, the step


def tokenizing(file: str) -> Iterator[Point]:
    """Bases per second of every tokenizer; 1 % are N unless the name says otherwise."""
    random = np.random.default_rng(0)
    known = random.integers(0, 4, PIECE).astype(np.uint8)
    codes = np.where(random.random(PIECE) < 0.01, dna.UNKNOWN, known).astype(np.uint8)
    tiles = {rows: np.resize(codes, (rows, SHORT)) for rows in (32, 1024)}
    ours = {
        'overlapping 6-mers': kmer.KmerTokenizer(K),
        'overlapping 3-mers': kmer.KmerTokenizer(3),
        'single nucleotides': nucleotide.NucleotideTokenizer(),
    }
    for name, tokenizer in ours.items():
        yield f'{name}, 1 Mb', 'bases', PIECE, lambda t=tokenizer: t.encode(codes, special=True)
        for rows, tile in tiles.items():
            step = lambda t=tokenizer, tile=tile: t.encode(tile, special=True)  # noqa: E731
            yield f'{name}, {rows} x {SHORT}', 'bases', tile.size, step
    tokenizer = ours['overlapping 6-mers']
    yield 'overlapping 6-mers, 1 Mb, no N', 'bases', PIECE, lambda: tokenizer.encode(known)
    beside = nonoverlapping.NonOverlappingKmerTokenizer(K)
    yield '6-mers side by side, 1 Mb', 'bases', PIECE, lambda: beside.encode_rows(codes[None])
    yield '6-mers side by side, 1 Mb, no N', 'bases', PIECE, lambda: beside.encode_rows(known[None])
    if file:
        part = known[: 200 * SHORT].reshape(200, SHORT)
        pairs = bpe.BpeTokenizer(file)
        yield f'BPE, 200 x {SHORT}, no N', 'bases', part.size, lambda: pairs.encode_rows(part)


def peers(file: str) -> Iterator[Point]:
    """Other implementations on 100 kb."""
    random = np.random.default_rng(0)
    text = dna.decode(random.integers(0, 4, 100_000).astype(np.uint8))
    table = {dna.decode(word): i + 5 for i, word in enumerate(kmer.kmer_table(K))}
    letters = {'A': 7, 'C': 8, 'G': 9, 'T': 10, 'N': 11}

    def slices():
        return [table.get(text[i : i + K], 1) for i in range(len(text) - K + 1)]

    yield 'peer: Python slices and a dictionary, 6-mers', 'bases', len(text), slices
    yield 'peer: Python dictionary, letters', 'bases', len(text), lambda: [letters[c] for c in text]
    words = library.Tokenizer(library.models.WordLevel({'[UNK]': 1, **table}, unk_token='[UNK]'))
    words.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()

    def spaced():
        return words.encode(' '.join(text[i : i + K] for i in range(len(text) - K + 1))).ids

    yield 'peer: Hugging Face tokenizers, 6-mers as words', 'bases', len(text), spaced
    if file:
        pairs = library.Tokenizer.from_file(file)
        rows = [text[i : i + SHORT] for i in range(0, len(text) - SHORT, SHORT)]
        step = lambda: [one.ids for one in pairs.encode_batch(rows)]  # noqa: E731
        yield 'peer: Hugging Face tokenizers, BPE', 'bases', len(rows) * SHORT, step


def mixed(corpus: assemblies.Corpus, length: int, rows: int, **changes) -> mixture.Mixture:
    """Windows of all sequence of a corpus, shifted by up to 3 bp."""
    axis = interval_sets.Axis(corpus)
    parts = {}
    for s, name in enumerate(axis.names):
        whole = axis.whole(np.flatnonzero(axis.species == s))
        parts[name] = windows.tile(axis, s, whole, length, length)
    parts = {name: part for name, part in parts.items() if len(part)}
    config = mixture.MixtureConfig(length=length, batch_size=rows, shift=3, **changes)
    left_out = tuple(name for name in corpus.species if name not in parts)
    config = mixture.MixtureConfig(**{**vars(config), 'leave_out': left_out})
    return mixture.Mixture(corpus, parts, config, 0)


def reading(corpus: assemblies.Corpus) -> Iterator[Point]:
    """Windows per second: bases and regions, species by weight, shifted by up to 3 bp.

    The last point only copies as many bytes.
    """
    for length in (LONG, 8_192, SHORT):
        rows = max(8, min(1024, 2**20 // length))
        for strands in (False, True):
            mix = mixed(corpus, length, rows, reverse_complement=strands)
            how = 'half of them reverse-complemented' if strands else 'forward strand'
            steps = iter(range(10**9))
            step = lambda mix=mix, steps=steps: mix.batch(next(steps), Codes())  # noqa: E731
            yield f'{length:,} bp to device-ready codes, {how}', 'windows', rows, step
        mix, steps = mixed(corpus, length, rows), iter(range(10**9))
        nucleotides = nucleotide.NucleotideTokenizer()
        step = lambda mix=mix, steps=steps, t=nucleotides: mix.batch(next(steps), t)  # noqa: E731
        yield f'{length:,} bp to int32 nucleotide ids', 'windows', rows, step
    source, target = np.ones((8, LONG), np.uint8), np.empty((8, LONG), np.uint8)
    yield f'limit: copying {LONG:,} bytes', 'windows', 8, lambda: np.copyto(target, source)


def loader(corpus: assemblies.Corpus) -> Iterator[Point]:
    """The loader per window of 512 bases, with all its threads on one core, and without grain."""
    for rows in (32, 128, 1024):
        for name, tokenizer in (('codes', Codes()), ('6-mers', kmer.KmerTokenizer(K))):
            mix, steps = mixed(corpus, SHORT, rows), iter(range(10**9))
            step = lambda mix=mix, steps=steps, t=tokenizer: mix.batch(next(steps), t)  # noqa: E731
            yield f'batches of {rows} x {SHORT} to {name}, one by one', 'windows', rows, step
            batches = mix.batches(tokenizer)
            count = 2**16 // rows  # many times the batches prepared ahead

            def read(batches=batches, count=count):
                for _ in range(count):
                    next(batches)

            yield f'batches of {rows} x {SHORT} to {name}, loader', 'windows', rows * count, read
            batches.close()


def checking(folder: pathlib.Path) -> Iterator[Point]:
    """Bases per second of `genojax check`: a random genome of 6 Mb, plain and gzip, and with genes.

    Genes of four exons, one per 4 kb: 2.2 rows per kb, as in E. coli; twice as many as in human.
    One per kb, 9 rows per kb, is as dense as the annotations of small eukaryotes are.
    """
    random = np.random.default_rng(1)
    codes = random.integers(0, 4, GENOME).astype(np.uint8)
    record = sequence_record.Record('c', '', codes, np.zeros(GENOME, bool))
    head = 'species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked\n'
    sparse, dense = _genes(4000), _genes(1000)
    for name, fasta_name, rows in (
        ('FASTA', 'c.fa', []),
        ('FASTA in gzip', 'c.fa.gz', []),
        (f'FASTA and {len(sparse):,} rows of GFF3', 'c.fa', sparse),
        (f'FASTA and {len(dense):,} rows of GFF3', 'c.fa', dense),
    ):
        genomes = folder / name.replace(' ', '_')
        genomes.mkdir()
        fasta.write(genomes / fasta_name, [record])
        (genomes / 'c.gff3').write_text('\n'.join(rows) + '\n')
        annotated = 'c.gff3' if rows else ''
        (genomes / 'genomes.tsv').write_text(f'{head}x\t{fasta_name}\t*\t{annotated}\tno\tno\n')
        yield f'check: {name}', 'bases', GENOME, lambda g=genomes: summary.summarize(g)


def _genes(apart: int) -> list[str]:
    """Rows of GFF3 with attributes like Ensembl's: an mRNA of 900 bases and four exons per gene."""
    rows = []
    for number, start in enumerate(range(1, GENOME - apart, apart)):
        mrna = f'ID=transcript:T{number:08};Parent=gene:G{number:08};biotype=protein_coding'
        rows.append(f'c\tx\tmRNA\t{start}\t{start + 899}\t.\t+\t.\t{mrna};tag=basic;version=1')
        for rank, at in enumerate(range(start, start + 900, 250), 1):
            name = f'E{number:08}.{rank}'
            exon = f'Parent=transcript:T{number:08};Name={name};constitutive=1;ensembl_end_phase=-1'
            cds = f'ID=CDS:P{number:08};Parent=transcript:T{number:08};protein_id=P{number:08}'
            for kind, text in (('exon', f'{exon};exon_id={name};rank={rank}'), ('CDS', cds)):
                rows.append(f'c\tx\t{kind}\t{at}\t{at + 149}\t.\t+\t.\t{text}')
    return rows


def random_genomes(folder: pathlib.Path) -> pathlib.Path:
    """FASTA files and their shards."""
    random = np.random.default_rng(0)
    (folder / 'genomes').mkdir()
    rows = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked']
    for number in range(SPECIES):
        codes = random.integers(0, 4, GENOME).astype(np.uint8)
        codes[random.random(GENOME) < 0.001] = dna.UNKNOWN
        (folder / 'genomes' / f's{number}.fa').write_text(f'>c\n{dna.decode(codes)}\n')
        rows.append(f's{number}\ts{number}.fa\t*\t\tno\tno')
    (folder / 'genomes' / 'genomes.tsv').write_text('\n'.join(rows) + '\n')
    ingest.ingest(folder / 'genomes', folder / 'shards')
    return folder / 'shards'


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--shards', type=pathlib.Path, help='ingested genomes')
    parser.add_argument('--bpe', default='', help="a tokenizer.json, such as DNABERT-2's")
    parser.add_argument('--seconds', type=float, default=1.0, help='per point')
    parser.add_argument('--only', default='', help='points whose name contains this')
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS / 'data.json')
    options = parser.parse_args(arguments)
    os.environ['TOKENIZERS_PARALLELISM'] = 'false'
    with tempfile.TemporaryDirectory() as folder:
        shards = options.shards or random_genomes(pathlib.Path(folder))
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        copy, corpus, points = Copy(), loading.open_shards(shards), []
        sections = (
            checking(pathlib.Path(folder)),
            tokenizing(options.bpe),
            peers(options.bpe),
            reading(corpus),
            loader(corpus),
        )
        for section in sections:
            for name, unit, amount, step in section:
                if options.only not in name:
                    continue
                quiet, rate = times(step, copy, options.seconds)
                point = {
                    'name': name,
                    f'{unit}_per_s': amount / statistics.median(quiet),
                    f'best_{unit}_per_s': amount / min(quiet),
                    'us_each': statistics.median(quiet) / amount * 1e6,
                    'repetitions': len(quiet),
                    'copy_gb_per_s': rate,
                }
                measure.emit(point)
                points.append(point)
    result = {
        'machine': measure.machine(),
        'shards': str(options.shards or 'random'),
        'points': points,
    }
    options.out.write_text(json.dumps(result, indent=1) + '\n')


if __name__ == '__main__':
    main()
