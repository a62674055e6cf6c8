"""Writes events.tfevents by TensorBoard's own writer, as PyTorch's SummaryWriter uses it, and checks how TensorBoard reads it.
Needs tensorboard and pillow from PyPI (made with tensorboard 2.21.0)."""

import io
import os

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.event_file_writer import EventFileWriter

folder = os.path.dirname(os.path.abspath(__file__))
place = os.path.join(folder, "events")
writer = EventFileWriter(place)


def add(step, **value):
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(**value)])
    writer.add_event(event_pb2.Event(wall_time=1000.5 + step, step=step, summary=summary))


for step in (1, 2, 300):
    add(step, tag="train/loss", simple_value=1 / step)
histogram = summary_pb2.HistogramProto(
    min=0.5, max=3, num=3, sum=5.5, sum_squares=13.25, bucket_limit=[1, 2, 4], bucket=[1, 1, 1])
add(2, tag="norms", histo=histogram)
png = io.BytesIO()
Image.new("RGB", (3, 2), (255, 0, 0)).save(png, "PNG")
add(2, tag="figures/red", image=summary_pb2.Summary.Image(
    height=2, width=3, colorspace=3, encoded_image_string=png.getvalue()))
writer.close()
(name,) = os.listdir(place)
os.rename(os.path.join(place, name), os.path.join(folder, "events.tfevents"))
os.rmdir(place)

read = EventAccumulator(os.path.join(folder, "events.tfevents"))
read.Reload()
assert [(e.step, round(e.value, 6)) for e in read.Scalars("train/loss")] == [(1, 1), (2, 0.5), (300, 0.003333)]
print("events.tfevents", os.path.getsize(os.path.join(folder, "events.tfevents")), "bytes")
