#!/usr/bin/env python3
"""Writes losses.json beside this script with PyTorch and torchvision, in float64: for each task loss its value for every one of three
images of four classes, and the derivative of the sum with respect to the logits. The smoothing of binary targets is written out; the focal loss has targets
of 0 and 1, because torchvision's is not linear in others."""
import json, pathlib
import torch, torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

torch.set_default_dtype(torch.float64)
LOGITS = torch.tensor([[1.0, -2.0, 0.5, 3.0], [-30.0, 40.0, 0.0, 2.0], [0.1, 0.2, -0.3, 0.0]])
TARGETS = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.3, 0.7, 0.0, 0.0], [1.0, 0.0, 0.0, 1.0]])
WEIGHTS, POSITIVE = torch.tensor([1.0, 0.5, 2.0, 0.0]), torch.tensor([3.0, 1.0, 0.25, 2.0])


def run(loss):
    logits = LOGITS.clone().requires_grad_()
    values = loss(logits)
    values.sum().backward()
    return {"values": values.tolist(), "gradient": logits.grad.flatten().tolist()}


shares = TARGETS / TARGETS.sum(1, keepdim=True)
result = {
    "cross_entropy": run(lambda z: F.cross_entropy(z, shares, reduction="none", label_smoothing=0.1)),
    "weighted_cross_entropy": run(
        lambda z: F.cross_entropy(z, shares, weight=WEIGHTS, reduction="none", label_smoothing=0.2)
    ),
    "binary": run(lambda z: F.binary_cross_entropy_with_logits(z, TARGETS * 0.8 + 0.1, reduction="none").mean(1)),
    "weighted_binary": run(
        lambda z: F.binary_cross_entropy_with_logits(z, TARGETS, weight=WEIGHTS, pos_weight=POSITIVE, reduction="none").mean(1)
    ),
    "focal": run(lambda z: sigmoid_focal_loss(z, TARGETS.round(), alpha=0.25, gamma=2).mean(1)),
    "focal_without_alpha": run(lambda z: sigmoid_focal_loss(z, TARGETS.round(), alpha=-1, gamma=1.5).mean(1)),
}
json.dump(result, open(pathlib.Path(__file__).with_name("losses.json"), "w"), indent=1)
