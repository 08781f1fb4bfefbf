"""FLOPs of the matrix products and convolutions of a jaxpr, by their shapes."""

import math
from collections.abc import Callable, Iterator

import jax
from jax.extend import core


def of_function(function: Callable, *arguments) -> int:
    """FLOPs of a function at these arguments (arrays or ShapeDtypeStructs); nothing is computed."""
    return of_jaxpr(jax.make_jaxpr(function)(*arguments).jaxpr)


def of_jaxpr(jaxpr) -> int:
    """FLOPs of all products and convolutions, over all devices.

    A scan counts its body by its length, a kernel by its grid, a `shard_map` by its devices; of the
    branches of a `cond` the most expensive one counts. The body of a `while` counts once: its
    number of turns is not known.
    """
    return sum(_of_equation(equation) for equation in jaxpr.eqns)


def _of_equation(equation) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == 'dot_general':
        return _of_product(equation)
    if name == 'conv_general_dilated':
        return _of_convolution(equation)
    if name == 'cond':
        return max(of_jaxpr(branch.jaxpr) for branch in parameters['branches'])
    times = 1
    if name == 'scan':
        times = parameters['length']
    elif name == 'shard_map':
        # The parameter has another name in newer versions of jax.
        axes = parameters.get('newly_manual_axes', parameters.get('manual_axes'))
        times = math.prod(parameters['mesh'].shape[axis] for axis in axes)
    elif name == 'pallas_call':
        times = math.prod(parameters['grid_mapping'].grid)
    return times * sum(of_jaxpr(inner) for inner in _inner_jaxprs(parameters))


def _of_product(equation) -> int:
    (contracted, _), _ = equation.params['dimension_numbers']
    out, left = equation.outvars[0].aval.shape, equation.invars[0].aval.shape
    return 2 * math.prod(out) * math.prod(left[axis] for axis in contracted)


def _of_convolution(equation) -> int:
    kernel = equation.invars[1].aval.shape
    features = kernel[equation.params['dimension_numbers'].rhs_spec[0]]
    return 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(kernel) // features


def _inner_jaxprs(parameters) -> Iterator:
    for value in parameters.values():
        for part in value if isinstance(value, tuple | list) else [value]:
            if isinstance(part, core.ClosedJaxpr):
                yield part.jaxpr
            elif isinstance(part, core.Jaxpr):
                yield part
