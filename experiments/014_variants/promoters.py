"""A classifier of promoters of another clade, and its columns of variants near a start of a gene.

Its rows are windows of the promoter task of `genojax simulate`: promoters from the grammar, aligned
at the start of transcription, and background of the same composition with sites at random places.
They have the seed of the clade of `assays.py`: no genome, gene or variant of the tested clade is
among them. Unlike coverage, which says where sites are, it sees them at their distance from the
start of transcription.
"""

import pathlib

import numpy as np

from genojax import dna, experiment, metrics, simulate
from genojax.cli import flags
from genojax.data.formats import annotation
from genojax.data.formats import fasta as sequences
from genojax.data.store import regions
from genojax.predict import loading
from genojax.simulate import clade
from genojax.simulate import grammar as grammars
from genojax.train import loop, runs

SEED = 1_000  # of the task; those of variants begin at 0
ROWS, HELD_OUT = 64_000, 2_000  # all rows; those of validation and of test, each
GRAMMAR = grammars.DEFAULT
UPSTREAM, LENGTH = GRAMMAR.upstream, GRAMMAR.length  # bases before a start, and of a window
COLUMNS = ('promoter', 'promoter_change', 'promoter_site')
SETTINGS = {
    'model.length': str(LENGTH),
    'model.padding': 'same',
    'model.filters': '(64, 64, 64)',
    'model.windows': '(11, 7, 5)',
    'model.pools': '(2, 2, 2)',
    'model.hidden': '(128, 64)',
    'model.dropout': '0.1',
    'steps': '1500',
    'validate_every': '500',
    'save_every': '1500',
}


def train(folder: pathlib.Path) -> pathlib.Path:
    """The workdir of the classifier, trained on windows of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    config = simulate.SimulationConfig(seed=SEED, task_rows=ROWS)
    table, test = folder / 'promoters.tsv', folder / 'test.npz'
    if not test.exists():
        codes_NL, label_N, ratio_N = clade.sample_task(config, GRAMMAR)
        sizes = [ROWS - 2 * HELD_OUT, HELD_OUT, HELD_OUT]
        split = np.repeat(['train', 'validation', 'test'], sizes).tolist()
        rows = zip(map(dna.decode, codes_NL), label_N.tolist(), split, strict=True)
        lines = ('\t'.join(map(str, row)) for row in (('sequence', 'label', 'split'), *rows))
        table.write_text('\n'.join(lines) + '\n')
        last = slice(-HELD_OUT, None)
        np.savez(test, codes_NL=codes_NL[last], label_N=label_N[last], ratio_N=ratio_N[last])
    values = flags.load('baselines:basset')
    data = {'tasks.promoters.data.path': str(table)}
    for name, text in {**SETTINGS, **data}.items():
        flags.override(values, name, text)
    run = runs.open_run(experiment.from_config(values), folder / 'classifier')
    loop.train(run)
    run.close()
    with np.load(test) as known:
        score_N = log_odds(loading.load(folder / 'classifier'), known['codes_NL'])
        own, best = (metrics.auroc(known['label_N'], x_N) for x_N in (score_N, known['ratio_N']))
    print(f'promoters: test AUROC {own:.3f}, ceiling {best:.3f}')
    return folder / 'classifier'


def log_odds(model, codes_NL: np.ndarray) -> np.ndarray:
    """The classifier's log odds of a promoter."""
    p_N2 = model.predict(list(codes_NL)).values
    return np.log(p_N2[:, 1]) - np.log(p_N2[:, 0])


def columns(
    classifier: pathlib.Path, fasta: pathlib.Path, gff: pathlib.Path, variants: list[dict]
) -> dict[str, np.ndarray]:
    """What the classifier says of the windows that are aligned at starts of transcripts.

    A variant in a window has the log odds of the reference (`promoter`), their change by the
    alternate base (`promoter_change`), and the mean absolute change by the three bases that could
    stand there (`promoter_site`): large in a site. Of two windows the likelier promoter counts. All
    are 0 outside of windows. Beyond the ends of a contig are unknown bases.

    Args:
        variants: substitutions, cells of a table of `genojax score`.
    """
    annotated = annotation.read(gff)
    contigs = {record.name: padded(record.codes) for record in sequences.read(fasta)}
    starts = {name: regions.transcript_starts(annotated.on(name), name) for name in contigs}
    found, rows = [], []
    for number, cells in enumerate(variants):
        position, contig = int(cells['position']) - 1, cells['contig']
        for start, strand in starts[contig]:
            offset = UPSTREAM + (position - start if strand == '+' else start - position)
            if not 0 <= offset < LENGTH:
                continue
            window_L = aligned(contigs[contig], start, strand)
            alternate = dna.encode(cells['alt'])
            if strand == '-':
                alternate = dna.reverse_complement(alternate)
            found.append((number, int(window_L[offset]), int(alternate[0])))
            rows.append(np.repeat(window_L[None], 4, axis=0))
            rows[-1][:, offset] = range(4)
    values_NF = np.zeros((len(variants), len(COLUMNS)))
    if rows:
        odds_N4 = log_odds(loading.load(classifier), np.concatenate(rows)).reshape(-1, 4)
        reference_N = odds_N4[np.arange(len(found)), [base for _, base, _ in found]]
        for at in np.argsort(reference_N):  # the likeliest window of a variant comes last
            number, _, alternate = found[at]
            change_4 = odds_N4[at] - reference_N[at]
            values_NF[number] = reference_N[at], change_4[alternate], np.abs(change_4).sum() / 3
    return dict(zip(COLUMNS, values_NF.T, strict=True))


def padded(codes_L: np.ndarray) -> np.ndarray:
    """A contig with unknown bases beyond its ends."""
    return np.pad(codes_L, LENGTH, constant_values=dna.UNKNOWN)


def aligned(padded_L: np.ndarray, start: int, strand: str) -> np.ndarray:
    """The window of a start of transcription, on its strand, from a contig of `padded`."""
    before = UPSTREAM if strand == '+' else LENGTH - 1 - UPSTREAM
    first = LENGTH + start - before
    window_L = padded_L[first : first + LENGTH]
    return window_L if strand == '+' else dna.reverse_complement(window_L)
