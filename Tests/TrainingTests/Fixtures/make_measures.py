#!/usr/bin/env python3
"""Measures by other implementations, for MeasureTests: measures.safetensors and measures.json.

    python3 make_measures.py       with torch, scipy, captum, quantus and grad-cam from PyPI, after make_methods.py

The network and the image are those of make_methods.py; maps are smooth noise that the file holds. Rank correlations are
scipy's, localization and sparseness are Quantus's, imputation is pytorch-grad-cam's, infidelity and sensitivity are Captum's.
There is no package for insertion and deletion; they are implemented here from the paper, independently of metasal. Captum's
normalized infidelity is divided by the mean square of the logit's changes, as metasal's is.
"""
import json, pathlib
import numpy as np, torch, torch.nn.functional as F
from safetensors.torch import load_file, save_file
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from captum.metrics import infidelity
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
import quantus
from make_methods import Plain, model, here

reference = load_file(here / "methods.safetensors")
image = reference["images"][:1].double().permute(0, 3, 1, 2)
label = int(reference["classes"][0])
rng = np.random.default_rng(0)
maps = np.stack([gaussian_filter(rng.standard_normal((16, 16)), 1.5) for _ in range(3)])
maps[2, 5, 8] += 1
box = np.zeros((16, 16), bool)
box[3:9, 5:12] = True
tensors, numbers = {"maps": torch.tensor(maps)}, {"label": label}

numbers["rank_correlation"] = [spearmanr(maps[a].ravel(), maps[b].ravel())[0] for a, b in ((0, 1), (0, 2), (1, 2))]
ties = np.round(maps, 1)
numbers["rank_correlation_ties"] = spearmanr(ties[0].ravel(), ties[1].ravel())[0]

batch = dict(model=model, x_batch=np.repeat(image.numpy(), 3, 0), y_batch=np.full(3, label), a_batch=maps[:, None])
masks = np.repeat(box[None, None], 3, 0)
quiet = dict(disable_warnings=True, display_progressbar=False)
numbers["pointing"] = [float(v) for v in quantus.PointingGame(abs=False, normalise=False, **quiet)(s_batch=masks, **batch)]
numbers["sparseness"] = [float(v) for v in quantus.Sparseness(abs=True, normalise=False, **quiet)(**batch)]
numbers["energy"] = [
    float(v)
    for v in quantus.AttributionLocalisation(abs=True, normalise=False, **quiet)(s_batch=masks, **{**batch, "a_batch": np.maximum(maps, 0)[:, None]})
]


def probability(x):
    with torch.no_grad():
        return torch.softmax(model(x), 1)[:, label].numpy()


def blurred(x):
    d = torch.arange(-5, 6, dtype=torch.float64)
    k = torch.exp(-(d**2) / 50)
    k = (k[:, None] * k[None]) / (k.sum() ** 2)
    return F.conv2d(x, k[None, None].repeat(3, 1, 1, 1), padding=5, groups=3)


def area(start, end, saliency, steps=16):
    order = np.argsort(-saliency.ravel(), kind="stable")
    curve = []
    for step in range(steps + 1):
        taken = torch.zeros(256, dtype=torch.bool)
        taken[order[: step * 256 // steps].copy()] = True
        curve.append(probability(torch.where(taken.view(1, 1, 16, 16), end, start))[0])
    return float(np.trapezoid(curve) / steps)


numbers["deletion"] = [area(image, torch.zeros_like(image), m) for m in maps]
numbers["insertion"] = [area(blurred(image), image, m) for m in maps]

order = np.argsort(-maps[0].ravel(), kind="stable")
keep = np.ones(256)
keep[order[:100]] = 0
tensors["imputed"] = NoisyLinearImputer(noise=0)(image[0].float(), torch.tensor(keep.reshape(16, 16)))[None].permute(0, 2, 3, 1).contiguous()


noise = torch.randn(8, 1, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 0.05
tensors["noise"] = noise.permute(0, 2, 3, 1).contiguous()
logit = lambda x: model(x)[:, label]
changes = (logit(image) - logit(image - noise)).detach()


def perturb(inputs):
    n = noise[: inputs.shape[0]].expand(-1, 3, -1, -1)
    return n, inputs - n


numbers["infidelity"] = []
for m in maps:
    attribution = torch.tensor(m)[None, None] / 3  # divided equally among the colors, which have the same noise
    value = infidelity(logit, perturb, image, attribution.expand(-1, 3, -1, -1), n_perturb_samples=8, normalize=True)
    numbers["infidelity"].append(float(value) / float((changes**2).mean()))

save_file({k: v.double().contiguous() for k, v in tensors.items()}, here / "measures.safetensors")
(here / "measures.json").write_text(json.dumps(numbers, indent=1) + "\n")
print(json.dumps(numbers))
