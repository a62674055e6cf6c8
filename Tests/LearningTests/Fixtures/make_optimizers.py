#!/usr/bin/env python3
"""Writes optimizers.json beside this script with PyTorch: three parameters' values after five updates, in float64, and the
learning rates of OneCycleLR over ten steps."""
import json, os, torch

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_default_dtype(torch.float64)


def run(make):
    p = torch.tensor([1.0, -2.0, 0.5], requires_grad=True)
    optimizer = make([p])
    for step in range(5):
        optimizer.zero_grad()
        ((p ** 2).sum() * 0.5 + (p * torch.tensor([0.1, 0.2, -0.3])).sum() * (step + 1)).backward()
        optimizer.step()
    return p.tolist()


O = torch.optim
result = {
    "sgd": run(lambda p: O.SGD(p, lr=0.1)),
    "momentum": run(lambda p: O.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05)),
    "nesterov": run(lambda p: O.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    "adam": run(lambda p: O.Adam(p, lr=0.1, weight_decay=0.05)),
    "adamw": run(lambda p: O.AdamW(p, lr=0.1, betas=(0.8, 0.95), weight_decay=0.05)),
}
p = torch.zeros(1, requires_grad=True)
optimizer = O.SGD([p], lr=1.0)
schedule = O.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=20, pct_start=0.2, cycle_momentum=False)
rates = []
for _ in range(20):
    rates.append(optimizer.param_groups[0]["lr"])
    optimizer.step()
    if len(rates) < 20:
        schedule.step()
result["one_cycle"] = rates
json.dump(result, open("optimizers.json", "w"), indent=1)
