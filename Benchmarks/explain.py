#!/usr/bin/env python3
"""Measures NormGrad maps of the most likely class at three layers of a ResNet-20, for all images of a folder. It alternately runs
`metasal explain` and Captum (compute_layer_gradients_and_eval, then the norms), each as a whole process.

    python3 Benchmarks/explain.py FOLDER WEIGHTS --python VENV/bin/python [--rounds 5]

VENV is a virtual environment with torch, captum, pillow and safetensors; WEIGHTS are a .th file of
akamaster/pytorch_resnet_cifar10. Captum gets all images as one batch. For Captum the seconds without starting Python
and importing are printed too; those of metasal are always for the whole process. The maps must agree.
"""
import argparse, json, pathlib, statistics, subprocess, sys, tempfile, time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder")
parser.add_argument("weights")
parser.add_argument("--python", default=sys.executable)
parser.add_argument("--ours", default=pathlib.Path(__file__).resolve().parent.parent / ".build/release/metasal")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--peer", help="what the peer's process writes; used by this script itself")
options = parser.parse_args()
LAYERS = ["layer1", "layer2", "layer3.0"]


def peer():
    import numpy as np, torch, torch.nn as nn, torch.nn.functional as F
    from captum._utils.gradient import compute_layer_gradients_and_eval
    from PIL import Image
    from safetensors.torch import save_file

    torch.set_num_threads(2)

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
            self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
            self.stride, self.half = stride, (outputs - inputs) // 2

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.half:
                x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.half, self.half))
            return F.relu(x + y)

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
            stage = lambda i, o, s: nn.Sequential(Block(i, o, s), Block(o, o, 1), Block(o, o, 1))
            self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)
            self.linear = nn.Linear(64, 10)

        def forward(self, x):
            x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
            return self.linear(x.mean((2, 3)))

    state = torch.load(options.weights, map_location="cpu", weights_only=True)["state_dict"]
    model = ResNet()
    model.load_state_dict({k.removeprefix("module."): v for k, v in state.items()}, strict=False)
    model.eval()
    start = time.perf_counter()
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    files = sorted(p for p in pathlib.Path(options.folder).rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    pixels = np.stack([np.asarray(Image.open(f).convert("RGB"), dtype=np.float32) / 255 for f in files])
    images = torch.from_numpy((pixels - mean) / std).permute(0, 3, 1, 2).contiguous()
    with torch.no_grad():
        target = model(images).argmax(1)
    maps = {}
    for name in LAYERS:
        layer = model.get_submodule(name)
        gradients, values = compute_layer_gradients_and_eval(model, layer, images, target)
        maps[f"map.normgrad.{name}.top"] = (gradients[0].norm(dim=1) * values[0].norm(dim=1)).detach().contiguous()
    save_file(maps, options.peer)
    print(json.dumps({"seconds": time.perf_counter() - start, "images": len(files)}))


def timed(command):
    start = time.perf_counter()
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    return time.perf_counter() - start, result.stdout


if options.peer:
    peer()
else:
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = f"{folder}/ours.safetensors", f"{folder}/theirs.safetensors"
        ours = [options.ours, "explain", options.folder, "--model", "resnet20", "--weights", options.weights, "--layer"]
        ours += LAYERS + ["--no-figures", "--raw", mine]
        captum = [options.python, __file__, options.folder, options.weights, "--peer", theirs]
        rounds = []
        for _ in range(options.rounds):
            whole, _ = timed(ours)
            other, said = timed(captum)
            rounds.append((whole, other, json.loads(said.splitlines()[-1])["seconds"]))
        check = "from safetensors.numpy import load_file as l; import numpy as n, sys; a, b = l(sys.argv[1]), l(sys.argv[2]); print(max(n.linalg.norm(a[k] - b[k]) / n.linalg.norm(b[k]) for k in b))"
        difference = timed([options.python, "-c", check, mine, theirs])[1].strip()
    median = lambda i: statistics.median(r[i] for r in rounds)
    print(f"metasal explain {median(0):.2f} s; Captum {median(1):.2f} s as a whole, {median(2):.2f} s of it work")
    print(f"times as fast: {statistics.median(r[1] / r[0] for r in rounds):.1f} as a whole, "
          f"{statistics.median(r[2] / r[0] for r in rounds):.1f} against the work alone; maps differ by {difference}")
