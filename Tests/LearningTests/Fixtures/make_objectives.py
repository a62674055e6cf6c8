#!/usr/bin/env python3
"""Writes objectives.json beside this script with PyTorch, in float64: the values and outer gradients of objectives that look at
annotated objects, at composites, or at guided gradients, at a network's own weights, for two images. The script is written from the
objectives' formulas, and maps are Grad-CAM's at two layers.

Weights are made by formulas: scalar k (row-major, from 0) of the j-th entry (from 0) of the state dict, without the batch counters, is
s = sin(12.9898 (k + 1) + 78.233 (j + 1)), times 2 / sqrt(fan-in) for tensors of two or more axes, 1 + 0.1 s for running variances,
0.8 + 0.3 s for batch norms' weights, 0.1 s otherwise; the images are x[n, c, i, j] = sin(0.7 i + 0.9 j + c + n) + 0.5 cos(0.35 i j).

Five numbers represent each objective: the values of both images, the norm of the derivative of their sum with respect to all
parameters, and the norms of the derivatives with respect to the weights of the first convolution and of the classifier.
"""
import json, math, pathlib
import torch, torch.nn as nn, torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
SIDE, CLASSES, LABELS, LAYERS = 16, 4, [1, 3], [5, 8]


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for inputs, outputs, stride in [(3, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]:
            layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(64, CLASSES)

    def forward(self, x, relu=F.relu):
        kept = {}
        for index, layer in enumerate(self.features):
            x = relu(x) if isinstance(layer, nn.ReLU) else layer(x)
            kept[index] = x
        return self.classifier(x.mean([2, 3])), kept


class Guided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g.clamp(min=0) * (x > 0)


net = Plain().eval()
entries = [(name, value) for name, value in net.state_dict().items() if "num_batches" not in name]
with torch.no_grad():
    for j, (name, value) in enumerate(entries):
        k = torch.arange(value.numel(), dtype=torch.float64)
        s = torch.sin(12.9898 * (k + 1) + 78.233 * (j + 1)).reshape(value.shape)
        if value.dim() >= 2:
            value.copy_(s * 2 / math.sqrt(value[0].numel()))
        elif name.endswith("running_var"):
            value.copy_(1 + 0.1 * s)
        elif name.endswith(".weight"):
            value.copy_(0.8 + 0.3 * s)
        else:
            value.copy_(0.1 * s)

n, c, i, j = torch.meshgrid(*[torch.arange(d, dtype=torch.float64) for d in (2, 3, SIDE, SIDE)], indexing="ij")
images = torch.sin(0.7 * i + 0.9 * j + c + n) + 0.5 * torch.cos(0.35 * i * j)

# The objects of each image: class, columns, rows.
OBJECTS = [[(1, (2, 9), (3, 12)), (0, (10, 15), (8, 15))], [(3, (5, 16), (0, 6))]]


def cover(image, classes):
    mask = torch.zeros(SIDE, SIDE)
    for label, columns, rows in OBJECTS[image]:
        if label in classes:
            mask[rows[0]:rows[1], columns[0]:columns[1]] = 1
    return mask


def grad_cam(x, labels):
    logits, kept = net(x)
    score = logits.gather(1, torch.tensor(labels)[:, None]).sum()
    maps = []
    for layer in LAYERS:
        (g,) = torch.autograd.grad(score, kept[layer], create_graph=True)
        maps.append(F.relu((g.mean([2, 3], keepdim=True) * kept[layer]).sum(1)))
    return maps


def energy(every):
    values = []
    for image, label in enumerate(LABELS):
        classes = [o[0] for o in OBJECTS[image]] if every else [label]
        found = []
        for class_ in classes:
            for m in grad_cam(images[image:image + 1], [class_]):
                part = F.adaptive_avg_pool2d(cover(image, [class_])[None], m.shape[1:])
                found.append(1 - (m * part).sum() / m.sum())
        values.append(torch.stack(found).mean())
    return torch.stack(values)


def right_reasons(every):
    x = images.clone().requires_grad_()
    logits, _ = net(x)
    (g,) = torch.autograd.grad(F.log_softmax(logits, 1).sum(), x, create_graph=True)
    outside = torch.stack([
        1 - cover(image, [o[0] for o in OBJECTS[image]] if every else [label]) for image, label in enumerate(LABELS)])
    return ((g * outside[:, None]) ** 2).sum([1, 2, 3])


def composite_consistency():
    # The images stand in cells 1 and 2 of composites of 2×2, and the other image stands in the other cells.
    values = []
    for image, cell in enumerate([1, 2]):
        tiles = [images[image if index == cell else 1 - image] for index in range(4)]
        composite = torch.cat([torch.cat(tiles[:2], 2), torch.cat(tiles[2:], 2)], 1)[None]
        found = []
        for whole, own in zip(grad_cam(composite, [LABELS[image]]), grad_cam(images[image:image + 1], [LABELS[image]])):
            h, w = own.shape[1:]
            row, column = cell // 2, cell % 2
            placed = F.pad(own, (column * w, (1 - column) * w, row * h, (1 - row) * h))
            found.append((whole / whole.sum() - placed / placed.sum()).abs().sum())
        values.append(torch.stack(found).mean())
    return torch.stack(values)


def guided_alignment():
    gradients = []
    for relu in [F.relu, Guided.apply]:
        x = images.clone().requires_grad_()
        loss = F.cross_entropy(net(x, relu)[0], torch.tensor(LABELS), reduction="sum")
        gradients.append(torch.autograd.grad(loss, x, create_graph=relu is F.relu)[0].flatten(1))
    return 1 - F.cosine_similarity(gradients[0], gradients[1].detach(), eps=0)


result = {}
for name, value in [
    ("energy_inside/all", energy(True)), ("energy_inside/label", energy(False)),
    ("right_reasons/label", right_reasons(False)), ("right_reasons/all", right_reasons(True)),
    ("composite_consistency", composite_consistency()), ("guided_alignment", guided_alignment()),
]:
    parameters = dict(net.named_parameters())
    found = torch.autograd.grad(value.sum(), parameters.values(), allow_unused=True)
    norms = {key: 0.0 if g is None else g.norm().item() for key, g in zip(parameters, found)}
    result[name] = value.tolist() + [
        math.sqrt(sum(norm**2 for norm in norms.values())), norms["features.0.weight"], norms["classifier.weight"]]

path = pathlib.Path(__file__).with_name("objectives.json")
path.write_text(json.dumps(result, indent=1) + "\n")
