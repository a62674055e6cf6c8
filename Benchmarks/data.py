#!/usr/bin/env python3
"""Reads a folder of images in batches with PyTorch's DataLoader and Pillow: decoding, a random flip, a padded random
crop, normalization. It is the counterpart of `metasal-benchmark --work data`. It prints one JSON object: the median seconds of a
pass through the folder, after one pass that is not counted."""
import argparse, json, resource, statistics, time
import torch, torchvision
from torchvision import transforms as T

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--folder", required=True)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--threads", type=int, default=2, help="workers")
parser.add_argument("--repeats", type=int, default=3)
a = parser.parse_args()

data = torchvision.datasets.ImageFolder(a.folder)
side = data[0][0].size[0]
data.transform = T.Compose([
    T.RandomHorizontalFlip(), T.RandomCrop(side, padding=4), T.ToTensor(),
    T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
loader = torch.utils.data.DataLoader(
    data, batch_size=a.batch, shuffle=True, num_workers=a.threads, drop_last=True, persistent_workers=True)


def once():
    start = time.perf_counter()
    count = sum(len(labels) for _, labels in loader)
    return time.perf_counter() - start, count


once()
times = [once() for _ in range(a.repeats)]
print(json.dumps({"work": "data", "images": times[0][1], "seconds": statistics.median(t for t, _ in times),
                  "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
