"""Observed / expected contacts of a Hi-C matrix, read in parts.

Observed is the count of a pair of bins times the factors of both. Within a contig the expected
value is the mean over the pairs of known bins at the same distance (in bins, per contig); between
contigs it is the mean over all such pairs. A bin is known if it has a weight, some contact, and
enough usable bases; a pair if both its bins are, they are not nearer than `diagonals`, and
something is expected. One pass over the file finds all of this, in memory for a chunk of pixels
and one number per bin. Distances on circular contigs are those of their coordinates.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from genojax import errors, progress
from genojax.data.formats.contact_files import cool

OTHER_CONTIGS, MASKED, DIAGONAL, TRANS, CIS = (
    'on other contigs', 'of masked bins', 'too near the diagonal', 'between contigs', 'used',
)  # fmt: skip
USES = (OTHER_CONTIGS, MASKED, DIAGONAL, TRANS, CIS)
_CLEARLY = 0.5  # a spread of row sums below this share of the other direction's contradicts it


@dataclasses.dataclass(frozen=True, eq=False)
class ContactMatrix:
    """One matrix with its expected values; N bins of all contigs of the file.

    Attributes:
        file: the matrix.
        factors: of counts.
        contigs: those that are read -> their number of bins.
        known_N: bins that are known, bool.
        expected: contig -> expected value per distance in bins, float64; 0 where none is known.
        trans: the expected value between contigs; 0 where none is known.
        diagonals: pairs nearer than this are unknown.
        uses: number of stored counts by what became of them, one of `USES` each.
    """

    file: cool.CoolFile
    factors: cool.Factors
    contigs: Mapping[str, int]
    known_N: np.ndarray
    expected: Mapping[str, np.ndarray]
    trans: float
    diagonals: int
    uses: Mapping[str, int]

    def block(
        self, rows: tuple[str, int, int], columns: tuple[str, int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Observed / expected of two runs of bins, float64 [R, C], and which are known, bool.

        Unknown ones hold 0. A known pair without contacts is 0 too.

        Args:
            rows, columns: contig, first bin on it, and the bin after the last.

        Raises:
            ValueError: there is no such contig or bin.
            InputError: HC02, HC07.
        """
        (first, end), (left, right) = self._span(*rows), self._span(*columns)
        count_RC = np.zeros((end - first, right - left))
        for pixels in self.file.read(first, end):
            _add(count_RC, pixels.row_N - first, pixels.column_N - left, pixels.count_N)
        for pixels in self.file.read(left, right):  # below the diagonal
            off = pixels.row_N != pixels.column_N
            row_N, column_N, count_N = (x_N[off] for x_N in pixels)
            _add(count_RC, column_N - first, row_N - left, count_N)
        row_N, column_N = np.arange(first, end), np.arange(left, right)
        factor_N = np.where(self.known_N, self.factors.factor_N, 0)
        expected_RC = np.full(count_RC.shape, self.trans)
        known_RC = self.known_N[row_N][:, None] & self.known_N[column_N]
        if rows[0] == columns[0]:
            distance_RC = np.abs(row_N[:, None] - column_N)
            expected_RC = self.expected[rows[0]][distance_RC]
            known_RC &= distance_RC >= self.diagonals
        known_RC &= expected_RC > 0
        observed_RC = count_RC * factor_N[row_N][:, None] * factor_N[column_N]
        ratio_RC = observed_RC / np.where(known_RC, expected_RC, 1)
        return np.where(known_RC, ratio_RC, 0), known_RC

    def band(self, contig: str, first: int, end: int, reach: int) -> np.ndarray:
        """Observed / expected of each bin first .. end - 1 with those after it, float32 [P, reach].

        Column d is the pair at distance d. Unknown pairs, and pairs beyond the contig, hold 0.

        Raises:
            InputError: HC02, HC07.
        """
        start, stop = self._span(contig, first, end)
        last = self.file.first_bin[contig] + self.contigs[contig]
        total_PC = np.zeros((stop - start, reach))
        for pixels in self.file.read(start, stop):
            distance_N = pixels.column_N - pixels.row_N
            inside = (distance_N < reach) & (pixels.column_N < last)
            row_N, column_N, count_N = (x_N[inside] for x_N in pixels)
            factor_N = self.factors.factor_N[row_N] * self.factors.factor_N[column_N]
            known = self.known_N[row_N] & self.known_N[column_N]
            row_N, distance_N = row_N[known] - start, distance_N[inside][known]
            np.add.at(total_PC, (row_N, distance_N), (count_N * factor_N)[known])
        expected_C = self.expected_within(contig, reach)
        ratio_PC = total_PC / np.where(expected_C > 0, expected_C, 1)
        return np.where(expected_C > 0, ratio_PC, 0).astype(np.float32)

    def expected_within(self, contig: str, reach: int) -> np.ndarray:
        """Expected value at each distance below `reach`, float64; 0 where a pair is unknown."""
        expected_C = np.zeros(reach)
        known = self.expected[contig][:reach]
        expected_C[self.diagonals : len(known)] = known[self.diagonals :]
        return expected_C

    def _span(self, contig: str, first: int, end: int) -> tuple[int, int]:
        if contig not in self.contigs or not 0 <= first <= end <= self.contigs[contig]:
            raise ValueError(f'{contig}: bins {first} to {end} are not in {dict(self.contigs)}')
        start = self.file.first_bin[contig]
        return start + first, start + end


def _add(count_RC: np.ndarray, row_N: np.ndarray, column_N: np.ndarray, count_N) -> None:
    rows, columns = count_RC.shape
    inside = (row_N >= 0) & (row_N < rows) & (column_N >= 0) & (column_N < columns)
    np.add.at(count_RC, (row_N[inside], column_N[inside]), count_N[inside])


@dataclasses.dataclass(eq=False)
class _Sums:
    """What a pass over the pixels adds up; N bins of the file.

    Attributes:
        factor_N, contig_N, usable_N: see `measure`.
        first_N: number of the first bin of each bin's contig.
        diagonals: pairs nearer than this are left out.
        coverage_N: contacts per bin, on any contig, the diagonals left out.
        by_distance_N: sum of observed values at distance d, at the d-th bin of the contig.
        rows_DN: sums of observed values per bin, with the factors and with their inverse.
    """

    factor_N: np.ndarray
    contig_N: np.ndarray
    first_N: np.ndarray
    usable_N: np.ndarray
    diagonals: int

    def __post_init__(self):
        count = len(self.factor_N)
        self.coverage_N, self.by_distance_N = np.zeros(count), np.zeros(count)
        self.rows_DN, self.trans = np.zeros((2, count)), 0.0
        self.uses = dict.fromkeys(USES, 0)

    def add(self, pixels: cool.Pixels) -> None:
        """Adds a chunk of pixels."""
        row_N, column_N, count_N = pixels
        first_N, second_N = self.contig_N[row_N], self.contig_N[column_N]
        cis_N, distance_N = first_N == second_N, column_N - row_N
        near_N = cis_N & (distance_N < self.diagonals)
        for bin_N in (row_N, column_N):
            np.add.at(self.coverage_N, bin_N, count_N * ~near_N)
        others_N = (first_N < 0) | (second_N < 0)
        masked_N = ~others_N & ~(self.usable_N[row_N] & self.usable_N[column_N])
        left_N = ~others_N & ~masked_N
        diagonal_N, trans_N = left_N & near_N, left_N & ~cis_N
        used_N = left_N & cis_N & ~near_N
        chosen = (others_N, masked_N, diagonal_N, trans_N, used_N)
        for use, chosen_N in zip(USES, chosen, strict=True):
            self.uses[use] += int(chosen_N.sum())
        product_N = self.factor_N[row_N] * self.factor_N[column_N]
        self.trans += float((count_N * product_N)[trans_N].sum())
        at_N = (self.first_N[row_N] + distance_N)[used_N]
        np.add.at(self.by_distance_N, at_N, (count_N * product_N)[used_N])
        used_N |= trans_N
        count_N, product_N = count_N[used_N], product_N[used_N]
        for total_N, value_N in zip(
            self.rows_DN, (count_N * product_N, count_N / product_N), strict=True
        ):
            for bin_N in (row_N, column_N):
                np.add.at(total_N, bin_N[used_N], value_N)


def measure(
    file: cool.CoolFile,
    factors: cool.Factors,
    usable: Mapping[str, np.ndarray],
    diagonals: int,
) -> ContactMatrix:
    """The matrix with its expected values, by one pass over the file.

    Args:
        usable: contig -> which of its bins no mask takes, bool; contigs of the file that are not
            named are not read.
        diagonals: pairs nearer than this are unknown, at least 1.

    Raises:
        InputError: HC02, HC07; HC08, row sums say that the weights are to be used the other way.
    """
    contigs = {name: len(known_P) for name, known_P in usable.items()}
    contig_N, first_N = np.full(file.bins, -1), np.zeros(file.bins, np.int64)
    usable_N = np.zeros(file.bins, bool)
    for number, (name, known_P) in enumerate(usable.items()):
        first = file.first_bin[name]
        part = slice(first, first + len(known_P))
        contig_N[part], first_N[part], usable_N[part] = number, first, known_P
    usable_N &= np.isfinite(factors.factor_N)
    sums = _Sums(factors.factor_N, contig_N, first_N, usable_N, diagonals)
    with progress.bar('contacts by distance', file.pixels) as display:
        for pixels in file.read(0, file.bins):
            sums.add(pixels)
            display.advance(len(pixels.row_N))
    known_N = usable_N & (sums.coverage_N > 0)
    _check_direction(file, factors, sums.rows_DN[:, known_N])
    expected, known_of = {}, []
    for name, count in contigs.items():
        part = slice(file.first_bin[name], file.first_bin[name] + count)
        pairs_P = pairs_by_distance(known_N[part])
        expected[name] = sums.by_distance_N[part] / np.maximum(pairs_P, 1)
        known_of.append(int(known_N[part].sum()))
    trans_pairs = (sum(known_of) ** 2 - sum(count**2 for count in known_of)) // 2
    return ContactMatrix(
        file=file,
        factors=factors,
        contigs=contigs,
        known_N=known_N,
        expected=expected,
        trans=sums.trans / max(trans_pairs, 1),
        diagonals=diagonals,
        uses=sums.uses,
    )


def pairs_by_distance(known_P: np.ndarray) -> np.ndarray:
    """Pairs of known bins of a contig at every distance, int64 [P]: its autocorrelation."""
    count = len(known_P)
    spectrum = np.fft.rfft(known_P.astype(np.float64), 2 * count)
    return np.round(np.fft.irfft(spectrum * spectrum.conj(), 2 * count)[:count]).astype(np.int64)


def _check_direction(file: cool.CoolFile, factors: cool.Factors, rows_DN: np.ndarray) -> None:
    """Balanced rows have like sums; weights used the wrong way make them less like than before."""
    if not factors.direction or factors.source == 'table' or rows_DN.shape[1] < 2:
        return
    used, other = (sum_N.std() / max(sum_N.mean(), 1e-300) for sum_N in rows_DN)
    if other < _CLEARLY * used:
        opposite = cool.DIRECTIONS[factors.direction == 'multiply']
        raise errors.InputError(
            'HC08',
            f'used to {factors.direction}, as the {factors.source} says, the weights give row sums '
            f'that spread by {used:.2f} of their mean; used to {opposite}, by {other:.2f}',
            path=file.path,
            fix=f"write {opposite} in the column 'weights_are' of the table (or "
            f'{factors.direction}, to insist)',
        )
