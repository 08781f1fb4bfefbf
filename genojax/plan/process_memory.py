"""The resident set of a whole training process whose devices are CPUs: does the run fit into RAM?

A plan compiles the step of the run with the libraries of the run. So what its own process holds
then is a measurement of what the run holds besides its arrays, and its highest resident set one of
what compiling needs. Only Linux says either.
"""

import dataclasses
import pathlib

from genojax.train import resources

_GIB = 2**30
_STATUS = pathlib.Path('/proc/self/status')
# GiB by which a process grows, once, in the first execution of a step: code is touched, and
# YNNPACK, which runs products for XLA:CPU, prepares them. Chosen by three cases of
# experiments/benchmarks/plan_memory.py (`data`, `remat`, `remat_small`; `process_gib` there).
FIRST_EXECUTION = 0.067


@dataclasses.dataclass(frozen=True)
class ProcessMemory:
    """GiB of the resident set of a training process; validation, which may need more, is not in it.

    Attributes:
        program: Python, libraries and the compiled step.
        buffers: state, batch and temporaries on all devices at their peak, as XLA assigns them.
        first_execution: what the first step adds once (`FIRST_EXECUTION`).
        compiling: the highest before the first step: the compiler at work beside the state.
    """

    program: float
    buffers: float
    first_execution: float
    compiling: float

    @property
    def training(self) -> float:
        """The highest while steps are taken."""
        return self.program + self.buffers + self.first_execution

    @property
    def peak(self) -> float:
        return max(self.training, self.compiling)


def measure(buffers: float, state: float) -> ProcessMemory | None:
    """The memory of a run whose step this process has just compiled; None where it is not known.

    Args:
        buffers: GiB of all devices at their peak.
        state: GiB of that for parameters and optimizer, which are there before the step is
            compiled.
    """
    resources.release_heap()
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(':', 1) for line in lines)
    if 'VmHWM' not in fields:
        return None
    resident, highest = (int(fields[name].split()[0]) * 1024 / _GIB for name in ('VmRSS', 'VmHWM'))
    return ProcessMemory(resident, buffers, FIRST_EXECUTION, highest + state)
