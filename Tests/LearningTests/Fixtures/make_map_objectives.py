#!/usr/bin/env python3
"""Writes map_objectives.json beside this script: values and gradients of objectives for given logits and maps, in float64, with PyTorch.

Distillation is torch's kl_div of softened outputs, or its binary form. Soft ranks are found by the definition of the isotonic regression (a
minimum of maxima of means), not by pooling; where the regularization is nearly 0, the correlation is that of scipy.stats.spearmanr.
Attention separation follows the formulas of the paper, with torch's bilinear interpolation."""
import json, os
import numpy as np, scipy.stats, torch
import torch.nn.functional as F

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def flat(t):
    return t.detach().reshape(-1).tolist()


def with_gradients(value, *inputs):
    return {"values": flat(value), "gradients": [flat(g) for g in torch.autograd.grad(value.sum(), inputs)]}


def distillation(loss, temperature):
    reference, logits = torch.randn(3, 5) * 2, (torch.randn(3, 5) * 2).requires_grad_()
    own, target = logits / temperature, reference / temperature
    if loss == "softmax":
        value = F.kl_div(own.log_softmax(1), target.log_softmax(1), reduction="none", log_target=True).sum(1)
    else:
        p = target.sigmoid()
        cross = F.binary_cross_entropy_with_logits(own, p, reduction="none").mean(1)
        value = cross - torch.special.entr(torch.stack([p, 1 - p])).sum(0).mean(1)
    value = value * temperature**2
    return {"loss": loss, "temperature": temperature, "reference": flat(reference), "logits": flat(logits),
            **with_gradients(value, logits)}


def soft_ranks(z):
    n = len(z)
    order = sorted(range(n), key=lambda i: -z[i].item())
    ranks = (n - 1) / 2 - torch.arange(n)
    y = z[order] - ranks
    rows = []
    for i in range(n):
        # The decreasing regression at i is the minimum over starts of the maximum over ends of the mean between them.
        inner = [max((y[s : e + 1].mean() for e in range(i, n)), key=lambda m: m.item()) for s in range(i + 1)]
        rows.append(min(inner, key=lambda m: m.item()))
    result = z[order] - torch.stack(rows)
    return result[torch.tensor(np.argsort(order))]


def spearman(regularization, a, b):
    a, b = a.requires_grad_(), b.requires_grad_()
    both = []
    for x in (a, b):
        n, x = x.numel(), x.reshape(-1)
        x = x - x.mean()
        x = x / x.norm() * (n * (n * n - 1) / 12) ** 0.5 / regularization
        r = soft_ranks(x)
        both.append(r / r.norm())
    return {"regularization": regularization, "shape": list(a.shape), "a": flat(a), "b": flat(b),
            **with_gradients((both[0] * both[1]).sum(), a, b)}


def scipy_spearman(a, b):
    value = scipy.stats.spearmanr(a.reshape(-1).numpy(), b.reshape(-1).numpy()).statistic
    return {"regularization": 1e-6, "shape": list(a.shape), "a": flat(a), "b": flat(b), "values": [float(value)], "gradients": []}


def attention(threshold, sharpness, consistency):
    shapes = [(2, 6, 7), (2, 3, 4)]
    maps = [[torch.randn(s).add(0.3).requires_grad_() for _ in range(2)] for s in shapes]

    def mask(a):
        return torch.sigmoid(sharpness * (a / a.amax((1, 2), keepdim=True) - threshold))

    pairs = [[m.relu() for m in layer] for layer in maps]
    separability = sum(2 * (torch.minimum(a, b) * mask(a)).sum((1, 2)) / (a + b).sum((1, 2)) for a, b in pairs) / 2
    inner, last = pairs[0][0], pairs[1][0]
    last = F.interpolate(last[:, None], size=inner.shape[1:], mode="bilinear", align_corners=False)[:, 0]
    value = separability + consistency * (1 - (inner * mask(last)).sum((1, 2)) / inner.sum((1, 2)))
    return {"threshold": threshold, "sharpness": sharpness, "consistency": consistency,
            "shapes": [list(s) for s in shapes], "maps": [[flat(m) for m in layer] for layer in maps],
            **with_gradients(value, *[m for layer in maps for m in layer])}


result = {
    "distillation": [distillation(*c) for c in [("softmax", 1.0), ("softmax", 2.0), ("sigmoid", 1.0), ("sigmoid", 3.0)]],
    "spearman": [spearman(r, torch.randn(1, 4, 5), torch.randn(1, 4, 5)) for r in [0.05, 0.3, 1.0, 3.0, 100.0]]
    + [scipy_spearman(torch.randn(1, 5, 7), torch.randn(1, 5, 7)),
       scipy_spearman(torch.randn(1, 5, 7).relu(), (2 * torch.randn(1, 5, 7)).round())],
    "attention": [attention(0.55, 100.0, 0.5), attention(0.3, 10.0, 2.0)],
}
json.dump(result, open("map_objectives.json", "w"))
