#!/usr/bin/env python3
"""Writes files beside this script with PyTorch and timm, in float64. optimizers.json has the values of a 2×3 matrix and a vector after 50
updates by each optimizer, with the gradient g = 0.5 p + c sin(0.7 t) in update t = 1, 2, …, whose constants c are below; the vector is in
a group of half the rate and of another weight decay. schedules.json has the learning rates of schedules for many numbers of steps and
warm-ups; the warm-ups of all but the one-cycle schedule are linear. updates.json has gradients that were clipped, and averages of
weights. LAMB and Lion are timm's, which PyTorch lacks."""
import json, os, torch
import timm.optim
from timm.utils.agc import adaptive_clip_grad

os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.set_default_dtype(torch.float64)

MATRIX = [[1.0, -2.0, 0.5], [0.3, 0.0, -0.7]]
VECTOR = [0.2, -0.1]
C = [torch.tensor([[0.1, 0.2, -0.3], [0.7, -0.4, 0.05]]), torch.tensor([0.9, -0.6])]


def run(make, decay):
    parameters = [torch.tensor(MATRIX, requires_grad=True), torch.tensor(VECTOR, requires_grad=True)]
    optimizer = make([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.005, "weight_decay": decay}])
    for t in range(1, 51):
        for p, c in zip(parameters, C):
            p.grad = 0.5 * p.detach() + c * torch.sin(torch.tensor(0.7 * t))
        optimizer.step()
    return [x for p in parameters for x in p.detach().flatten().tolist()]


O = torch.optim
T = timm.optim
result = {
    "sgd": run(lambda p: O.SGD(p, lr=0.01), 0),
    "momentum": run(lambda p: O.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.05), 0.3),
    "nesterov": run(lambda p: O.SGD(p, lr=0.01, momentum=0.9, nesterov=True), 0),
    "adam": run(lambda p: O.Adam(p, lr=0.01, weight_decay=0.05), 0.3),
    "adamw": run(lambda p: O.AdamW(p, lr=0.01, betas=(0.8, 0.95), weight_decay=0.05), 0.3),
    "rmsprop": run(lambda p: O.RMSprop(p, lr=0.01, alpha=0.9, weight_decay=0.05), 0.3),
    "rmsprop_centered": run(lambda p: O.RMSprop(p, lr=0.01, momentum=0.8, centered=True), 0),
    "lamb": run(lambda p: T.Lamb(p, lr=0.01, betas=(0.8, 0.95), weight_decay=0.05, max_grad_norm=None), 0.3),
    "lion": run(lambda p: T.Lion(p, lr=0.01, betas=(0.8, 0.95), weight_decay=0.05), 0.3),
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
            ("step", after_warmup(warm, lambda o: S.StepLR(o, 3, 0.2))),
            ("multi_step", after_warmup(warm, lambda o: S.MultiStepLR(o, [2, 3, 9], 0.2))),
            ("exponential", after_warmup(warm, lambda o: S.ExponentialLR(o, 0.9))),
            ("polynomial", after_warmup(warm, lambda o: S.PolynomialLR(o, max(1, steps - warm), 2))),
        ]:
            try:
                values = rates(steps, make)
            except ZeroDivisionError:  # raised inside PyTorch if the warm-up is one step
                continue
            schedules.append({"name": name, "warmup": warmup, "rates": values})
json.dump(schedules, open("schedules.json", "w"))

SCORES = [3.0, 2.0, 2.5, 1.9999, 2.1, 1.5, 1.5, 1.5, 1.4, -1.0, -1.00005, -0.5, -2.0, -1.9, -1.9, -1.9, -1.9, -1.9, -1.9]
plateau = []
optimizer = O.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
schedule = S.ReduceLROnPlateau(optimizer, factor=0.2, patience=1, threshold=1e-3)
for score in SCORES[:9]:  # PyTorch's relative threshold would ask less of a loss below 0 than of one above
    schedule.step(score)
    plateau.append(optimizer.param_groups[0]["lr"])

kernel = torch.sin(torch.arange(2 * 3 * 2 * 2, dtype=torch.float64) + 1).reshape(2, 3, 2, 2)
matrix, vector = torch.tensor([[1.0, -2.0, 0.5], [0.001, 0.0, -0.002]]), torch.tensor([0.2, -0.1, 0.0])
gradients = [torch.cos(torch.arange(24, dtype=torch.float64)).reshape(2, 3, 2, 2), matrix * 0.5 + 1e-4, vector * 3 + 0.01]


def clip(how):
    parameters = [p.clone().requires_grad_() for p in (kernel, matrix, vector)]
    for p, g in zip(parameters, gradients):
        p.grad = g.clone()
    how(parameters)
    return [p.grad.flatten().tolist() for p in parameters]


def average(**keys):
    model = torch.nn.Linear(1, 1, bias=False)
    averaged = O.swa_utils.AveragedModel(model, **keys)
    found = []
    for t in range(12):
        with torch.no_grad():
            model.weight.fill_(float(torch.cos(torch.tensor(1.3 * t)) + 0.1 * t))
        if keys or (t >= 5 and (t - 5) % 2 == 0):
            averaged.update_parameters(model)
        found.append(averaged.module.weight.item())
    return found


json.dump(
    {
        "plateau": {"scores": SCORES[:9], "rates": plateau},
        "norm": clip(lambda p: torch.nn.utils.clip_grad_norm_(p, 1.5)),
        "value": clip(lambda p: torch.nn.utils.clip_grad_value_(p, 0.25)),
        "adaptive": clip(lambda p: adaptive_clip_grad(p, 0.2, 0.01)),
        "ema": average(multi_avg_fn=O.swa_utils.get_ema_multi_avg_fn(0.8)),
        "swa": average(),
    },
    open("updates.json", "w"),
    indent=1,
)
