"""Bits per base of a split: the model beside Markov models of order 0, of order 5, and two-sided.

All are scored on the same bases, those that the model's masks hide, and none reads them. The Markov
models are fitted per species to its training windows. A species that is not trained on, because it
has no training windows or is in `leave_out`, is scored by Markov models of all species that are.
Intervals are bootstraps over windows.
"""

import dataclasses
from typing import Any

import numpy as np

from genojax import dna, metrics
from genojax.data.genomes import windows
from genojax.data.splits import audit
from genojax.tasks import paired
from genojax.tasks.masked_lm import baselines

BASELINES = baselines.BASELINES
MODELS = ('model', *BASELINES)
WITHOUT_KMER = 'share no k-mer with training'  # windows; at most 28 letters, for figures
# What tables and reports call the models.
MODEL_NAMES = {
    'model': 'model',
    'order0': 'order-0 Markov',
    'order5': 'order-5 Markov',
    'two_sided': 'two-sided Markov',
}
# Per species; an order-5 model has 3,072 free parameters.
_MAX_TRAINING_BASES = 100_000_000


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """Scores per species and over all windows of a split.

    Args:
        task: a `MaskedLm` bound to its data.
        state: a `trained.TrainedState`.
        limit: largest number of windows to score, spread evenly over the species; None for all.

    Returns:
        `all`, and `species` by name: {'model', 'order0', 'order5', 'two_sided': [bits, low, high],
        'differences': {baseline: [model minus baseline, low, high]}, 'n_windows', 'n_bases'}.
        `without_training_kmer` has the same of the windows of which no k-mer occurs in training
        windows, and how many were `searched`; None where there is none. `validation` has the same
        of the validation windows, for the curves of the training log; None with a limit.
        `not_scored` names species without windows, `test_only` those that are scored but not
        trained on. `bases_left_out` counts the bases that had no room in their row of tokens, on
        which no model is scored. `limited` says what part of the split was scored
        (`metrics.limited`).
    """
    fitted = _Fitted(datasets)
    rows, left_out = _score(task, state, datasets, fitted, split, limit)
    species = datasets.species
    scored = {name: row for n, name in enumerate(species) if len(row := rows.of(rows.species == n))}
    validation = None
    if limit is None:
        validation = rows if split == 'validation' else None
        if validation is None:
            validation, _ = _score(task, state, datasets, fitted, 'validation', None)
        validation = _estimates(validation) if len(validation) else None
    return {
        'all': _estimates(rows),
        'species': {name: _estimates(row) for name, row in scored.items()},
        'without_training_kmer': _without_training_kmer(rows),
        'validation': validation,
        'not_scored': [name for name in species if name not in scored],
        'test_only': sorted(fitted.test_only & set(scored)),
        'bases_left_out': left_out,
        'limited': metrics.limited.entry(
            len(datasets.shares_kmer(split, limit)), len(datasets.shares_kmer(split)), 'windows'
        ),
    }


@dataclasses.dataclass(frozen=True, eq=False)
class _Rows:
    """Scored windows as columns, [N].

    Attributes:
        species: numbers in the corpus.
        bits: of the hidden bases of each window, by model.
        bases: hidden bases.
        shares_kmer: `windows.AuditedWindows.shares_kmer`.
    """

    species: np.ndarray
    bits: dict[str, np.ndarray]
    bases: np.ndarray
    shares_kmer: np.ndarray

    def __len__(self) -> int:
        return len(self.bases)

    def of(self, chosen: np.ndarray) -> '_Rows':
        """Some of the windows."""
        bits = {name: values[chosen] for name, values in self.bits.items()}
        return _Rows(self.species[chosen], bits, self.bases[chosen], self.shares_kmer[chosen])


class _Fitted:
    """The baselines of every species, fitted when they are needed."""

    def __init__(self, datasets):
        self._datasets, self._fitted = datasets, {}
        self.trained = datasets.mixture.shares.keys()
        self.test_only = set(datasets.species) - self.trained

    def of(self, name: str) -> baselines.Baselines:
        """Those of a species; of all trained species together for one that is not trained on."""
        source = '' if name in self.test_only else name
        if source not in self._fitted:
            names = [source] if source else list(self.trained)
            parts = 1 if source else len(self._datasets.species)
            self._fitted[source] = _fit(self._datasets, names, _MAX_TRAINING_BASES // parts)
        return self._fitted[source]


def _score(task, state, datasets, fitted: _Fitted, split: str, limit) -> tuple[_Rows, int]:
    """The scores of every window with a hidden base, and bases without room in their rows."""
    columns = {name: [] for name in ('species', 'bases', 'shares_kmer', *MODELS)}
    left_out, first = 0, 0
    flags = datasets.shares_kmer(split, limit)
    windows = datasets.test if split == 'test' else datasets.validation
    batches = windows(state.shard(task), limit=limit)
    for batch, (bits_BL, hidden_BL) in state.scores(task.jitted_validation, batches):
        real_B = batch['weight'] > 0
        flags_B = np.zeros(len(real_B), np.int8)
        flags_B[real_B] = flags[first : first + real_B.sum()]
        first += int(real_B.sum())
        hidden_BL = np.asarray(hidden_BL) & real_B[:, None]
        if 'left_out' in batch:
            left_out += int(batch['left_out'][real_B].sum())
        for number in np.unique(batch['species']).tolist():
            row_B = (batch['species'] == number) & hidden_BL.any(1)
            hidden, model_bits = hidden_BL[row_B], np.asarray(bits_BL)[row_B]
            columns['model'].append(np.where(hidden, model_bits, 0).sum(1, dtype=np.float64))
            columns['bases'].append(hidden.sum(1))
            columns['species'].append(batch['species'][row_B])
            columns['shares_kmer'].append(flags_B[row_B])
            models = fitted.of(datasets.species[number])
            for name, values in models.bits(batch['bases'][row_B], hidden).items():
                columns[name].append(values)
    joined = {name: np.concatenate([np.zeros(0), *parts]) for name, parts in columns.items()}
    bits = {name: joined[name] for name in MODELS}
    return _Rows(joined['species'], bits, joined['bases'], joined['shares_kmer']), left_out


def _without_training_kmer(rows: _Rows) -> dict | None:
    searched = int((rows.shares_kmer != windows.UNKNOWN_SHARE).sum())
    clean = rows.of(rows.shares_kmer == 0)
    return {**_estimates(clean), 'searched': searched} if len(clean) else None


def _estimates(rows: _Rows) -> dict:
    bits, bases = rows.bits, rows.bases.astype(float)
    intervals = {name: list(metrics.ratio_interval(bits_N, bases)) for name, bits_N in bits.items()}
    # All models are scored on the same bases, so the ratio of the difference is paired.
    differences = {
        name: list(metrics.ratio_interval(bits['model'] - bits[name], bases)) for name in BASELINES
    }
    return {
        **intervals,
        'differences': differences,
        'n_windows': len(bases),
        'n_bases': int(bases.sum()),
    }


def _fit(datasets, names: list[str], max_bases: int) -> baselines.Baselines:
    """The Markov models of the training windows of some species together.

    Args:
        max_bases: per species.
    """
    length = datasets.config.mixture.length
    max_windows = max(1, max_bases // length)
    codes = []
    for name in names:
        train = datasets.train_windows[name].subsample(max_windows)
        codes_BL = datasets.corpus[name].read(train.contig, train.start, length)[0]
        past_BL = np.arange(length) >= train.valid[:, None]
        codes.append(np.where(past_BL, np.uint8(dna.UNKNOWN), codes_BL))
    return baselines.fit_all(np.concatenate(codes))


def validation_metrics(task, batch, scores) -> dict[str, metrics.MetricState]:
    """Bits per base of a batch of validation windows, over all and by species."""
    bits_BL, hidden_BL = scores
    weight_B = batch['weight'].astype(np.float64)
    bits_B, count_B = bits_BL.sum(1) * weight_B, hidden_BL.sum(1) * weight_B
    member_BS = np.eye(len(task.species))[batch['species']]
    return {
        'bits_per_base': metrics.MetricState(bits_B.sum(), count_B.sum()),
        'bits_per_base/species': metrics.MetricState(bits_B @ member_BS, count_B @ member_BS),
    }


class WindowPairedSplit(paired.PairedSplit):
    """Bits per base of two models on the same windows, which are resampled.

    Both hide the bases that the first one's evaluation hides, where tokens and batches allow it.
    """

    unit = 'windows'
    resampled = 'windows'
    lower_is_better = True
    same = (
        'the genomes, data.mixture.length, data.test, data.split_seed, data.validation_windows and '
        'the masks of evaluation (test_mask)'
    )

    def __init__(self, task, datasets, split: str, limit: int | None):
        self.task, self.datasets, self.split, self.limit = task, datasets, split, limit
        parts = datasets.windows(split, limit)
        self.inputs, self.species = [], []
        for name, part in parts.items():
            contigs = [contig.name for contig in datasets.corpus[name].contigs]
            columns = (x.tolist() for x in (part.contig, part.start, part.valid))
            for contig, start, valid in zip(*columns, strict=True):
                self.inputs.append(f'{name}\0{contigs[contig]}\0{start}\0{valid}'.encode())
                self.species.append(name)
        self.labels = [b''] * len(self.inputs)
        mask = task.config.test_mask or task.config.mask
        rates = {'rate': mask.rate, 'span': mask.span, **mask.region_rates}
        self.settings = {
            'the genomes': datasets.corpus.fingerprint[:12],
            'the masks': ', '.join(f'{name} {value:g}' for name, value in rates.items()),
        }

    def scores(self, state) -> paired.Scores:
        """Bits and number of the hidden bases of every window, and where these are."""
        bits, bases, places = [], [], []
        windows = self.datasets.test if self.split == 'test' else self.datasets.validation
        batches = windows(state.shard(self.task), limit=self.limit)
        for batch, (bits_BL, hidden_BL) in state.scores(self.task.jitted_validation, batches):
            real_B = batch['weight'] > 0
            hidden_BL = np.asarray(hidden_BL)[real_B]
            values_BL = np.where(hidden_BL, np.asarray(bits_BL)[real_B], 0)
            bits.append(values_BL.sum(1, dtype=np.float64))
            bases.append(hidden_BL.sum(1))
            places.append(np.packbits(hidden_BL, axis=1))
        return {
            'bits': np.concatenate(bits),
            'bases': np.concatenate(bases).astype(float),
            'places': np.concatenate(places),
            'shares_kmer': self.datasets.shares_kmer(self.split, self.limit),
        }

    def parts(self, scores, others) -> dict[str, dict[str, Any]]:
        species = np.array(self.species)
        scored = scores['bases'] + others['bases'] > 0  # others have no hidden base, as by chance
        clean = (scores['shares_kmer'] == 0) & (others['shares_kmer'] == 0)
        chosen = {name: species == name for name in dict.fromkeys(self.species)}
        chosen |= {'all': np.ones(len(species), bool), WITHOUT_KMER: clean}
        if len(chosen) == 3:  # of one species, which is all
            del chosen[self.species[0]]
        windows = {name: at & scored for name, at in chosen.items()}
        return {name: _paired_part(scores, others, at) for name, at in windows.items() if at.any()}


def _paired_part(scores, others, chosen: np.ndarray) -> dict[str, Any]:
    part: dict[str, Any] = {'n': int(chosen.sum()), 'groups': None, 'scores': {}, 'notes': []}
    sides = [tuple(one[key][chosen] for key in ('bits', 'bases')) for one in (scores, others)]
    if not all(bases.sum() for _, bases in sides):
        return {**part, 'notes': ['No base of these windows is hidden.']}
    run, against = (list(metrics.ratio_interval(*side)) for side in sides)
    difference = list(metrics.ratio_difference(*sides[0], *sides[1]))
    row = {'run': run, 'against': against, 'difference': difference}
    part['scores'] = {'bits per base': row}
    if not np.array_equal(scores['places'][chosen], others['places'][chosen]):
        part['notes'] = [
            'The runs hide other bases of the windows (another tokenizer or batch size).'
        ]
    return part


def as_text(result: dict) -> str:
    """The scores as a table."""
    scored = {**result['species'], 'all': result['all']}
    if result['without_training_kmer']:
        scored[WITHOUT_KMER] = result['without_training_kmer']
    rows = [['bits per base', *MODEL_NAMES.values(), 'masked bases']]
    rows += [
        [name, *(metrics.format_interval(row[key]) for key in MODEL_NAMES), f'{row["n_bases"]:,}']
        for name, row in scored.items()
    ]
    differences = (result['all'].get('differences') or {}).items()
    paired = ', '.join(f'{MODEL_NAMES[k]} {metrics.format_interval(v)}' for k, v in differences)
    notes = [f'all, model minus, paired (below 0: the model is better): {paired}'] if paired else []
    notes += [
        f'{metrics.intervals_over(result["all"].get("n_windows"), "windows")}, of a part over its '
        'own; masked bases: those that the masks hide, on which all are scored',
        'Markov models of the training windows: order 0 is composition, order 5 reads up to five '
        'visible bases to the left, two-sided up to five on either side',
    ]
    clean = result['without_training_kmer']
    if clean:
        notes.append(
            f'{WITHOUT_KMER}: the {clean["n_windows"]:,} of {clean["searched"]:,} windows that '
            f'have no k-mer (k = {audit.K} bases) in common with training windows'
        )
    if result['bases_left_out']:
        notes.append(
            f'{result["bases_left_out"]:,} bases had no room in rows of tokens (tokenizer.tokens)'
        )
    return '\n'.join([*metrics.text_table(rows), *notes])
