#!/usr/bin/env python3
"""Writes networks.json beside this script with PyTorch, in float64: logits of a CIFAR ResNet-20 and of the plain network, with
running and with batch statistics, and NormGrad's map of class 3 at a layer.

Weights and images are made by formulas, so that nothing has to be stored: scalar k (row-major, from 0) of the j-th entry
(from 0) of the state dict, without the batch counters, is s = sin(12.9898 (k + 1) + 78.233 (j + 1)), times 2 / sqrt(fan-in)
for tensors of two or more axes, 1 + 0.1 s for running variances, 0.5 + 0.1 s for batch norms' weights, 0.1 s otherwise; the
images are x[n, c, i, j] = sin(0.1 i + 0.2 j + c + n) + 0.5 cos(0.05 i j).
"""
import json, math, os
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F

os.chdir(os.path.dirname(os.path.abspath(__file__)))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.wider = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.wider:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.wider // 2, self.wider // 2))
        return F.relu(x + y)


class ResNet20(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        stage = lambda i, o, s: nn.Sequential(Block(i, o, s), Block(o, o, 1), Block(o, o, 1))
        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for i, o, s in [(3, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]:
            layers += [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        self.features, self.classifier = nn.Sequential(*layers), nn.Linear(64, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


@torch.no_grad()
def fill(net):
    norms = {f"{n}.weight" for n, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)}
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    for j, (name, value) in enumerate(state.items()):
        s = np.sin(12.9898 * (np.arange(value.numel(), dtype=np.float64) + 1) + 78.233 * (j + 1))
        if value.dim() >= 2:
            s = s * 2 / math.sqrt(value[0].numel())
        elif name.endswith("running_var"):
            s = 1 + 0.1 * s
        elif name in norms:
            s = 0.5 + 0.1 * s
        else:
            s = 0.1 * s
        value.copy_(torch.tensor(s).reshape(value.shape))


n, i, j, c = np.meshgrid(np.arange(2), np.arange(32), np.arange(32), np.arange(3), indexing="ij")
images = torch.tensor((np.sin(0.1 * i + 0.2 * j + c + n) + 0.5 * np.cos(0.05 * i * j)).transpose(0, 3, 1, 2))
result = {}
for name, net, layer in (("resnet20", ResNet20(), "layer3.0"), ("plain", Plain(), "features.8")):
    net = net.double().eval()
    fill(net)
    seen = {}
    net.get_submodule(layer).register_forward_hook(lambda m, a, o: seen.__setitem__("x", o))
    logits = net(images.clone().requires_grad_())
    g = torch.autograd.grad(logits[:, 3].sum(), seen["x"])[0]
    normgrad = (seen["x"].norm(dim=1) * g.norm(dim=1)).detach()
    net.train()
    batch = net(images)
    result[name] = {
        "logits": logits.flatten().tolist(), "batch_logits": batch.flatten().tolist(),
        "map": normgrad[0, 2].tolist(), "map_sum": normgrad.sum().item(),
        "running_mean": net.state_dict()["bn1.running_mean" if name == "resnet20" else "features.1.running_mean"].tolist(),
        "running_var": net.state_dict()["bn1.running_var" if name == "resnet20" else "features.1.running_var"].tolist(),
    }
json.dump(result, open("networks.json", "w"), indent=1)
