"""Running means, merged over steps, batches and hosts."""

from typing import Any, NamedTuple

import numpy as np


class MetricState(NamedTuple):
    """A running mean as (total, count), merged over steps, batches and hosts in any order.

    A tuple, hence a JAX pytree, of numpy, jax or float leaves; this module does not import jax.
    """

    total: Any
    count: Any

    @classmethod
    def empty(cls) -> 'MetricState':
        """The state of no values."""
        return cls(0.0, 0.0)

    @classmethod
    def of(cls, values: Any, weights: Any = None) -> 'MetricState':
        """The state of an array of values, weighted by `weights` of the same shape."""
        if weights is None:
            return cls(values.sum(), float(values.size))
        return cls((values * weights).sum(), weights.sum())

    def merge(self, other: 'MetricState') -> 'MetricState':
        """The state of the values of both."""
        return MetricState(self.total + other.total, self.count + other.count)

    def compute(self) -> Any:
        """The mean; NaN of no values."""
        if isinstance(self.count, int | float | np.ndarray | np.generic):
            with np.errstate(invalid='ignore', divide='ignore'):
                return np.divide(self.total, self.count)
        return self.total / self.count
