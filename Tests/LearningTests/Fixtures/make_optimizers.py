#!/usr/bin/env python3
"""Writes two files beside this script with PyTorch: optimizers.json has the values of three parameters after five updates, in
float64; schedules.json has the learning rates of schedules for many numbers of steps and warm-ups. The warm-ups of the constant and
the cosine schedule are linear."""
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
json.dump(result, open("optimizers.json", "w"), indent=1)


def rates(steps, make):
    optimizer = O.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    schedule = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(found) < steps:
            schedule.step()
    return found


def one_cycle(steps, warmup):
    return lambda o: S.OneCycleLR(o, max_lr=0.5, total_steps=steps, pct_start=warmup, cycle_momentum=False)


def after_warmup(warm, rest):
    def make(o):
        if warm == 0:
            return rest(o)
        rise = S.LinearLR(o, start_factor=1 / warm, total_iters=warm - 1) if warm > 1 else S.ConstantLR(o, 1.0, 1)
        return S.SequentialLR(o, [rise, rest(o)], [warm])

    return make


S = O.lr_scheduler
schedules = []
for steps in [1, 2, 3, 7, 20]:
    for warmup in [0.0, 0.01, 0.04, 0.1, 0.26, 1 / 3, 0.5, 0.9, 1.0]:
        warm = int(warmup * steps + 0.5)
        for name, make in [
            ("one_cycle", one_cycle(steps, warmup)),
            ("cosine", after_warmup(warm, lambda o: S.CosineAnnealingLR(o, max(1, steps - warm)))),
            ("constant", after_warmup(warm, lambda o: S.ConstantLR(o, 1.0, 1))),
        ]:
            try:
                values = rates(steps, make)
            except ZeroDivisionError:  # raised inside PyTorch if the warm-up is one step
                continue
            schedules.append({"name": name, "warmup": warmup, "rates": values})
json.dump(schedules, open("schedules.json", "w"))
