"""Predicted tracks of two runs on the same windows, organism by organism."""

from typing import Any

import numpy as np

from genojax.data.formats.track_files import track_windows
from genojax.tasks import paired
from genojax.tasks.coverage import evaluate

_SCALES = {'reads': 'Pearson r', 'log': 'Pearson r of log(1 + reads)'}


class TrackPairedSplit(paired.PairedSplit):
    """Correlations are those of the evaluation, means over tracks; windows are resampled.

    Raises:
        UsageError: a limit, as every window is scored.
    """

    unit = 'windows'
    resampled = 'windows'
    same = 'data.path, data.organisms, data.bin, data.soft_clip and data.accessibility'

    def __init__(self, task, datasets, split: str, limit: int | None):
        evaluate.refuse_limit(task, limit)
        self.task, self.datasets, self.split = task, datasets, split
        self.inputs, self.labels, self.organisms = [], [], []
        for number, name in enumerate(datasets.species):
            windows = datasets.windows(number, split)
            for part in track_windows.chunks(windows):
                columns = part.centres, part.codes_NL, part.target_NPC, part.known_NPC
                for centre, codes_L, target_PC, known_PC in zip(*columns, strict=True):
                    place = f'{name}\0{centre.contig}\0{centre.start}\0{centre.end}\0'
                    self.inputs.append(place.encode() + paired.digest(codes_L))
                    measured_PC = np.where(known_PC, target_PC, 0)
                    self.labels.append(paired.digest(measured_PC) + paired.digest(known_PC))
                    self.organisms.append(name)
        self.settings = {
            f'the tracks of {name}': ', '.join(
                source.organism.tracks[number].identifier
                for number in np.flatnonzero(source.target_C).tolist()
            )
            for name, source in zip(datasets.species, datasets.sources, strict=True)
        }

    def scores(self, state) -> paired.Scores:
        """What is predicted of every window, [N] of arrays [P, C], whose sizes differ by organism.

        An array of objects, as rows are put in order by an index of one axis.
        """
        predicted = evaluate.predictions(self.task, state, self.datasets, self.split)
        windows = [window_PC for name in self.datasets.species for window_PC in predicted[name]]
        column = np.empty(len(windows), object)
        for number, window_PC in enumerate(windows):
            column[number] = window_PC
        return {'predicted': column}

    def parts(self, scores, others) -> dict[str, dict[str, Any]]:
        names, organisms = self.datasets.species, np.array(self.organisms)
        return {
            name if len(names) > 1 else '': self._part(
                number, *(np.stack(x['predicted'][organisms == name]) for x in (scores, others))
            )
            for number, name in enumerate(names)
        }

    def _part(self, number: int, predicted_NPC, other_NPC) -> dict[str, Any]:
        source = self.datasets.sources[number].whole
        windows = self.datasets.windows(number, self.split).load()
        bins = [x_NPC.shape[1] for x_NPC in (predicted_NPC, other_NPC)]
        truth_NPC, known_NPC, predicted_NPC, other_NPC = (
            evaluate.centre(x_NPC, min(bins))
            for x_NPC in (*evaluate.measured(source, windows), predicted_NPC, other_NPC)
        )
        result = evaluate.compare(
            truth_NPC,
            {'run': predicted_NPC, 'against': other_NPC},
            source.organism.tracks,
            source.target_C,
            lead='run',
            known_NPC=known_NPC,
        )
        rows = {}
        for scale, title in _SCALES.items():
            for group, row in result['scales'][scale].items():
                of = f'{row["tracks"]} tracks' if group == 'all' else f'{group} ({row["tracks"]})'
                rows[f'{title}, {of}'] = paired.estimates(row)
        notes = []
        if len(set(bins)) > 1:
            notes = [
                f'The runs predict {bins[0]:,} and {bins[1]:,} bins of a window: both are scored '
                f'on the middle {min(bins):,}.'
            ]
        return {'n': len(truth_NPC), 'groups': None, 'scores': rows, 'notes': notes}
