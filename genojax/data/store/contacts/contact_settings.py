"""How contacts become windows of bins."""

import dataclasses

from genojax import errors
from genojax.data.store.signals import track_settings


@dataclasses.dataclass(frozen=True)
class ContactSettings(track_settings.TrackSettings):
    """How windows are cut and what masks their bins; fields without a comment are `TrackSettings`'.

    Raises:
        UsageError: sizes that do not fit each other.
    """

    window: int = 131_072
    crop: int = 16_384
    bin: int = 2_048  # bases; that of the matrix
    block: int = 4
    min_known: float = 0.5
    diagonals: int = 2  # that are unknown: pairs of bins nearer than this, as in `cooler balance`

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.diagonals < self.bins:
            raise errors.UsageError(
                f'--diagonals={self.diagonals} must be at least 1 and below the {self.bins} bins '
                'between the flanks of a window. Fix: --diagonals=1, or a larger --window'
            )

    @property
    def bins(self) -> int:
        """Bins of a window that contacts are predicted between."""
        return self.centre // self.bin

    @property
    def reach(self) -> int:
        """Bins of a window with its flanks: contacts are stored up to this distance."""
        return self.window // self.bin
