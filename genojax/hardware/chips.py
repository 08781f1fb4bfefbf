"""Chips and their public peak rates: of topologies by name, and of devices by JAX's name for them.

Peak rates are of Google's and NVIDIA's public tables (docs.cloud.google.com/tpu/docs, page of each
chip; H100 SXM data sheet, dense).
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Chip:
    """Peak rates of one chip.

    Attributes:
        name: as in a topology.
        tflops: 1e12 FLOP/s in bfloat16; 0 where unknown.
        memory_gib: device memory.
        memory_gb_s: 1e9 byte/s of device memory.
        network_gb_s: 1e9 byte/s to other chips of the slice, all links, both directions.
        options: of `get_topology_desc`.
    """

    name: str
    tflops: int
    memory_gib: int
    memory_gb_s: int
    network_gb_s: int
    options: tuple[tuple[str, str], ...] = ()


CHIPS = {
    chip.name: chip
    for chip in (
        # A v4 chip is one device where its two cores work as one ("megacore").
        Chip('v4', 275, 32, 1228, 600, (('chip_config_name', 'megacore'),)),
        Chip('v5e', 197, 16, 819, 400),
        Chip('v5p', 459, 95, 2765, 1200),
        Chip('v6e', 918, 32, 1638, 800),
        Chip('tpu7x', 2307, 192, 7380, 1200),  # a chip is two devices
        Chip('h100', 989, 80, 3350, 900),
        Chip('cpu', 0, 0, 0, 0),
    )
}
# Part of `jax.Device.device_kind`, in lower case -> (chip, devices of one). The first that fits.
_DEVICE_KINDS = (
    ('tpu v4', 'v4', 1),
    ('tpu v5 lite', 'v5e', 1),
    ('tpu v5e', 'v5e', 1),
    ('tpu v5', 'v5p', 1),
    ('tpu v6', 'v6e', 1),
    ('tpu7x', 'tpu7x', 2),
    ('tpu v7', 'tpu7x', 2),
    ('h100', 'h100', 1),
    ('h200', 'h100', 1),  # the same processor with more memory
)


def peak_flops(device_kind: str) -> float:
    """FLOP/s in bfloat16 of one device at its peak; 0 where it is unknown, as for CPUs.

    Args:
        device_kind: of a `jax.Device`.
    """
    for part, name, devices in _DEVICE_KINDS:
        if part in device_kind.lower():
            return CHIPS[name].tflops * 1e12 / devices
    return 0.0
