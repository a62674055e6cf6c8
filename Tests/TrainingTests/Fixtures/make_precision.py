"""The gradient of a DenseNet-121's cross-entropy in float64, batch norms in train mode, by torch 2 and torchvision.

Weights and images are float32 numbers from a formula. The gradient is stored as a sketch: each element is added, with a sign,
to one of 256 sums, so that the norm of a sketched difference is that of the difference within 5%.
"""
import json
import numpy as np
import torch
import torchvision

torch.set_num_threads(1)


def mixed(first, count):
    x = np.arange(first, first + count, dtype=np.uint32)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def network(dtype):
    model = torchvision.models.densenet121(weights=None, num_classes=3)
    first = 0
    with torch.no_grad():
        for name, value in model.named_parameters():
            if value.dim() < 2:
                value.fill_(0.0 if name.endswith("bias") else 1.0)
                continue
            numbers = (mixed(first, value.numel()) >> np.uint32(8)).astype(np.float64) / 2**23 - 1
            scale = 2.0 ** np.floor(np.log2(np.sqrt(6 / value[0].numel())))
            value.copy_(torch.from_numpy(numbers * scale).reshape(value.shape))
            first += value.numel()
    return model.to(dtype).train()


def gradient(side, dtype):
    pixels = (mixed(1 << 30, 3 * side * side * 3) >> np.uint32(31)).astype(np.float64).reshape(3, side, side, 3)
    images = torch.from_numpy(pixels * 4 - 2).permute(0, 3, 1, 2).to(dtype).contiguous()
    model = network(dtype)
    loss = torch.nn.functional.cross_entropy(model(images), torch.arange(3))
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]).double().numpy()


def sketch(values):
    hashes = mixed(0, len(values))
    signs = np.where(hashes >> np.uint32(31), -1.0, 1.0)
    return np.bincount(hashes & np.uint32(255), signs * values, 256)


cases = []
for side in (32, 64):
    exact, single = gradient(side, torch.float64), gradient(side, torch.float32)
    norm = np.linalg.norm(exact)
    cases.append({
        "side": side, "norm": norm, "difference_of_float32": np.linalg.norm(single - exact) / norm,
        "sketch": sketch(exact).tolist(),
    })
    print(side, norm, cases[-1]["difference_of_float32"], np.linalg.norm(sketch(exact)))
with open("precision.json", "w") as file:
    json.dump(cases, file)
