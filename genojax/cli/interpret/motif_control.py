"""--control=RUN of `genojax interpret motifs`: checked before the work, compared after it."""

import dataclasses
from typing import Any, NoReturn

from genojax import errors
from genojax.cli.interpret import inputs


def opened(model, regions, arguments):
    """The control's model, which must read the rows of the run and have its output.

    Raises:
        UsageError: it was trained on another table; attributions take long, so this comes first.
    """
    from genojax.inference import trained_on
    from genojax.interpret import files
    from genojax.interpret.motifs import control
    from genojax.predict import loading

    def head_of(one):
        head = inputs.select_output(one, arguments, shown=False)
        files.read_rows(regions, inputs.source(arguments), head.read_row)
        return head

    head = head_of(model)
    other = loading.load(
        arguments.control,
        window=arguments.model_window,
        fallback=arguments.fallback,
        last=True,
    )
    try:
        other_head = head_of(other)
    except (errors.InputError, errors.UsageError) as error:
        _refuse(arguments, str(error).partition(' Fix: ')[0].rstrip('.'), error)
    if head.name in model.heads and model.heads[head.name].kind != 'values':
        if head.names != other_head.names:
            _refuse(arguments, f'it has the {other_head.names[0]}, the run the {head.names[0]}')
    sides = [trained_on.read(one.path, head.name) for one in (model, other)]
    for doubt in control.training_doubts(*sides):
        inputs.say(f'control {arguments.control}: {doubt}')
    return other


def _refuse(arguments, problem: str, error: Exception | None = None) -> NoReturn:
    raise errors.UsageError(
        f'--control={arguments.control} is not the network of {arguments.model} on shuffled '
        f'labels: {problem}. Fix: leave --control out, or name a run on the table of '
        f'{arguments.model} with its labels shuffled'
    ) from error


@dataclasses.dataclass(frozen=True)
class Compared:
    """Run and control: fields of motifs.json, rows of a table, why the control says little."""

    record: dict[str, Any]
    rows: list[list[str]]
    doubts: str


def compare(run, other, explained, arguments) -> Compared:
    """The counts of run and control side by side, which it prints.

    Args:
        run, other: `control.MotifCounts`.
        explained: by the run: its task, and the unit of thresholds.
    """
    from genojax.interpret.motifs import control

    rows = control.table(run, other, explained.unit)
    doubts = control.doubts(run, other)
    width = max(len(row[0]) for row in rows)
    for name, *cells in [['', 'run', 'control'], *rows]:
        inputs.say(f'  {name:<{width}}  {cells[0]:>12}  {cells[1]:>12}')
    text, advice = '', ''
    if doubts:
        advice = control.next_step(run, other, arguments.model, explained.task)
        text = f'the control says little: {"; ".join(doubts)}. Next: {advice}'
        inputs.say(text)
    record = {
        'control_seqlets': other.seqlets,
        'control_motifs': other.motifs,
        'control_doubts': doubts,
        'control_next_step': advice,
        'compared': {'run': run.as_json(), 'control': other.as_json()},
    }
    return Compared(record, rows, text)
