#!/usr/bin/env python3
"""Runs metasal and PyTorch alternately on the same work, and prints metasal's speed and memory relative to PyTorch's.

    swift build -c release --product metasal-benchmark
    python3 Benchmarks/compare.py --peer ../shared/peers/meta_step.py --python VENV/bin/python [--rows resnet20 resnet18]

VENV is a virtual environment with torch and torchvision. A row is one kind of work. Its first round tries every setting of
PyTorch (a loop over images or vmap, either memory layout); later rounds leave out the settings that took more than twice as
long as the fastest one. The setting with the lowest median counts. Ratios are computed within a round, so that the comparison
is fair even if the machine's speed drifts; the table has their median and range. The share of the peak is the speed of metasal's
convolutions relative to the processor's speed for multiply-adds in registers, measured in the same process. Arithmetic is counted
as in the direct convolution; Winograd's algorithm needs less of it, so that the share may exceed 100 %.
"""
import argparse, itertools, json, pathlib, statistics, subprocess, sys

ROWS = {  # work, architecture, side, batch, scope, layers
    "resnet20": ("meta", "resnet20", 32, 32, "image", "layer2,layer3.0"),
    "resnet20-batch": ("meta", "resnet20", 32, 32, "batch", "layer2,layer3.0"),
    "resnet18": ("meta", "resnet18", 224, 8, "image", "layer3,layer4.0"),
    "resnet50": ("meta", "resnet50", 224, 4, "image", "layer3,layer4.0"),
    "vgg16": ("meta", "vgg16", 224, 4, "image", "features.22,features.29"),
    "train-resnet18": ("train", "resnet18", 224, 8, "batch", "layer3"),
    "inference-resnet18": ("inference", "resnet18", 224, 8, "batch", "layer3"),
    "data": ("data", None, None, 32, None, None),
}
SECONDS = {"meta": "meta_step_s", "train": "train_step_s", "inference": "inference_s", "data": "seconds"}

root = pathlib.Path(__file__).resolve().parent.parent
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=", ".join(ROWS))
parser.add_argument("--peer", default=root.parent / "shared/peers/meta_step.py", help="the PyTorch script")
parser.add_argument("--python", default=sys.executable, help="a Python with torch and torchvision")
parser.add_argument("--ours", default=root / ".build/release/metasal-benchmark")
parser.add_argument("--batch", type=int, help="in place of each row's own")
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--repeats", type=int, default=3, help="times the work is done in each process")
parser.add_argument("--settings", nargs="+", help="only these settings of PyTorch: loop, vmap, plain, 'loop, channels last', …")
parser.add_argument("--folder", default=root.parent / "shared/data/imagenette", help="classes of images, for the row data")
parser.add_argument("--json", help="a file for everything that was measured")
options = parser.parse_args()


def measure(command):
    """The results that a process prints, with the seconds for the work; None if it fails."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if result.returncode != 0:
        print(f"  left out, it failed: {' '.join(map(str, command))}\n  {result.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(result.stdout.splitlines()[-1])


def peers(scope, work):
    """PyTorch's settings by name. The engine only matters for the meta step."""
    engines = ["loop", "vmap"] if scope == "image" else ["loop"]
    for engine, last in itertools.product(engines, (False, True)):
        name = (engine if work == "meta" else "plain") + (", channels last" if last else "")
        yield name, [f"--engine={engine}"] + (["--channels-last"] if last else [])


everything, table = {}, []
for row in options.rows:
    work, architecture, size, batch, scope, layers = ROWS[row]
    counts = [f"--batch={options.batch or batch}", f"--threads={options.threads}", f"--repeats={options.repeats}"]
    common = counts + [f"--architecture={architecture}", f"--size={size}", f"--scope={scope}", f"--layers={layers}"]
    ours = [options.ours, f"--work={work}"] + common
    settings = {name: [options.python, options.peer] + common + extra for name, extra in peers(scope, work)}
    if options.settings:
        settings = {name: command for name, command in settings.items() if name in options.settings}
    if work != "meta":  # the peer does all kinds of work in each process, so the part that is not used should be short
        settings = {name: command + ["--order=first"] for name, command in settings.items()}
    if work == "data":
        ours = [options.ours, "--work=data", f"--folder={options.folder}"] + counts
        settings = {"DataLoader, Pillow": [options.python, root / "Benchmarks/data.py", f"--folder={options.folder}"] + counts}
    rounds = []
    for number in range(options.rounds):
        first = measure(ours)
        if first is None:
            sys.exit(1)
        results = {name: measure(command) for name, command in settings.items()}
        results = {name: result for name, result in results.items() if result}
        if not results:
            sys.exit(f"{row}: no setting of PyTorch works")
        seconds = {name: result[SECONDS[work]] for name, result in results.items()}
        if number == 0:
            limit = 2 * min(seconds.values())
            settings = {name: command for name, command in settings.items() if seconds.get(name, 2 * limit) <= limit}
        rounds.append({"ours": first, "torch": results})
        said = ", ".join(f"{name} {value:.3f}" for name, value in seconds.items())
        print(f"{row}  round {number + 1}  metasal {first['seconds']:.3f} s  PyTorch {said}", file=sys.stderr, flush=True)
    everything[row] = rounds
    median = statistics.median
    whole = [name for name in settings if all(name in r["torch"] for r in rounds)]
    best = min(whole, key=lambda name: median(r["torch"][name][SECONDS[work]] for r in rounds))
    mine = [r["ours"]["seconds"] for r in rounds]
    their = [r["torch"][best] for r in rounds]
    ratios = sorted(t[SECONDS[work]] / m for t, m in zip(their, mine))
    memory = (median(r["ours"]["peak_memory_mib"] for r in rounds), median(t["peak_memory_mib"] for t in their))
    rate = share = ""
    if work != "data":
        rate = f'{median(r["ours"]["convolution_gflops"] for r in rounds):.0f}'
        share = f'{median(r["ours"]["convolution_gflops"] / r["ours"]["peak_gflops"] for r in rounds):.0%}'
    table.append([
        row, f"{median(mine):.3f}", f"{median(t[SECONDS[work]] for t in their):.3f}", best,
        f"{median(ratios):.2f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}", f"{memory[0]:.0f}",
        f"{memory[1]:.0f}" if work == "meta" else "", f"{memory[0] / memory[1]:.2f}" if work == "meta" else "",
        rate, share])

print(f"{options.rounds} rounds, {options.threads} threads; seconds are medians; memory is the process's peak")
heads = ["work", "metasal s", "PyTorch s", "its best setting", "times as fast", "range", "MiB", "PyTorch's", "ratio", "GFLOP/s", "of peak"]
widths = [max(len(line[i]) for line in [heads] + table) for i in range(len(heads))]
for line in [heads, ["─" * w for w in widths]] + table:
    print("  ".join(c.ljust(w) if i in (0, 3) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip())
if options.json:
    pathlib.Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")
