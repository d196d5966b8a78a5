"""Prints what TensorBoard's own backend shows of event files: run folder -> tag -> [[step, wall time, value], ...], with what
a restart hides left out and non-finite values as strings.

    python test/golden/read_scalars.py LOGDIR
"""
import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.util import tensor_util


def plain(number):
    if math.isfinite(number):
        return number
    return 'NaN' if math.isnan(number) else 'Infinity' if number > 0 else '-Infinity'


def scalars(folder):
    accumulator = plugin_event_accumulator.EventAccumulator(folder, tensor_size_guidance={'scalars': 0})
    accumulator.Reload()
    tags = accumulator.PluginTagToContent('scalars')
    return {
        tag: [[e.step, e.wall_time, plain(float(tensor_util.make_ndarray(e.tensor_proto)))] for e in accumulator.Tensors(tag)]
        for tag in tags
    }


if __name__ == '__main__':
    top = pathlib.Path(sys.argv[1])
    folders = sorted({file.parent for file in top.rglob('*tfevents*')})
    print(json.dumps({str(folder.relative_to(top)): scalars(str(folder)) for folder in folders}))
