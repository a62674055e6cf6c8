#!/usr/bin/env python3
"""Writes zoo.json beside this script with torchvision, in float64: the values that ../ZooTests.swift compares for architectures
that ../shared/goldens/zoo.json does not have. The weights are those of make_networks.py, rounded to float32; the image is its first
one, of side 64."""
import json, math, os
import numpy as np, torch, torchvision

os.chdir(os.path.dirname(os.path.abspath(__file__)))
LAYERS = {"convnext_tiny": ["features.3", "features.5"], "efficientnet_b0": ["features.3", "features.6"]}
SIDE = 64


@torch.no_grad()
def fill(net):
    kinds = (torch.nn.BatchNorm2d, torch.nn.LayerNorm)
    norms = {f"{n}.weight" for n, m in net.named_modules() if isinstance(m, kinds)}
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
        value.copy_(torch.tensor(s.astype(np.float32)).reshape(value.shape))
    return state


i, j, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
image = torch.tensor((np.sin(0.1 * i + 0.2 * j + c) + 0.5 * np.cos(0.05 * i * j)).transpose(2, 0, 1)[None])
result = {}
for name, layers in LAYERS.items():
    net = getattr(torchvision.models, name)(weights=None)
    state = fill(net)
    net = net.double().eval()
    for module in net.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    seen = {}
    for layer in layers:
        net.get_submodule(layer).register_forward_hook(lambda m, a, o, layer=layer: seen.__setitem__(layer, o))
    logits = net(image.clone().requires_grad_())
    gradients = torch.autograd.grad(logits[0, 3], [seen[layer] for layer in layers])
    maps = {l: (seen[l].norm(dim=1) * g.norm(dim=1))[0].detach() for l, g in zip(layers, gradients)}
    result[name] = {
        "size": SIDE, "parameters": sum(p.numel() for p in net.parameters()),
        "state": [[k, list(v.shape)] for k, v in state.items()],
        "logits": logits[0, :8].tolist(), "logits_norm": logits.norm().item(),
        "normgrad": {
            l: {"first_row": m[0].tolist(), "sum": m.sum().item(), "shape": list(m.shape)} for l, m in maps.items()
        },
    }
    print(name, logits[0, :3].tolist())
json.dump(result, open("zoo.json", "w"))
