#!/usr/bin/env python3
"""Writes images.safetensors beside this script: a picture and what Pillow and torchvision make of it, uint8 [H, W, 3]."""
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
            picture = autoaugment._apply_op(source, name, strength, InterpolationMode.NEAREST, None)
            out[f"randaugment.{name}.{magnitude}.{sign}"] = picture
save_file({name: np.asarray(picture) for name, picture in out.items()}, "images.safetensors")
