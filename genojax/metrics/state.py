"""Running means, merged over steps, batches and hosts."""

from typing import Any, NamedTuple

import numpy as np

from genojax.metrics import weighting

_PLAIN = list | tuple | int | float  # values that are no arrays


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
        """The state of an array of values, weighted by `weights` of the same shape.

        Raises:
            ValueError: the shapes differ, or a weight is negative, NaN or infinite; under `jit`,
                where values are not known, only the shapes are compared.
        """
        values = np.asarray(values) if isinstance(values, _PLAIN) else values
        if weights is None:
            return cls(values.sum(), float(values.size))
        weights = np.asarray(weights) if isinstance(weights, _PLAIN) else weights
        if values.shape != weights.shape:
            raise ValueError(f'weights of shape {weights.shape} for values of shape {values.shape}')
        weighting.check_concrete(weights)
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
