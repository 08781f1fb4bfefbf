"""The hash of a config by which a kept plan knows that it is of that config."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from genojax import experiment


def of_experiment(planned: experiment.Experiment) -> str:
    """SHA-256 of the fields of a config that are not as by default, so that a new field is none.

    The path of a tokenizer's file is left out.
    """
    fields = {path: value for path, value in _set_fields(planned, '') if path != 'tokenizer.file'}
    text = json.dumps(fields, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def _set_fields(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Path and value of the fields of a dataclass, and those in it, that differ from a default."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _set_fields(item, f'{path}.{name}')
    elif not dataclasses.is_dataclass(value):
        yield path, value
    else:
        yield f'{path}.kind', type(value).__name__
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            if item != field.default:
                yield from _set_fields(item, f'{path}.{field.name}' if path else field.name)
