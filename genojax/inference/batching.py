"""Rows of tokens for sequences of any length: grouped by padded length, so that few shapes compile.

A row is padded according to its own length alone, and the number of rows per batch depends only on
that padded length. A row is therefore always computed by the same compiled program, and its result
does not depend on the rows beside it, bit for bit.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from genojax import dna, errors
from genojax.models.input_spec import InputSpec
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch

DnaSequence = str | np.ndarray  # letters, or base codes uint8


@dataclasses.dataclass(frozen=True, eq=False)
class TokenRow:
    """One sequence as the model reads it.

    Attributes:
        ids_T: token ids, int32, special tokens included.
        spans_T2: bases of each token, int32; (-1, -1) for special tokens.
        codes_L: base codes, uint8: what the model may know of them.
    """

    ids_T: np.ndarray
    spans_T2: np.ndarray
    codes_L: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class RowBatch:
    """Rows `numbers` of a larger whole; the batch's other rows are filler.

    The batch holds `tokens` int32 [B, T], `spans` int32 [B, T, 2], `bases` uint8 [B, L] and `valid`
    int32 [B], the bases of each row.
    """

    numbers: np.ndarray
    batch: Batch


@dataclasses.dataclass(frozen=True, eq=False)
class RowReader:
    """Turns sequences into rows for one model.

    Attributes:
        spec: how the model reads.
        window: bases per row, for models with bins: a shorter sequence is centred among unknown
            bases, and there are no special tokens. 0 for other models.
        batch_tokens: tokens per batch that rows are grouped to.
        trained_tokens: tokens of the longest rows that the model was trained on; None: unknown.
        multiple: the number of rows of a batch is a multiple of this, the number of devices.
    """

    tokenizer: Tokenizer
    spec: InputSpec
    window: int = 0
    batch_tokens: int = 2048
    multiple: int = 1
    trained_tokens: int | None = None

    @property
    def max_tokens(self) -> int | None:
        """Tokens of the longest row that the model reads; None: no limit.

        Learned positions that no training row reached are random numbers, so they count as none.
        """
        limits = [self.spec.max_tokens]
        if self.spec.learned_positions:
            limits.append(self.trained_tokens)
        return min((limit for limit in limits if limit is not None), default=None)

    def beyond_training(self, codes_L: np.ndarray) -> int:
        """Bases that fit the rows of the training, of a sequence with more tokens than they have.

        Models whose positions have no parameters compute it all the same; their values there
        extrapolate. 0 where it has no more, or the length of the training is unknown.
        """
        limit = self.trained_tokens
        special = self.tokenizer.num_special
        if self.window or limit is None or len(codes_L) + special <= limit:
            return 0
        row = self.row(codes_L)
        return self.readable(row, limit) if len(row.ids_T) > limit else 0

    def readable(self, row: TokenRow, limit: int) -> int:
        """Bases at the start of a row that `limit` tokens hold, special ones included."""
        ends = np.sort(row.spans_T2[row.spans_T2[:, 0] >= 0, 1])
        return int(ends[limit - self.tokenizer.num_special - 1])

    def row(self, codes_L: np.ndarray) -> TokenRow:
        """The tokens of one sequence of base codes."""
        if not self.window:
            return TokenRow(*self.tokenizer.encode_with_spans(codes_L), codes_L)
        ids_T = np.full(self.window, self.tokenizer.special.pad, np.int32)
        before = self.padding_before(len(codes_L))
        ids_T[before : before + len(codes_L)] = self.tokenizer.encode(codes_L)
        position_T = np.arange(-before, self.window - before, dtype=np.int32)
        return TokenRow(ids_T, np.stack([position_T, position_T + 1], axis=1), codes_L)

    def padding_before(self, length: int) -> int:
        """Unknown bases before a sequence of `length` bases in a window."""
        return (self.window - length) // 2 if self.window else 0

    def padded_length(self, tokens: int) -> int:
        """Tokens of a padded row: a power of two, 1.5 times one, or multiples of the spec's."""
        if self.window:
            return tokens
        limit = self.max_tokens
        if self.spec.multiple:
            ends = (self.spec.special.front or 0) + (self.spec.special.back or 0)
            length = _round_up(tokens - ends, self.spec.multiple) + ends
        else:
            power = max(16, 1 << (tokens - 1).bit_length())
            length = power * 3 // 4 if 16 < power and tokens <= power * 3 // 4 else power
        return length if limit is None else max(min(length, limit), tokens)

    def rows_per_batch(self, padded: int) -> int:
        """Rows of every batch of rows of this padded length."""
        return _round_up(max(1, self.batch_tokens // padded), self.multiple)

    def check(self, codes_L: np.ndarray, what: str = 'it', **where) -> None:
        """Refuses a sequence that the model cannot read whole.

        Args:
            what: names the sequence in the message, as `chr1:0-40` does.
            where: `path`, `line`, `record` of the error.

        Raises:
            InputError: EM01 for one that is too long, EM02 for one shorter than a token.
        """
        size, special = len(codes_L), self.tokenizer.num_special
        if self.window:
            if not size:
                raise errors.InputError('EM02', f'{what}: no bases', fix='leave it out', **where)
            if size > self.window:
                reason = f'{what} has {size:,} bases: the model reads {self.window:,}'
                _refuse_long(reason, self.window, where)
            return
        limit = self.max_tokens
        # A token covers at least one base, so only long and very short sequences are tokenized.
        fits = limit is None or size + special <= limit
        if size >= max(1, self.tokenizer.bases_per_token) and fits:
            return
        row = self.row(codes_L)
        if len(row.ids_T) == special:
            raise errors.InputError(
                'EM02', f'{what}: {size} bases, fewer than a token has', fix='leave it out', **where
            )
        if limit is not None and len(row.ids_T) > limit:
            reason = (
                f'{what} has {size:,} bases: that is {len(row.ids_T):,} tokens, and the model '
                f'reads {limit:,}'
            )
            if limit != self.spec.max_tokens:
                reason += ', the longest rows it was trained on: later positions are untrained'
            _refuse_long(reason, self.readable(row, limit), where)


def _refuse_long(problem: str, readable: int, where: dict) -> None:
    raise errors.InputError(
        'EM01',
        problem,
        fix=f'--window={readable} gives several rows for it (--stride=N lets them overlap); in '
        f'Python, cut it into sequences of at most {readable:,} bases',
        **where,
    )


def batches(rows: Iterable[TokenRow], reader: RowReader) -> Iterator[RowBatch]:
    """Batches of rows of one padded length; every row is in exactly one."""
    waiting: dict[int, list[tuple[int, TokenRow]]] = {}
    for number, row in enumerate(rows):
        length = reader.padded_length(len(row.ids_T))
        group = waiting.setdefault(length, [])
        group.append((number, row))
        if len(group) == reader.rows_per_batch(length):
            yield _batch(group, length, reader)
            group.clear()
    for length, group in sorted(waiting.items()):
        if group:
            yield _batch(group, length, reader)


def _batch(group: list[tuple[int, TokenRow]], length: int, reader: RowReader) -> RowBatch:
    tokenizer, count = reader.tokenizer, reader.rows_per_batch(length)
    rows = [row for _, row in group] + [group[-1][1]] * (count - len(group))
    back = reader.spec.special.back or 0  # special tokens that stay at the end of a padded row
    tokens = np.full((count, length), tokenizer.special.pad, np.int32)
    spans = np.full((count, length, 2), -1, np.int32)
    bases = np.full((count, _bases(length, reader)), dna.UNKNOWN, np.uint8)
    for at, row in enumerate(rows):
        core = len(row.ids_T) - back
        tokens[at, :core], spans[at, :core] = row.ids_T[:core], row.spans_T2[:core]
        tokens[at, length - back :] = row.ids_T[core:]
        size = min(len(row.codes_L), bases.shape[1])
        bases[at, :size] = row.codes_L[:size]
    valid = np.array([len(row.codes_L) for row in rows], np.int32)
    numbers = np.array([number for number, _ in group])
    return RowBatch(numbers, {'tokens': tokens, 'bases': bases, 'valid': valid, 'spans': spans})


def _bases(length: int, reader: RowReader) -> int:
    """Bases that a padded row of tokens can cover at most."""
    tokenizer = reader.tokenizer
    if reader.window or tokenizer.overlapping:
        return length + tokenizer.bases_per_token - 1
    return length * int(max(tokenizer.lengths.max(), tokenizer.bases_per_token, 1))


def _round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


def base_codes(sequence: DnaSequence, number: int) -> np.ndarray:
    """Base codes, uint8 [L], of letters or of base codes."""
    if isinstance(sequence, str):
        try:
            return dna.encode(sequence)
        except ValueError as error:
            raise errors.UsageError(f'sequence {number}: {error}') from error
    codes = np.asarray(sequence)
    if codes.ndim != 1 or codes.dtype != np.uint8 or (codes > dna.UNKNOWN).any():
        raise errors.UsageError(
            f'sequence {number} is neither a string nor base codes: uint8 [L] from 0 to '
            f'{dna.UNKNOWN}, as `genojax.dna.encode` returns them'
        )
    return codes


def window_of(spec: InputSpec, window: int) -> int:
    """Bases per row of a model with bins, 0 for others.

    Args:
        window: the wish; 0 is the published number.

    Raises:
        UsageError: the window fits no bins.
    """
    if not spec.bin:
        return 0
    window = window or spec.window
    try:
        spec.bins(window)
    except ValueError as error:
        nearest = max(-(-window // spec.bin), 2 * spec.crop + 1) * spec.bin
        raise errors.UsageError(
            f'--window={window or "N"} must be what this model was trained on, a multiple of '
            f'{spec.bin} bases beyond {spec.crop} bins at each end. Fix: --window={nearest} or more'
        ) from error
    return window
