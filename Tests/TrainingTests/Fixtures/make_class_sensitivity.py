#!/usr/bin/env python3
"""Class sensitivity by torch and scipy in float64, for ClassSensitivityTests: class_sensitivity.json.

    python3 make_class_sensitivity.py [SHARED]       with torch, torchvision, scipy, safetensors and Pillow from PyPI

The networks are ResNet-18, with weights and images by the formulas at the beginning of
../../NetworksTests/Fixtures/make_zoo.py and the phase 0, 1, 2 of the image added to the sine's argument, and, if SHARED is the folder of real data, SqueezeNet 1.0 on its first
fourteen photographs. The maps of the most and the least likely class, plain and after a virtual update of the given rate, are
resized bilinearly to 224 pixels and compared by Spearman's correlation. It is null if a map is constant, that is, varies by
less than 1e-12 of its largest value, as before global average pooling.
"""
import copy, glob, json, math, pathlib, sys
import numpy as np, torch, torchvision, torch.nn.functional as F
from PIL import Image
from scipy.stats import spearmanr

torch.set_num_threads(1)
here = pathlib.Path(__file__).parent


def fill(net):
    norms = {f"{n}.weight" for n, m in net.named_modules() if isinstance(m, torch.nn.BatchNorm2d)}
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    for j, (name, value) in enumerate(state.items()):
        s = np.sin(12.9898 * (np.arange(value.numel(), dtype=np.float64) + 1) + 78.233 * (j + 1))
        if value.dim() >= 2:
            s = s * 2 / math.sqrt(value[0].numel())
        elif name.endswith("running_var"):
            s = 1 + 0.1 * s
        else:
            s = (0.5 if name in norms else 0) + 0.1 * s
        value.copy_(torch.tensor(s.astype(np.float32)).reshape(value.shape))


def formula_image(phase, size=224):
    i, j, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")
    return torch.tensor((np.sin(0.1 * i + 0.2 * j + c + phase) + 0.5 * np.cos(0.05 * i * j)).transpose(2, 0, 1)[None])


def photograph(path):
    resize = torchvision.transforms.Compose([torchvision.transforms.Resize(256), torchvision.transforms.CenterCrop(224)])
    x = np.asarray(resize(Image.open(path).convert("RGB"))).astype(np.float64) / 255
    # In metasal inputs are float32 in every precision of maps.
    x = ((x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).astype(np.float32).astype(np.float64)
    return torch.tensor(x.transpose(2, 0, 1)[None])


def maps(net, x, class_, layers):
    seen = {}
    hooks = [net.get_submodule(l).register_forward_hook(lambda m, i, o, l=l: seen.__setitem__(l, o)) for l in layers]
    logits = net(x)
    for hook in hooks:
        hook.remove()
    found = {}
    for layer, g in zip(layers, torch.autograd.grad(logits[0, class_], [seen[l] for l in layers])):
        a = seen[layer].detach()
        found["normgrad", layer] = a.norm(dim=1) * g.norm(dim=1)
        found["gradient", layer] = g.abs().amax(1)
        found["linear_approximation", layer] = (a * g).sum(1)
        found["grad_cam", layer] = (g.mean((2, 3), keepdim=True) * a).sum(1).relu()
    return logits.detach()[0], found


def moved(net, x, class_, rate):
    net = copy.deepcopy(net)
    gradients = torch.autograd.grad(F.cross_entropy(net(x), torch.tensor([class_])), list(net.parameters()))
    with torch.no_grad():
        for parameter, g in zip(net.parameters(), gradients):
            parameter -= rate * g
    return net


def is_constant(m):
    return bool(m.max() - m.min() <= 1e-12 * m.abs().max())


def correlation(a, b):
    if is_constant(a) or is_constant(b):
        return None
    up = lambda m: F.interpolate(m[None], size=(224, 224), mode="bilinear", align_corners=False).flatten().numpy()
    # Rounding errors of resizing turn constant areas into noise (SqueezeNet's gradient at features.12 has only two values), so
    # maps are rounded to twelve digits.
    digits = lambda m: np.round(up(m) / float(m.abs().max()), 12)
    return float(spearmanr(digits(a), digits(b))[0])


def sensitivities(net, images, layers, rate):
    net = net.double().eval()
    for m in net.modules():
        if hasattr(m, "inplace"):
            m.inplace = False
    values = {}
    for x in images:
        logits, _ = maps(net, x, 0, layers)
        top, bottom = int(logits.argmax()), int(logits.argmin())
        for weights in ("plain", "virtual"):
            pair = [maps(net if weights == "plain" else moved(net, x, c, rate), x, c, layers)[1] for c in (top, bottom)]
            for method, layer in pair[0]:
                key = f"{method} {layer} {weights}"
                values.setdefault(key, []).append(correlation(pair[0][method, layer], pair[1][method, layer]))
    return {"rate": rate, "layers": layers, "values": values}


path = here / "class_sensitivity.json"
result = json.loads(path.read_text()) if path.exists() else {}
if len(sys.argv) > 1:
    from safetensors.torch import load_file

    shared = pathlib.Path(sys.argv[1])
    net = torchvision.models.squeezenet1_0()
    net.load_state_dict(load_file(shared / "data/weights/squeezenet1_0-imagenet.safetensors"))
    files = sorted(glob.glob(str(shared / "data/imagenet/images/*/*")))[:14]
    photographs = [photograph(f) for f in files]
    result["squeezenet1_0"] = sensitivities(net, photographs, ["features.5", "features.9", "features.12"], 0.0001)
    result["squeezenet1_0"]["images"] = ["/".join(f.split("/")[-2:]) for f in files]
net = torchvision.models.resnet18()
fill(net)
result["resnet18"] = sensitivities(net, [formula_image(p) for p in range(3)], ["layer2", "layer3.0", "layer4"], 0.01)
path.write_text(json.dumps(result, indent=1) + "\n")
