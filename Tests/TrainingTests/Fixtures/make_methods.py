#!/usr/bin/env python3
"""Maps by other implementations, for MethodTests: methods.safetensors.

    python3 make_methods.py        with torch, captum and grad-cam from PyPI

The network is checkpoints/plain-scenes.safetensors, the images are noise that the file holds. Integrated gradients are
Captum's (midpoint rule, 16 steps), Grad-CAM++ and Layer-CAM are pytorch-grad-cam's (before its resizing and scaling; it adds
1e-6 to the denominator of Grad-CAM++, which is small itself: the tolerance at the last layer allows for it, and earlier
layers are not compared). Excitation backprop is computed below from the paper's
formula on layers with batch norm folded into the convolutions, independently of metasal.
"""
import pathlib
import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
from safetensors.torch import load_file, save_file
from captum.attr import IntegratedGradients, LayerIntegratedGradients
from pytorch_grad_cam import GradCAMPlusPlus, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

here = pathlib.Path(__file__).resolve().parent
state = load_file(here / "../../../checkpoints/plain-scenes.safetensors")
classes = state["classifier.weight"].shape[0]


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        for i, o, s in [(3, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)]:
            layers += [nn.Conv2d(i, o, 3, s, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(64, classes)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


model = Plain()
model.load_state_dict(state, strict=False)
model.eval().double()
generator = torch.Generator().manual_seed(0)
images = torch.randn(2, 3, 16, 16, generator=generator, dtype=torch.float64).float().double()
chosen = torch.tensor([1, 4])
out = {"images": images.permute(0, 2, 3, 1).contiguous(), "classes": chosen}

arguments = dict(target=chosen, baselines=torch.zeros_like(images), n_steps=16, method="riemann_middle")
out["integrated_gradients:16.input"] = IntegratedGradients(model).attribute(images, **arguments).sum(1)
out["integrated_gradients:16.features.8"] = (
    LayerIntegratedGradients(model, model.features[8]).attribute(images, **arguments).sum(1)
)

targets = [ClassifierOutputTarget(int(c)) for c in chosen]
for name, kind in (("grad_cam++", GradCAMPlusPlus), ("layer_cam", LayerCAM)):
    for index in (14,) if name == "grad_cam++" else (8, 14):
        with kind(model=model, target_layers=[model.features[index]]) as cam:
            cam(input_tensor=images, targets=targets)
            x = cam.activations_and_grads.activations[0].numpy()
            g = cam.activations_and_grads.gradients[0].numpy()
            image = cam.get_cam_image(images, model.features[index], targets, x, g, False)
        out[f"{name}.features.{index}"] = torch.tensor(np.maximum(image, 0))


def folded(conv, norm):
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def down(signal, x, linear):
    """One step of excitation backprop: x times the adjoint of the positive weights, applied to signal divided by their response to x."""
    x = x.clamp(min=0).detach().requires_grad_()
    z = linear(x)
    share = torch.where(z > 0, signal / z, torch.zeros_like(z))
    return x.detach() * torch.autograd.grad(z, x, share)[0]


def top(x, weights, sign):
    """Propagates a one-hot signal through the classifier to the locations that are averaged before it."""
    positive = (sign * weights).clamp(min=0)
    onehot = F.one_hot(chosen, classes).double()
    pooled = down(onehot, x.mean((2, 3)), lambda v: v @ positive.T)
    return down(pooled, x, lambda v: v.mean((2, 3)))


with torch.no_grad():
    activations = {}
    x = images
    for index in range(0, 15, 3):
        x = model.features[index : index + 3](x)
        activations[index + 2] = x
signals = [top(activations[14], model.classifier.weight.detach(), sign) for sign in (1, -1)]


def record(index):
    own, other = (signal.sum(1) for signal in signals)
    out[f"excitation_backprop.features.{index}"] = own
    out[f"contrastive_excitation_backprop.features.{index}"] = (own - other).clamp(min=0)


record(14)
for index in (12, 9, 6):
    weights, _ = folded(model.features[index], model.features[index + 1])
    positive, stride = weights.detach().clamp(min=0), model.features[index].stride
    signals = [
        down(signal, activations[index - 1], lambda v: F.conv2d(v, positive, None, stride, 1)) for signal in signals
    ]
    record(index - 1)

save_file({k: v.detach().contiguous() if k == "classes" else v.detach().contiguous().float() for k, v in out.items()}, here / "methods.safetensors")
print({k: tuple(v.shape) for k, v in out.items()})
