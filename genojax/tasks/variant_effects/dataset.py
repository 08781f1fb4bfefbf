"""Labelled variants from a table: pairs of windows, annotation, splits by group, batches."""

import collections
import hashlib
import json
from collections.abc import Iterator, Sequence

import numpy as np

from genojax import errors
from genojax.data.datasets import base
from genojax.tasks.labelled import dataset as labelled_dataset
from genojax.tasks.variant_effects import annotations, labelled_variants
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch
from genojax.variants import windows

_STREAMS = {'shuffle': 71, 'flip': 72, 'shift': 73}  # numbers of streams of random bits
_FRACTION = {'test': 0.25, 'validation': 0.1}  # of the rows, where groups are drawn
CONFLICT = 'name the variant of another row with another label'


class VariantDatasets(base.TaskDatasets):
    """Rows of a table of variants in three splits of whole groups.

    Attributes:
        known: the rows.
        group_N: number of the group of every row, in the order of `groups`.
        split_N: 'train', 'validation' or 'test' of every row.
        scale: of the columns of annotation in the training rows; None without such columns.
        annotation_NF: the columns in that scale, float32.

    Raises:
        UsageError, InputError: as `labelled_variants.read`; the groups make no three splits.
    """

    def __init__(
        self, config: labelled_variants.VariantsDataConfig, seed: int, tokenizer: Tokenizer
    ):
        self.config, self.tokenizer, self.seed = config, tokenizer, seed
        self.known = labelled_variants.read(config)
        self._set_splits()
        self.scale: annotations.ColumnScale | None = None
        self.annotation_NF = np.zeros((len(self.known.table), 0), np.float32)
        if self.known.columns is not None:
            values_NF = self.known.columns.values_NF
            self.scale = annotations.ColumnScale.of(values_NF[self.rows('train')])
            self.annotation_NF = self.scale.apply(values_NF)
        self.fingerprint = self._fingerprint()
        self._order = base.RowOrder(seed, **_STREAMS)

    def _set_splits(self) -> None:
        """Whole groups are test, validation or train.

        Raises:
            UsageError: a name that is no group, or too few groups.
        """
        self.groups, self.group_N = np.unique(self.known.table.groups, return_inverse=True)
        config, names = self.config, self.groups.tolist()
        chosen = {'test': config.test_groups, 'validation': config.validation_groups}
        for name in (*config.test_groups, *config.validation_groups):
            if name not in names:
                raise errors.UsageError(
                    f'no group is called {name!r}; the table has {", ".join(names[:12])}. '
                    f'Fix: --config.tasks.TASK.data.test_groups=\'["{names[-1]}"]\''
                )
        if len(names) < 3:
            raise errors.UsageError(
                f'{len(names)} groups of variants, and train, validation and test need one each. '
                'Fix: --config.tasks.TASK.data.group_column=COLUMN names a column with more, such '
                'as the exon'
            )
        self.split_N = np.full(len(self.known.table), 'train', dtype='<U10')
        free = [name for name in names if name not in {*chosen['test'], *chosen['validation']}]
        order = np.random.default_rng(config.split_seed).permutation(len(free)).tolist()
        rest = [free[i] for i in order]
        for split, share in _FRACTION.items():
            rows = sum(int((self.known.table.groups == name).sum()) for name in chosen[split])
            picked = list(chosen[split])
            while not chosen[split] and len(rest) > 1 and rows < share * len(self.known.table):
                picked.append(rest.pop())
                rows += int((self.known.table.groups == picked[-1]).sum())
            self.split_N[np.isin(self.known.table.groups, picked)] = split
        empty = [split for split in base.SPLITS if not (self.split_N == split).any()]
        if empty:
            raise errors.UsageError(
                f'no group is left for {empty[0]}. '
                'Fix: --config.tasks.TASK.data.test_groups=[], validation_groups likewise'
            )

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of 'train', 'validation' or 'test', int64."""
        return np.flatnonzero(self.split_N == split)

    def near_training(self) -> int:
        """Test rows whose window overlaps the window of a row of another split."""
        contigs = [variant.contig for variant in self.known.table.variants]
        spans = list(zip(contigs, (pair.start for pair in self.known.pairs), strict=True))
        other: dict[str, list[int]] = {}
        for (contig, start), split in zip(spans, self.split_N.tolist(), strict=True):
            if split != 'test':
                other.setdefault(contig, []).append(start)
        sorted_starts = {contig: np.sort(starts) for contig, starts in other.items()}
        count = 0
        for (contig, start), split in zip(spans, self.split_N.tolist(), strict=True):
            starts = sorted_starts.get(contig)
            if split == 'test' and starts is not None:
                low = np.searchsorted(starts, start - self.config.window, 'right')
                count += bool(low < np.searchsorted(starts, start + self.config.window))
        return count

    def _fingerprint(self) -> str:
        sha256 = hashlib.sha256()
        head = ['variant effects 1', self.config.batch_size, self.seed, self.config.window]
        head += [self.config.reverse_complement, self.tokenizer.vocab_size]
        sha256.update(json.dumps(head).encode())
        for pair in self.known.pairs:
            sha256.update(pair.reference_L.tobytes() + pair.alternate_L.tobytes())
        for array in (self.known.label_N, self.split_N):
            sha256.update(np.ascontiguousarray(array).tobytes())
        if self.known.columns is not None:
            sha256.update(np.ascontiguousarray(self.known.columns.values_NF).tobytes())
        return sha256.hexdigest()

    @property
    def description(self) -> dict:
        """The data as `datasets.json` has them."""
        counts = {}
        if self.known.effects is not None:
            counts = collections.Counter(self.known.term_N.tolist())
        return {
            'source': self.config.path,
            'rows': {split: len(self.rows(split)) for split in base.SPLITS},
            'groups': {
                split: sorted(set(self.known.table.groups[self.rows(split)].tolist()))
                for split in base.SPLITS
            },
            'labels': dict(collections.Counter(self.known.table.labels.tolist())),
            'conflicting_rows': {
                split: int(self.known.conflicting_N[self.rows(split)].sum())
                for split in base.SPLITS
            },
            'window': self.config.window,
            'consequences': dict(counts),
            'column_scale': None if self.scale is None else self.scale.to_json(),
            'annotation_notes': list(self.known.notes),
            'left_out': dict(self.known.left_out),
            'test_rows_near_training': self.near_training(),
        }

    @property
    def summary(self) -> list[str]:
        known = self.description
        rows = ', '.join(f'{count:,} {split}' for split, count in known['rows'].items())
        labels = ', '.join(f'{name} {count:,}' for name, count in known['labels'].items())
        lines = [f'  {self.config.path}: variants {rows}', f'  labels: {labels}']
        lines.append(f'  test groups: {", ".join(known["groups"]["test"])}')
        if conflicts := labelled_dataset.conflicts(known['conflicting_rows'], CONFLICT):
            lines.append(f'  {conflicts}')
        if known['consequences']:
            order = sorted(known['consequences'].items(), key=lambda item: -item[1])
            lines.append('  ' + ', '.join(f'{name} {count:,}' for name, count in order))
        lines += [f'  {note}' for note in self.known.notes]
        lines += [
            f'  LEFT OUT: {count:,} rows, {why}' for why, count in self.known.left_out.items()
        ]
        if known['test_rows_near_training']:
            count = known['test_rows_near_training']
            lines.append(f'  {count:,} test windows overlap windows of other splits')
        return lines

    def train(self, start_step: int = 0, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        shard.rows(self.config.batch_size)  # refuses a batch that does not divide at once
        return self._train(start_step, shard)

    def _train(self, step: int, shard: base.Shard) -> Iterator[Batch]:
        rows = self.rows('train')
        rows = rows[self.known.label_N[rows] != labelled_variants.INTERMEDIATE]
        while True:
            draw_B = step * self.config.batch_size + shard.rows(self.config.batch_size)
            row_B = rows[self._order.rows(draw_B, len(rows))]
            flip_B = np.zeros(len(row_B), bool)
            if self.config.reverse_complement:
                flip_B = self._order.flips(draw_B)
            yield self._batch(row_B, np.ones(len(row_B), np.float32), flip_B)
            step += 1

    def validation(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order(self.rows('validation'), shard)

    def test(self, shard: base.Shard = base.ONE_HOST) -> Iterator[Batch]:
        return self.in_order(self.rows('test'), shard)

    def in_order(
        self, rows: np.ndarray, shard: base.Shard = base.ONE_HOST, reverse: bool = False
    ) -> Iterator[Batch]:
        """Rows in order; `weight` is 0 for filler rows and for intermediate ones.

        Args:
            reverse: read the other strand.
        """
        for at_B, filled_B in base.in_order(len(rows), self.config.batch_size, shard):
            row_B = rows[at_B]
            weight_B = filled_B * (self.known.label_N[row_B] != labelled_variants.INTERMEDIATE)
            batch = self._batch(row_B, weight_B.astype(np.float32), np.full(len(row_B), reverse))
            yield {**batch, 'filled': filled_B}

    def _batch(self, row_B, weight_B, flip_B) -> Batch:
        pairs = [
            pair.reverse_complement() if flip else pair
            for pair, flip in zip(
                (self.known.pairs[row] for row in row_B.tolist()), flip_B.tolist(), strict=True
            )
        ]
        return {
            'label': (self.known.label_N[row_B] == labelled_variants.POSITIVE).astype(np.int32),
            'weight': weight_B,
            'annotation': self.annotation_NF[row_B],
            **pair_entries(pairs, flip_B, self.tokenizer),
        }


def pair_entries(
    pairs: Sequence[windows.AllelePair], flip_B: np.ndarray, tokenizer: Tokenizer
) -> Batch:
    """The windows of both alleles as a batch has them; `site` are the weights of `_site_weights`.

    Args:
        pairs: as they are read.
        flip_B: which of them are read on the other strand.
    """
    batch, flips = {}, np.asarray(flip_B).tolist()
    reference_BL = np.stack([pair.reference_L for pair in pairs])
    alternate_BL = np.stack([pair.alternate_L for pair in pairs])
    for prefix, codes_BL in (('', reference_BL), ('alternate_', alternate_BL)):
        valid_B = np.full(len(pairs), codes_BL.shape[1], np.int32)
        entries = tokenizer.batch_entries(codes_BL, valid_B)
        places = [_place(pair, bool(prefix), flip) for pair, flip in zip(pairs, flips, strict=True)]
        entries['site'] = _site_weights(entries, places, tokenizer)
        batch |= {f'{prefix}{k}': v for k, v in {**entries, 'bases': codes_BL}.items()}
    return batch


def _site_weights(entries, places, tokenizer: Tokenizer) -> np.ndarray:
    """Weights of the tokens that cover the allele, or its two neighbours if it is empty;
    float32 [B, T], sum 1."""
    tokens_BT = entries['tokens']
    spans_BT2 = entries.get('spans')
    if spans_BT2 is None:
        spans_BT2 = np.broadcast_to(tokenizer.spans(tokens_BT[0]), (*tokens_BT.shape, 2))
    start_B = np.array([offset - (not size) for offset, size in places])[:, None]
    end_B = np.array([offset + max(size, 1) for offset, size in places])[:, None]
    covers_BT = (spans_BT2[..., 0] < end_B) & (spans_BT2[..., 1] > start_B)
    covers_BT &= spans_BT2[..., 0] >= 0
    total_B = covers_BT.sum(1, keepdims=True)
    return (covers_BT / np.maximum(total_B, 1)).astype(np.float32)


def _place(pair: windows.AllelePair, alternate: bool, flipped: bool) -> tuple[int, int]:
    """First base of an allele in its window, and its number of bases."""
    sizes = len(pair.edit.reference), len(pair.edit.alternate)
    # On the other strand what lies behind the allele comes first.
    shift = sizes[0] - sizes[1] if alternate and flipped else 0
    return pair.offset + shift, sizes[alternate]
