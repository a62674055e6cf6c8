#!/usr/bin/env python3
"""Writes methods.json beside this script with PyTorch, in float64: the maps of every saliency method at three layers of a CIFAR
ResNet-20, and their derivatives with respect to the network's parameters. The script is written from the methods' formulas. It
uses nothing of metasal except its random numbers.

The terms of virtual layers are built in full here, backward rules are backward functions of single layers, and PyTorch computes
the derivatives of the whole with respect to the parameters. Weights are made by formulas: scalar k (row-major, from 0) of the j-th
entry (from 0) of the state dict, without the batch counters, is s = sin(12.9898 (k + 1) + 78.233 (j + 1)), times 2 / sqrt(fan-in)
for tensors of two or more axes, 1 + 0.1 s for running variances, 0.3 + 0.5 s for batch norms' weights (some are negative), 0.1 s
otherwise; the images are x[n, c, i, j] = sin(0.7 i + 0.9 j + c + n) + 0.5 cos(0.35 i j).

Four numbers represent each map m, [N, H, W]: L = sum m[k] cos(0.7 k + 0.3), its norm, the norm of the derivative of L with
respect to all parameters, and that derivative's product with the direction d whose scalar k of entry j is cos(3.7 (k + 1) + 1.3 (j + 1)).
"""
import json, math, pathlib
import numpy as np, torch, torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
SIDE, CLASSES = 12, [3, 7]


# ---- random numbers as metasal draws them: SplitMix64
class Source:
    def __init__(self, purpose, *numbers):
        self.state = 0
        for byte in purpose.encode():
            self.state = ((self.state ^ byte) * 0x100000001B3) % 2**64
        for number in numbers:
            self.state = self.mixed((self.state + 0x9E3779B97F4A7C15) % 2**64) ^ number
        self.state = self.mixed(self.state)

    @staticmethod
    def mixed(z):
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return z ^ (z >> 31)

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        return self.mixed(self.state)

    def uniform(self):
        return (self.next() >> 11) * 2.0**-53

    def normal(self):
        radius = math.sqrt(-2 * math.log(1 - self.uniform()))
        return radius * math.cos(2 * math.pi * self.uniform())

    def below(self, bound):  # Lemire's algorithm, as in Swift's standard library
        while True:
            product = self.next() * bound
            if product % 2**64 >= (2**64 - bound) % bound:
                return product >> 64


# ---- layers whose backward pass follows the rule while gradients are taken for maps (`ruling`), and otherwise is the
# derivative, for the derivative of a map with respect to the parameters
ruling = False


def safe(z):
    """Returns 1 / z, or 0 where z is 0."""
    return torch.where(z == 0, torch.zeros_like(z), 1 / torch.where(z == 0, torch.ones_like(z), z))


def relu(rule):
    class Relu(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            if not ruling:
                return g * (x > 0)
            if rule == "excitation":
                return g
            return g.clamp(min=0) if rule == "deconvnet" else g.clamp(min=0) * (x > 0)

    return F.relu if rule is None else Relu.apply


def linear(rule, response, adjoint):
    """response(x, w), whose adjoint in x is adjoint(w, p, x's shape)."""
    if rule != "excitation":
        return response

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return response(x, w)

        @staticmethod
        def backward(ctx, p):
            x, w = ctx.saved_tensors
            if not ruling:
                with torch.enable_grad():
                    x, w = x.detach().requires_grad_(), w.detach().requires_grad_()
                    return torch.autograd.grad(response(x, w), (x, w), p)
            part = lambda p, w: x.clamp(min=0) * adjoint(w, p * safe(response(x.clamp(min=0), w)), x.shape)
            return part(p.clamp(min=0), w.clamp(min=0)) + part((-p).clamp(min=0), (-w).clamp(min=0)), None

    return Layer.apply


class Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a + b

    @staticmethod
    def backward(ctx, p):
        if not ruling:
            return p, p
        a, b = (t.clamp(min=0) for t in ctx.saved_tensors)
        share = p * safe(a + b)
        return share * a, share * b


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, scale, shift):
        ctx.save_for_backward(x, scale)
        return x * scale + shift

    @staticmethod
    def backward(ctx, p):
        x, scale = ctx.saved_tensors
        if not ruling:
            return p * scale, (p * x).sum((0, 2, 3))[:, None, None], p.sum((0, 2, 3))[:, None, None]
        return p * scale.sign(), None, None


# ---- the network
def names():
    yield "conv1.weight", (16, 3, 3, 3)
    yield from ((f"bn1.{k}", (16,)) for k in ("weight", "bias", "running_mean", "running_var"))
    inputs = 16
    for stage, width in ((1, 16), (2, 32), (3, 64)):
        for block in range(3):
            for number, (i, o) in ((1, (inputs, width)), (2, (width, width))):
                yield f"layer{stage}.{block}.conv{number}.weight", (o, i, 3, 3)
                for k in ("weight", "bias", "running_mean", "running_var"):
                    yield f"layer{stage}.{block}.bn{number}.{k}", (width,)
            inputs = width
    yield "linear.weight", (10, 64)
    yield "linear.bias", (10,)


P, D = {}, {}
for j, (name, shape) in enumerate(names()):
    k = np.arange(math.prod(shape)) + 1.0
    s = np.sin(12.9898 * k + 78.233 * (j + 1))
    if len(shape) > 1:
        s = s * 2 / math.sqrt(math.prod(shape[1:]))
    elif name.endswith("running_var"):
        s = 1 + 0.1 * s
    elif name.endswith("weight"):
        s = 0.3 + 0.5 * s
    else:
        s = 0.1 * s
    P[name] = torch.tensor(s).reshape(shape)
    if "running" not in name:
        P[name].requires_grad_()
        D[name] = torch.tensor(np.cos(3.7 * k + 1.3 * (j + 1))).reshape(shape)

n, i, j, c = np.meshgrid(np.arange(2), np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
images = torch.tensor((np.sin(0.7 * i + 0.9 * j + c + n) + 0.5 * np.cos(0.35 * i * j)).transpose(0, 3, 1, 2))


class Run:
    """A forward pass whose backward passes follow a rule: the logits, the activations and the inputs of convolutions."""

    def __init__(self, x, rule=None, replaced=None):
        self.rule, self.replaced, self.seen, self.given = rule, replaced or {}, {}, {}
        x = self.see("input", x if x.requires_grad else x.clone().requires_grad_())
        x = self.act(self.norm("bn1", self.conv("conv1", x, 1)))
        for stage in (1, 2, 3):
            for block in range(3):
                name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
                y = self.act(self.norm(name + ".bn1", self.conv(name + ".conv1", x, stride)))
                y = self.norm(name + ".bn2", self.conv(name + ".conv2", y, 1))
                if stride == 2:
                    wider = y.shape[1] - x.shape[1]
                    x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, wider // 2, wider // 2))
                x = self.see(name, self.act(Sum.apply(y, x) if rule == "excitation" else y + x))
            x = self.see(f"layer{stage}", x)
        pool = linear(rule, lambda x, w: (x * w).mean((2, 3)), lambda w, p, s: (p / (s[2] * s[3]))[:, :, None, None].expand(s))
        full = linear(rule, lambda x, w: x @ w.T, lambda w, p, s: p @ w)
        self.logits = full(pool(x, torch.ones(())), P["linear.weight"]) + P["linear.bias"]

    def see(self, name, x):
        self.seen[name] = self.replaced.get(name, x)
        return self.seen[name]

    def act(self, x):
        return relu(self.rule)(x)

    def conv(self, name, x, stride):
        self.given[name] = (x, stride)
        response = lambda x, w: F.conv2d(x, w, None, stride, 1)
        adjoint = lambda w, p, s: F.conv_transpose2d(p, w, None, stride, 1, output_padding=s[2] - ((p.shape[2] - 1) * stride + 1))
        return self.see(name, linear(self.rule, response, adjoint)(x, P[name + ".weight"]))

    def norm(self, name, x):
        scale = P[name + ".weight"] / (P[name + ".running_var"] + 1e-5).sqrt()
        shift = P[name + ".bias"] - P[name + ".running_mean"] * scale
        scale, shift = scale[:, None, None], shift[:, None, None]
        return Norm.apply(x, scale, shift) if self.rule == "excitation" else x * scale + shift

    def gradients(self, classes, layer, sign=1.0, finer=None):
        scores = self.logits[torch.arange(len(classes)), classes]
        if finer:
            similar, strength = finer
            scores = scores - strength * self.logits.gather(1, similar).mean(1)
        global ruling
        ruling = True
        try:
            return torch.autograd.grad(scores, self.seen[layer], torch.full_like(scores, sign), create_graph=True)[0]
        finally:
            ruling = False


# ---- extract and aggregate: the whole term of every location, [N, locations, K]
def unfolded(x, size, stride=1):
    return F.unfold(x, size, padding=size // 2, stride=stride).transpose(1, 2)  # [N, locations, C k k]


def term(extract, run, g, layer):
    x, rows = run.seen[layer], lambda t: t.flatten(2).transpose(1, 2)
    outer = lambda a, b: (a[..., :, None] * b[..., None, :]).flatten(2)
    if extract == "bias":
        return rows(g)
    if extract == "scaling":
        return rows(g * x)
    if extract == "own_conv":
        given, stride = run.given[layer]
        return outer(rows(g), unfolded(given, 3, stride))
    size = int(extract[-1])
    if extract.startswith("conv"):
        return outer(rows(g), unfolded(x, size))
    window = unfolded(x, size).unflatten(2, (x.shape[1], size * size))
    return (rows(g)[..., None] * window).flatten(2)


def root(s):
    return torch.where(s > 0, torch.where(s > 0, s, torch.ones_like(s)).sqrt(), torch.zeros_like(s))


AGGREGATES = {
    "norm": lambda t: root((t * t).sum(2)),
    "filtered_norm": lambda t: root((t.clamp(min=0) ** 2).sum(2)),
    "sum": lambda t: t.sum(2),
    "max": lambda t: t.max(2).values,
    "max_abs": lambda t: t.abs().max(2).values,
    "positive": lambda t: t.clamp(min=0).sum(2),
}
PAIRS = {
    "gradient": "bias/max_abs", "linear_approximation": "scaling/sum", "gradient_times_input": "scaling/sum",
    "deconvnet": "deconvnet/bias/max_abs", "guided_backprop": "guided/bias/max_abs", "normgrad": "conv1x1/norm",
    "normgrad_selective": "scaling/filtered_norm", "normgrad_conv": "own_conv/norm",
}


def method(name, x, classes, layer, finer=None):
    """The map [N, H, W]; `finer` are the similar classes, [N, k], and α of Finer-CAM."""
    if name.startswith("finer"):
        head, _, rest = name.partition("/")
        numbers = head.split(":")[1:]
        similar, strength = int(numbers[0]) if numbers else 3, float(numbers[1]) if len(numbers) > 1 else 0.6
        logits = Run(x).logits.detach()
        far = (logits - logits[torch.arange(len(classes)), classes][:, None]).abs()
        far[torch.arange(len(classes)), classes] = math.inf
        return method(rest, x, classes, layer, (far.argsort(1)[:, :similar], strength))
    name = PAIRS.get(name, name)
    word, _, rest = name.partition("/")
    word, _, number = word.partition(":")
    if word in ("grad_cam", "grad_cam++", "layer_cam"):
        run = Run(x)
        a, g = run.seen[layer], run.gradients(classes, layer, finer=finer)
        if word == "grad_cam":
            weights = g.mean((2, 3), keepdim=True)
        elif word == "layer_cam":
            weights = g.clamp(min=0)
        else:  # equation 19 as it is written; where g is 0, so is the weight
            below = 2 * g**2 + g**3 * a.sum((2, 3), keepdim=True)
            weights = (g**2 * safe(below) * g.clamp(min=0)).sum((2, 3), keepdim=True)
        return (weights * a).sum(1).clamp(min=0)
    if word == "excitation_backprop":
        return Run(x, "excitation").gradients(classes, layer).sum(1)
    if word == "contrastive_excitation_backprop":
        run = Run(x, "excitation")
        return (run.gradients(classes, layer).sum(1) - run.gradients(classes, layer, -1.0).sum(1)).clamp(min=0)
    if word == "integrated_gradients":
        start, end, total = Run(torch.zeros_like(x)).seen[layer], Run(x).seen[layer], 0
        for step in range(int(number)):
            point = start + (end - start) * ((step + 0.5) / int(number))
            total = total + Run(x, replaced={layer: point}).gradients(classes, layer, finer=finer) / int(number)
        return ((end - start) * total).sum(1)
    if word == "rise":
        source, total, cell = Source("rise"), 0, -(-SIDE // 7)
        for _ in range(int(number)):
            grid = torch.tensor([1.0 if source.uniform() < 0.5 else 0.0 for _ in range(49)]).reshape(1, 1, 7, 7)
            top, left = source.below(cell), source.below(cell)
            mask = F.interpolate(grid, size=8 * cell, mode="bilinear", align_corners=False)
            mask = mask[:, :, top : top + SIDE, left : left + SIDE]
            share = Run(x * mask).logits.softmax(1)[torch.arange(len(classes)), classes]
            total = total + share[:, None, None] * mask[:, 0]
        return total / (int(number) * 0.5)
    if word == "smooth":
        spread, total = (x.amax((1, 2, 3)) - x.amin((1, 2, 3))).reshape(-1, 1, 1, 1) * 0.15, 0
        for sample in range(int(number)):
            source = Source("smooth", sample)
            noise = torch.tensor([source.normal() for _ in range(SIDE * SIDE * 3)]).reshape(1, SIDE, SIDE, 3).permute(0, 3, 1, 2)
            total = total + method(rest, x + noise * spread, classes, layer) / int(number)
        return total
    if word == "competitive":
        logits = Run(x).logits.detach()
        logits[torch.arange(len(classes)), classes] = -math.inf
        rivals = logits.argsort(1, descending=True)[:, : int(number)].T
        own = method(rest, x, classes, layer)
        others = torch.stack([method(rest, x, rival.tolist(), layer).detach() for rival in rivals]).amax(0)
        return own * (own.detach() > others)
    rule = word if word in ("guided", "deconvnet") else None
    extract, aggregate = name.split("/")[-2:]
    run = Run(x, rule)
    g = run.gradients(classes, layer, finer=finer)
    return AGGREGATES[aggregate](term(extract, run, g, layer)).reshape(len(x), *g.shape[2:])


LAYERS, CONVOLUTIONS = ["layer1.1", "layer2.0", "layer3.1"], ["layer1.1.conv2", "layer2.0.conv1", "layer3.1.conv2"]
NAMES = list(PAIRS) + ["grad_cam", "grad_cam++", "layer_cam", "excitation_backprop", "contrastive_excitation_backprop"]
NAMES += ["integrated_gradients:3", "rise:5", "smooth:2/normgrad", "competitive:3/grad_cam", "smooth:2/competitive:2/grad_cam++"]
NAMES += [f"{e}/{a}" for e in ("bias", "scaling", "conv1x1", "conv3x3", "depthwise3x3", "own_conv") for a in AGGREGATES]
NAMES += [f"{r}/{p}" for r in ("guided", "deconvnet") for p in ("scaling/sum", "conv3x3/norm", "own_conv/filtered_norm")]
NAMES += ["finer/grad_cam", "finer:2:1/normgrad", "finer:4/guided/scaling/sum", "finer/integrated_gradients:2", "smooth:2/finer/layer_cam"]

out = {}
for name in NAMES:
    layers = ["input"] if name.startswith("rise") else CONVOLUTIONS if name == "normgrad_conv" or "own_conv" in name else LAYERS
    for layer in layers + (["input"] if name in ("gradient", "gradient_times_input", "guided_backprop", "deconvnet") else []):
        map = method(name, images, CLASSES, layer)
        value = (map.flatten() * torch.cos(0.7 * torch.arange(map.numel()) + 0.3)).sum()
        gradients = torch.autograd.grad(value, [P[k] for k in D], allow_unused=True)
        gradients = {k: s for k, s in zip(D, gradients) if s is not None}
        norm = math.sqrt(sum((s * s).sum().item() for s in gradients.values()))
        along = sum((s * D[k]).sum().item() for k, s in gradients.items())
        out.setdefault(name, {})[layer] = [float(f"{v:.13g}") for v in (value.item(), map.norm().item(), norm, along)]
        print(name, layer, out[name][layer], flush=True)
path = pathlib.Path(__file__).resolve().parent / "methods.json"
path.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in out.items()) + "\n}\n")
