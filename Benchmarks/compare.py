#!/usr/bin/env python3
"""Runs metasal's meta step and PyTorch's in turn on the same work, and prints how many times as fast and how large ours is.

    swift build -c release --product metasal-benchmark
    python3 Benchmarks/compare.py --peer ../shared/peers/meta_step.py --python VENV/bin/python

VENV is a virtual environment with torch and torchvision. Each round runs ours and then every setting of PyTorch; ratios are
taken within a round, so that a machine whose speed drifts still compares fairly, and their median and range are printed.
PyTorch's best setting is the one with the lowest median time.
"""
import argparse, itertools, json, pathlib, statistics, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--peer", default=root.parent / "shared/peers/meta_step.py", help="the PyTorch script")
parser.add_argument("--python", default=sys.executable, help="a Python with torch and torchvision")
parser.add_argument("--ours", default=root / ".build/release/metasal-benchmark")
parser.add_argument("--architecture", default="resnet20")
parser.add_argument("--batch", type=int, default=16)
parser.add_argument("--size", type=int, default=32)
parser.add_argument("--scope", choices=["image", "batch"], default="image")
parser.add_argument("--order", choices=["exact", "first"], default="exact")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--repeats", type=int, default=3, help="steps timed in each process")
a = parser.parse_args()

work = [f"--{name}={getattr(a, name)}" for name in ("architecture", "batch", "size", "scope", "order", "threads", "repeats")]
engines = ["loop", "vmap"] if a.scope == "image" else ["loop"]
settings = {"ours": [str(a.ours)] + work}
for engine, last in itertools.product(engines, (False, True)):
    name = f"torch {engine}{', channels last' if last else ''}"
    settings[name] = [str(a.python), str(a.peer)] + work + [f"--engine={engine}"] + (["--channels-last"] if last else [])

runs = {name: [] for name in settings}
for number in range(a.rounds):
    for name, command in settings.items():
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{result.stderr}")
        runs[name].append(json.loads(result.stdout.splitlines()[-1]))
        print(f"round {number + 1}  {name:28} {runs[name][-1]['meta_step_s']:.3f} s", file=sys.stderr)

seconds = {name: [r["meta_step_s"] for r in all_] for name, all_ in runs.items()}
memory = {name: statistics.median(r["peak_memory_mib"] for r in all_) for name, all_ in runs.items()}
print(f"{a.architecture}, {a.size}×{a.size}, batch {a.batch}, {a.scope} scope, {a.order} order, {a.threads} threads, {a.rounds} rounds")
print(f"{'':28} {'s per step':>10} {'MiB':>7} {'times ours (median, range)':>30} {'memory':>8}")
for name in settings:
    ratios = sorted(t / o for t, o in zip(seconds[name], seconds["ours"]))
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    print(f"{name:28} {statistics.median(seconds[name]):10.3f} {memory[name]:7.0f} {spread:>30} {memory[name] / memory['ours']:7.1f}×")
best = min((n for n in settings if n != "ours"), key=lambda n: statistics.median(seconds[n]))
faster = statistics.median(t / o for t, o in zip(seconds[best], seconds["ours"]))
print(f"ours against {best}: {faster:.2f} times as fast, {memory['ours'] / memory[best]:.2f} of the memory")
