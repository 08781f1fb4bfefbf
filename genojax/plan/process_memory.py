"""The resident set of a whole training process whose devices are CPUs: does the run fit into RAM?

A plan compiles the programs of the run with the libraries of the run. So what its own process holds
then is a measurement of what the run holds besides its arrays, and its highest resident set one of
what compiling needs. Only Linux says either.
"""

import dataclasses
import pathlib
from typing import NamedTuple

from genojax.hardware import heap

_GIB = 2**30
_STATUS = pathlib.Path('/proc/self/status')
# GiB by which a process grows in the first execution of a step: code is touched, YNNPACK, which
# runs products for XLA:CPU, prepares them, and scratch. Chosen by an earlier run of three cases
# (`data`, `remat`, `remat_small`) of experiments/benchmarks/plan_memory.py; README there.
FIRST_EXECUTION = 0.067


@dataclasses.dataclass(frozen=True)
class ProcessMemory:
    """GiB of the resident set of a training process.

    Attributes:
        program: Python, libraries and the compiled step.
        buffers: state, batch and temporaries on all devices at their peak, as XLA assigns them.
        first_execution: what the first step adds once (`FIRST_EXECUTION`).
        compiling: the highest before the first step: the compiler at work beside the state.
        validation: the highest while the state is validated: its program executed, or compiled
            beside the state where that needs more than any program before.
    """

    program: float
    buffers: float
    first_execution: float
    compiling: float
    validation: float

    @property
    def training(self) -> float:
        """The highest while steps are taken."""
        return self.program + self.buffers + self.first_execution

    @property
    def peak(self) -> float:
        return max(self.training, self.compiling, self.validation)


class ResidentSet(NamedTuple):
    """GiB of this process: what is resident, with the heap returned, and the highest so far."""

    now: float
    highest: float


def read() -> ResidentSet | None:
    """The resident set of this process; None where it is not known."""
    heap.release()
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(':', 1) for line in lines)
    if 'VmHWM' not in fields:
        return None
    return ResidentSet(*(int(fields[name].split()[0]) * 1024 / _GIB for name in ('VmRSS', 'VmHWM')))


def of_run(
    after_step: ResidentSet,
    after_validation: ResidentSet,
    buffers: float,
    validation: float,
    state: float,
) -> ProcessMemory:
    """The memory of a run whose programs this process has compiled.

    Args:
        after_step: of this process once the step was compiled.
        after_validation: once the programs of validation were.
        buffers: GiB of all devices at their peak in a step.
        validation: GiB of all devices at their peak in a validation batch.
        state: GiB of all devices for parameters and optimizer, which are there while programs are
            compiled.
    """
    validating = after_validation.now + validation
    # Without a new maximum, the compiler needed less for validation than for the step, which
    # `compiling` has.
    if after_validation.highest > after_step.highest:
        validating = max(validating, after_validation.highest + state)
    return ProcessMemory(
        program=after_step.now,
        buffers=buffers,
        first_execution=FIRST_EXECUTION,
        compiling=after_step.highest + state,
        validation=validating + FIRST_EXECUTION,
    )
