"""How signals become bins of windows."""

import dataclasses
from collections.abc import Sequence

from genojax import errors


@dataclasses.dataclass(frozen=True)
class TrackSettings:
    """How windows are cut and what masks them.

    Raises:
        UsageError: sizes that do not fit each other.
    """

    window: int = 16_384  # bases per window, flanks included
    crop: int = 4_096  # bases at either end of a window that no bin is predicted for
    bin: int = 128  # bases
    block: int = 16  # windows per block; blocks share no base, and parts consist of them
    contigs: tuple[str, ...] = ()  # to read; (): all of the genome
    test: tuple[str, ...] = ()  # contigs for the test; (): those marked in the genome table
    test_share: float = 0.1  # of the blocks, where no contig is named or marked
    seed: int = 0  # of the choice of blocks
    min_known: float = 1.0  # smallest share of usable bases in a bin that is known
    # BED files; SPECIES=FILE where there are several, whose contigs may have the same names
    blacklist: tuple[str, ...] = ()
    unmappable: tuple[str, ...] = ()
    annotation: str = ''  # genes of a FASTA file, to score across genes
    rna: bool = False  # read U as T

    def __post_init__(self):
        centre = self.window - 2 * self.crop
        if min(self.window, self.bin, self.block) < 1 or self.crop < 0:
            raise errors.UsageError('window, bin and block must be at least 1, crop at least 0')
        if centre < self.bin or centre % self.bin or self.crop % self.bin:
            raise errors.UsageError(
                f'--window={self.window} without --crop={self.crop} at both ends is not whole bins '
                f'of {self.bin}. Fix: --window={4 * self.bin * (self.window // self.bin // 4 or 1)}'
                f' --crop={self.bin * (self.window // self.bin // 4)}'
            )
        if not 0 < self.min_known <= 1:
            raise errors.UsageError(f'--min-known={self.min_known} must be above 0, at most 1')
        if not 0 < self.test_share < 1:
            raise errors.UsageError(f'--test-share={self.test_share} must be between 0 and 1')

    @property
    def centre(self) -> int:
        """Bases of a window that its bins cover."""
        return self.window - 2 * self.crop

    def mask_files(self, kind: str, name: str, species: Sequence[str]) -> list[str]:
        """The BED files of a kind of mask ('blacklist', 'unmappable') for a species.

        Args:
            species: all of them.

        Raises:
            UsageError: a file does not say which of several species it is of.
        """
        files = []
        for text in getattr(self, kind):
            owner, sign, path = text.partition('=')
            if not (sign and owner in species):
                if len(species) > 1:
                    raise errors.UsageError(
                        f'--{kind}={text} does not say of which species it is. '
                        f'Fix: --{kind}={species[0]}={text}'
                    )
                owner, path = name, text
            if owner == name:
                files.append(path)
        return files
