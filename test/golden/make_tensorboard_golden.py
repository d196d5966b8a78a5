"""Writes the event files that test/unit/core/tensorboardGolden.test.ts reads, and what TensorBoard itself reads in them: run it
from the repository root with a Python that has tensorboard and tensorboardX.

    python3 -m venv /tmp/tb && /tmp/tb/bin/pip install -r test/golden/tensorboard-requirements.txt
    /tmp/tb/bin/python test/golden/make_tensorboard_golden.py

Each folder is a run. expected.json: folder -> tag -> [[step, wall time, value], ...] in the order of TensorBoard's loader, non-finite
values as strings.
"""
import json
import math
import pathlib
import shutil
import struct

from tensorboard.backend.event_processing import directory_loader, event_file_loader, io_wrapper
from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.plugins.scalar import summary_v2
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util import tensor_util
from tensorboardX import SummaryWriter

OUT = pathlib.Path('test/unit/core/fixtures/tensorboard')


def old_style(folder):
    """What torch.utils.tensorboard and tensorboardX write: simple_value, beside a histogram and a text."""
    with SummaryWriter(str(folder), write_to_disk=True) as writer:
        writer.add_text('notes', 'not a curve', 0, walltime=1700000000.5)
        for step in range(0, 50, 10):
            writer.add_scalar('train/loss', 4.0 / (1 + step), step, walltime=1700000001.25 + step)
            if step % 20 == 0:
                writer.add_scalar('eval/loss', 5.0 / (1 + step), step, walltime=1700000001.5 + step)
        writer.add_histogram('weights', [1.0, 2.0, 3.0], 40, walltime=1700000060.0)
        for step, value in enumerate([math.nan, math.inf, -math.inf, 3e38, 1e-45, -0.0]):
            writer.add_scalar('odd', value, 50 + step, walltime=1700000070.0)


def new_style(folder):
    """What tf.summary writes: a tensor of the scalars plugin, made by the plugin itself."""
    writer = EventFileWriter(str(folder))
    for step in range(5):
        summary = summary_v2.scalar_pb('metrics/größe', 0.1 * step, description='as **text**')
        writer.add_event(event_pb2.Event(wall_time=1700000100.0 + step, step=step, summary=summary))
    writer.close()


def value_of(tag, tensor, plugin='scalars'):
    value = summary_pb2.Summary.Value(tag=tag, tensor=tensor)
    if plugin is not None:
        value.metadata.plugin_data.plugin_name = plugin
    return value


def tensors(folder):
    """Every way in which a tensor can hold one number, and some that are no number."""
    scalar = tensor_shape_pb2.TensorShapeProto()
    one = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    DT = types_pb2
    forms = {
        'float_val': tensor_pb2.TensorProto(dtype=DT.DT_FLOAT, tensor_shape=scalar, float_val=[0.1]),
        'float_content': tensor_pb2.TensorProto(dtype=DT.DT_FLOAT, tensor_shape=scalar, tensor_content=struct.pack('<f', 0.1)),
        'double_val': tensor_pb2.TensorProto(dtype=DT.DT_DOUBLE, tensor_shape=scalar, double_val=[1e308]),
        'double_content': tensor_pb2.TensorProto(dtype=DT.DT_DOUBLE, tensor_shape=scalar, tensor_content=struct.pack('<d', 0.1)),
        'int32': tensor_pb2.TensorProto(dtype=DT.DT_INT32, tensor_shape=scalar, int_val=[-7]),
        'int64': tensor_pb2.TensorProto(dtype=DT.DT_INT64, tensor_shape=scalar, int64_val=[1 << 40]),
        'no_shape': tensor_pb2.TensorProto(dtype=DT.DT_FLOAT, float_val=[2.5]),
    }
    others = {
        'vector': value_of('vector', tensor_pb2.TensorProto(dtype=DT.DT_FLOAT, tensor_shape=one, float_val=[1.0])),
        'text': value_of('text', tensor_pb2.TensorProto(dtype=DT.DT_STRING, tensor_shape=scalar, string_val=[b'x']), 'text'),
    }
    writer = EventFileWriter(str(folder))
    for step in range(3):
        # As in TensorFlow's files the plugin may be named the first time alone.
        values = [value_of(tag, tensor, 'scalars' if step == 0 else None) for tag, tensor in forms.items()]
        event = event_pb2.Event(wall_time=1700000200.0 + step, step=step)
        event.summary.value.extend(values + (list(others.values()) if step == 0 else []))
        writer.add_event(event)
    writer.close()


def resumed(folder):
    """A run that went back to step 30 and on, in a second file."""
    for number, steps in enumerate([range(0, 60, 10), range(30, 100, 10)]):
        with SummaryWriter(str(folder), write_to_disk=True, filename_suffix=f'.{number}') as writer:
            for step in steps:
                writer.add_scalar('loss', step + number / 2, step, walltime=1700000300.0 + 100 * number + step)
        # The names order by the second in which they were made.
        made = max(folder.glob(f'*.{number}'))
        made.rename(folder / f'events.out.tfevents.170000030{number}.golden.{number}')


def scalars_of(folder):
    loader = directory_loader.DirectoryLoader(
        str(folder), lambda path: event_file_loader.TimestampedEventFileLoader(path), path_filter=io_wrapper.IsTensorFlowEventsFile
    )
    known, found = {}, {}
    for event in loader.Load():
        for value in event.summary.value:
            if value.HasField('metadata') and value.metadata.plugin_data.plugin_name:
                known[value.tag] = value.metadata.plugin_data.plugin_name
            if known.get(value.tag) != 'scalars' or not value.HasField('tensor'):
                continue
            array = tensor_util.make_ndarray(value.tensor)
            if array.shape != ():
                continue
            number = float(array)
            text = 'NaN' if math.isnan(number) else 'Infinity' if number > 0 else '-Infinity'
            found.setdefault(value.tag, []).append([event.step, event.wall_time, number if math.isfinite(number) else text])
    return found


if __name__ == '__main__':
    shutil.rmtree(OUT, ignore_errors=True)
    expected = {}
    for make in (old_style, new_style, tensors, resumed):
        folder = OUT / make.__name__
        folder.mkdir(parents=True)
        make(folder)
        for index, file in enumerate(sorted(folder.iterdir())):
            if make is not resumed:
                file.rename(folder / f'events.out.tfevents.1700000000.golden.{index}')
        expected[make.__name__] = scalars_of(folder)
    (OUT / 'expected.json').write_text(json.dumps(expected, indent=1) + '\n')
