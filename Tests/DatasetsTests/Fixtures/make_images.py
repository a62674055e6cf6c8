#!/usr/bin/env python3
"""Writes images.safetensors beside this script: an image and the results of Pillow and torchvision for it, uint8 [H, W, 3]."""
import os
import numpy as np, torch, torchvision.transforms.functional as F
from PIL import Image, ImageOps
from safetensors.numpy import save_file
from torchvision.transforms import InterpolationMode, autoaugment

os.chdir(os.path.dirname(os.path.abspath(__file__)))
y, x = np.mgrid[0:29, 0:41]
noise = np.random.default_rng(0).normal(0, 12, (29, 41, 3))
waves = np.stack([120 + 90 * np.sin(x / 5 + y / 9), 20 + 5.5 * y + 1.5 * x, 128 + 100 * np.cos(x * y / 60)], -1)
source = Image.fromarray(np.clip(waves + noise, 0, 255).astype(np.uint8))
out = {"source": source}
for width, height in [(20, 14), (41, 7), (13, 29), (80, 60), (7, 90), (1, 1), (40, 28)]:
    out[f"resized.{width}x{height}"] = source.resize((width, height), Image.Resampling.BILINEAR)
for resize, crop in [(24, 16), (29, 28), (60, 33)]:
    out[f"framed.{resize}.{crop}"] = F.center_crop(F.resize(source, resize), [crop])
for factor in (0.0, 0.35, 1.7):
    out[f"brightness.{factor}"] = F.adjust_brightness(source, factor)
    out[f"contrast.{factor}"] = F.adjust_contrast(source, factor)
    out[f"saturation.{factor}"] = F.adjust_saturation(source, factor)
    out[f"sharpness.{factor}"] = F.adjust_sharpness(source, factor)
for factor in (-0.5, -0.2, 0.1, 0.43):
    out[f"hue.{factor}"] = F.adjust_hue(source, factor)
space = autoaugment.RandAugment()._augmentation_space(31, (29, 41))
for name, (magnitudes, signed) in space.items():
    for magnitude in (9, 25):
        for sign in (1, -1) if signed else (1,):
            strength = sign * float(magnitudes[magnitude]) if magnitudes.ndim else 0.0
            image = autoaugment._apply_op(source, name, strength, InterpolationMode.NEAREST, None)
            out[f"randaugment.{name}.{magnitude}.{sign}"] = image
save_file({name: np.asarray(image) for name, image in out.items()}, "images.safetensors")

# Small data sets in common formats.
import gzip, json, struct
import h5py
from pycocotools import mask as coco

digits = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
with open("digits-images.idx.gz", "wb") as f:
    f.write(gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 5, 4, 3) + digits.tobytes(), mtime=0))
with open("digits-labels.idx", "wb") as f:
    f.write(struct.pack(">HBBI", 0, 8, 1, 5) + bytes([1, 0, 2, 1, 1]))
with h5py.File("packed.h5", "w") as f:
    f.create_dataset("images", data=np.arange(3 * 4 * 5 * 3, dtype=np.uint8).reshape(3, 4, 5, 3), chunks=(1, 4, 5, 3), compression="gzip")
    f.create_dataset("labels", data=np.array([2, 0, 1], dtype=np.int32))
    f.attrs["class_names"] = "ant\nbee\ncat"
# The same data set with annotations.
with h5py.File("packed.h5", "r") as plain, h5py.File("annotated.h5", "w") as f:
    for name in ("images", "labels"):
        plain.copy(name, f)
    f["annotations/classes"] = np.array([[0, 1, 1], [1, 0, 0], [0, 1, 0]], np.uint8)
    f["annotations/objects"] = np.array([[2, 1, 0, 1, 2, 4, 0], [0, 2, 0, 0, 5, 4, -1], [0, 1, 3, 1, 4, 2, 1]])
    f["annotations/masks"] = (np.arange(2 * 4 * 5).reshape(2, 4, 5) % 3 == 0).astype(np.uint8)
    f.attrs["class_names"] = "ant\nbee\ncat"
# Masks by COCO's own code for three outlines in an image of 20×14 pixels, in the three forms of annotations.
polygon = [2.0, 1.0, 15.0, 3.0, 12.0, 11.0, 7.5, 6.0, 3.0, 12.0]
blob = np.zeros((14, 20), np.uint8, order="F")
blob[3:9, 4:11] = 1
blob[5, 6] = 0
blob[0, 19] = 1
packed = coco.encode(blob)
runs = [int(n) for n in np.diff(np.flatnonzero(np.diff(np.concatenate([[1 - blob.T.ravel()[0]], blob.T.ravel(), [2]]))))]
runs = ([0] if blob.T.ravel()[0] else []) + runs
mask = coco.decode(coco.merge(coco.frPyObjects([polygon], 14, 20)))
assert (coco.decode(coco.frPyObjects({"size": [14, 20], "counts": runs}, 14, 20)) == blob).all()
with open("masks.json", "w") as f:
    json.dump({"polygon": polygon, "packed": packed["counts"].decode(), "runs": runs, "blob": blob.ravel("C").tolist(),
               "mask": mask.ravel("C").tolist()}, f)
# Few and many black images: data that compress by a factor of 1000 are read only if they are small.
for name, count in (("zeros-1MB.idx.gz", 1000), ("zeros-20MB.idx.gz", 20000)):
    with open(name, "wb") as f:
        f.write(gzip.compress(struct.pack(">HBBIII", 0, 8, 3, count, 32, 32) + bytes(count * 1024), mtime=0))
# Files with a filter that only h5py has, and in a version of the format that HDF5 1.10 does not know.
with h5py.File("lzf.h5", "w") as f:
    f.create_dataset("images", data=np.zeros((2, 16, 16, 3), np.uint8), chunks=(1, 16, 16, 3), compression="lzf")
    f.create_dataset("labels", data=np.zeros(2, np.int32))
with h5py.File("newer.h5", "w", libver="latest") as f:
    f.create_dataset("images", data=np.zeros((2, 16, 16, 3), np.uint8), chunks=(1, 16, 16, 3), compression="gzip")
with h5py.File("newer.h5", "a") as f:
    f.create_dataset("labels", data=np.zeros(2, np.int32))
