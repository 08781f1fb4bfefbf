"""XLA's flags for the tests; this module does not import jax, so that it can run before it."""

import importlib.metadata

# Two workers with eight devices each on two cores can starve a collective, so its time-outs are
# raised. Tests compile much and compute little, so little is optimised, and XLA's older emitters,
# which compile in half the time of its MLIR ones, write the loops. A program is one LLVM module:
# split over many, for threads that two cores do not have, it takes a tenth to a third more.
# A flag that XLA does not know ends the process: jaxlib 0.12 has no older emitters any more.
_JAXLIB = tuple(map(int, importlib.metadata.version('jaxlib').split('.')[:2]))
FLAGS = (
    '--xla_force_host_platform_device_count=8',
    '--xla_backend_optimization_level=0',
    '--xla_llvm_disable_expensive_passes=true',
    *(('--xla_cpu_use_fusion_emitters=false',) if _JAXLIB < (0, 11) else ()),
    '--xla_cpu_parallel_codegen_split_count=1',
    '--xla_cpu_collective_call_warn_stuck_timeout_seconds=120',
    '--xla_cpu_collective_call_terminate_timeout_seconds=600',
)


def merged(callers_flags: str) -> str:
    """The flags above with the caller's, such as --xla_cpu_max_isa=AVX2, which have precedence."""
    callers = callers_flags.split()
    names = {flag.partition('=')[0] for flag in callers}
    return ' '.join([*(flag for flag in FLAGS if flag.partition('=')[0] not in names), *callers])
