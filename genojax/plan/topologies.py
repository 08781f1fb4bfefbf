"""Hardware by name: 'v5e:16x16' (chips), '2*v5p:4x4x8' (two slices), 'gpu:h100:8', 'cpu:8'.

What a chip's memory leaves to a program is the compiler's own limit; it is printed where a program
does not fit.
"""

import dataclasses
import math
import os
import re

import jax
from jax.experimental import topologies

from genojax import errors, versions
from genojax.hardware import chips

TPUS = ('v4', 'v5e', 'v5p', 'v6e', 'tpu7x')
GPUS = ('h100',)
_GRAMMAR = re.compile(
    r'(?:(?P<slices>[1-9]\d*)\*)?(?P<tpu>v\w+|tpu7x):(?P<shape>[1-9]\d*(?:x[1-9]\d*){1,2})'
    r'|gpu:(?P<gpu>\w+):(?P<gpus>[1-9]\d*)|cpu:(?P<cpus>[1-9]\d*)'
)
EXAMPLES = 'v5e:16x16, v4:4x4x4, v5p:4x4x8, v6e:8x8, tpu7x:2x2x1, 2*v5e:16x16, gpu:h100:8, cpu:8'


@dataclasses.dataclass(frozen=True)
class Topology:
    """A number of chips that are connected.

    Attributes:
        name: as written.
        chip: of all of them.
        chips: in all slices.
        slices: groups of chips whose connection is a data center network.
        shape: chips of a slice along each dimension.
    """

    name: str
    chip: chips.Chip
    chips: int
    slices: int = 1
    shape: tuple[int, ...] = ()

    @property
    def is_tpu(self) -> bool:
        return self.chip.name in TPUS

    @property
    def is_gpu(self) -> bool:
        return self.chip.name in GPUS

    @property
    def is_cpu(self) -> bool:
        return self.chip.name == 'cpu'

    def devices(self) -> list:
        """The devices to compile for; a TPU's need no TPU, only its compiler.

        Raises:
            UsageError: the TPU compiler is not installed or knows no such topology, or this process
                has fewer CPU devices than asked for.
        """
        if self.is_tpu:
            return self._tpu_devices()
        devices = jax.devices('cpu')
        if len(devices) < self.chips:
            raise errors.UsageError(
                f'{self.name} needs {self.chips} CPU devices, and this process has {len(devices)}. '
                f'Fix: XLA_FLAGS=--xla_force_host_platform_device_count={self.chips} before jax '
                'starts'
            )
        return devices[: self.chips]

    def _tpu_devices(self) -> list:
        prepare_compiler()
        name = f'{self.chip.name}:{"x".join(map(str, self.shape))}'
        options = dict(self.chip.options)
        if self.slices > 1:
            options['num_slices'] = self.slices
        try:
            return list(topologies.get_topology_desc(name, platform='tpu', **options).devices)
        except (RuntimeError, ValueError, NotImplementedError) as error:
            first = str(error).splitlines()[0]
            raise errors.UsageError(f'the TPU compiler has no topology {name}: {first}') from error


def parse(text: str) -> Topology:
    """The topology of a name.

    Raises:
        UsageError: it names none.
    """
    match = _GRAMMAR.fullmatch(text)
    if match is None:
        raise errors.UsageError(f'--topology={text} is not understood; examples: {EXAMPLES}')
    if match['cpus']:
        return Topology(text, chips.CHIPS['cpu'], int(match['cpus']))
    name = match['gpu'] or match['tpu']
    known = GPUS if match['gpu'] else TPUS
    if name not in known:
        what = 'GPU' if match['gpu'] else 'TPU'
        raise errors.UsageError(
            f'--topology={text}: no {what} {name!r}, only {", ".join(known)}; `genojax plan '
            '--help` lists all chips'
        )
    if match['gpu']:
        return Topology(text, chips.CHIPS[name], int(match['gpus']))
    shape = tuple(map(int, match['shape'].split('x')))
    slices = int(match['slices'] or 1)
    return Topology(text, chips.CHIPS[name], slices * math.prod(shape), slices, shape)


def prepare_compiler() -> None:
    """Lets the TPU compiler start on a machine without a TPU.

    Raises:
        UsageError: it is not installed.
    """
    for name, value in {
        'TPU_SKIP_MDS_QUERY': '1',  # asks no metadata server
        'TPU_WORKER_HOSTNAMES': 'localhost',
        'TPU_ACCELERATOR_TYPE': 'v5litepod-1',
        'ALLOW_MULTIPLE_LIBTPU_LOAD': '1',  # another plan may be running
        'TPU_MIN_LOG_LEVEL': '3',
        'TPU_STDERR_LOG_LEVEL': '3',
    }.items():
        os.environ.setdefault(name, value)
    if 'TPU_LIBRARY_PATH' in os.environ:
        return
    try:
        import libtpu  # noqa: F401
    except ImportError as error:
        raise errors.UsageError(
            f'a TPU topology needs the TPU compiler. Fix: {versions.install_line("tpu")}'
        ) from error
