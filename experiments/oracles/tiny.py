"""Small weights and batches that show differences: every norm and bias off its start, rows of unequal length, a run of N."""

import pathlib
import re
import sys
import types
import zlib

import numpy as np

LENGTHS = (
    29,
    17,
    6,
)  # tokens of each row, special ones included; a prime, so that no block divides it


def value(name: str, shape: tuple[int, ...], fan_in_axis: int = -1) -> np.ndarray:
    """Random weights for a tensor, the same for the same name, in float16 (what the file holds is what ran)."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    x = rng.standard_normal(shape)
    if len(shape) == 1:
        is_scale = re.search(r'norm.*(weight|scale)$', name, re.IGNORECASE)
        x = 1 + 0.2 * x if is_scale else 0.2 * x
    elif 'embed' not in name:
        x *= 1.3 / np.sqrt(shape[fan_in_axis])  # attention that is neither flat nor one-hot
    return x.astype(np.float16)


def rows(
    vocab: int,
    specials: int,
    pad: int,
    first: int,
    last: int | None,
    unknown: int,
    mask: int,
    lengths: tuple[int, ...] = LENGTHS,
) -> np.ndarray:
    """Padded rows of ids [B, T]: `first`, random words, a run of `unknown`, some `mask`, `last`.

    Args:
        specials: ids below it name no word.
        last: None for families whose rows end without a token of their own.
    """
    rng = np.random.default_rng(len(lengths) * 1000 + max(lengths))
    tokens = np.full((len(lengths), max(lengths)), pad, np.int32)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = rng.integers(specials, vocab, length)
        row[0] = first
        row[2] = mask
        if length > 15:
            row[5:11] = unknown
            row[[12, 14]] = mask
        if last is not None:
            row[length - 1] = last
    return tokens


def fill(module) -> dict[str, np.ndarray]:
    """Random values for every parameter of a torch module, in place; its state dict, in float16."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(
                torch.from_numpy(value(name, tuple(parameter.shape)).astype(np.float32))
            )
    module.eval()
    return {
        name: tensor.numpy().astype(np.float16)
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point()
    }


def watch(**modules) -> dict[str, list]:
    """What each torch module gives back, call by call, under the name that it was given."""
    seen: dict[str, list] = {name: [] for name in modules}

    def keep(name):
        def hook(module, args, output):
            first = output[0] if isinstance(output, tuple) else output
            seen[name].append(first.detach().numpy())

        return hook

    for name, module in modules.items():
        module.register_forward_hook(keep(name))
    return seen


def padded(found: list[np.ndarray], length: int) -> np.ndarray:
    """Rows of one [1, T_i, D] each, zero after their ends, [B, T, D]."""
    return np.concatenate(
        [np.pad(x, [(0, 0), (0, length - x.shape[1]), (0, 0)]) for x in found]
    ).astype(np.float32)


def package(name: str, folder: pathlib.Path) -> None:
    """A folder of an original's code as the package `name`, without what its own __init__ would import."""
    if not folder.is_dir():
        raise SystemExit(f'{folder} is not there: --originals names the folder of cloned originals')
    made = types.ModuleType(name)
    made.__path__ = [str(folder)]
    sys.modules[name] = made
