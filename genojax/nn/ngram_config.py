"""Which n-grams are counted: the config of `ngram_experts`, for data workers without jax."""

import dataclasses

COLLECTION = 'ngrams'  # of the model's variables


@dataclasses.dataclass(frozen=True)
class NgramConfig:
    """Which contexts are counted."""

    side: int = 9  # most bases of a context on one side
    both: int = 4  # most bases of a context on each of both sides
    species: int = 0  # species with counts of their own, besides those of all; as in the data
    # Share of training rows read without their species, so that the model needs none.
    species_dropout: float = 0.1

    def __post_init__(self):
        if not 1 <= self.side <= 11 or not 0 <= self.both <= 5:
            raise ValueError(
                f'{self.side=} must be in 1 .. 11 and {self.both=} in 0 .. 5: a table has '
                '4^(bases + 1) counts per species'
            )
        if self.species < 0 or not 0 <= self.species_dropout < 1:
            raise ValueError(
                f'{self.species=} must not be negative, {self.species_dropout=} in [0, 1)'
            )

    @property
    def contexts(self) -> tuple[tuple[int, int], ...]:
        """Bases on the left and on the right of every table."""
        return *((k, 0) for k in range(self.side + 1)), *((k, k) for k in range(1, self.both + 1))

    @property
    def experts(self) -> int:
        """Number of experts."""
        chains = 2 * len(reported_orders(self.side)) + len(reported_orders(self.both))
        return self.sets * chains

    @property
    def sets(self) -> int:
        """Sets of counts: of all species, and of the row's."""
        return 2 if self.species else 1

    def table_shape(self, left: int, right: int) -> tuple[int, int, int]:
        """Counts [species and all, contexts, 4]."""
        return self.species + 1, 4 ** (left + right), 4


def table_name(left: int, right: int) -> str:
    return f'left{left}_right{right}'


def reported_orders(longest: int) -> range:
    """The orders of a chain that are experts: every other one from the longest down."""
    return range(longest, 0, -2)
