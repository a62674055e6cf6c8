#!/usr/bin/env python3
"""Writes checkpoints.safetensors beside this script: checkpoints as PyTorch and other programs write them, each file as
a list of bytes, and below `expected.` and `other.` the weights that they contain, of a network of five layers:

    conv 2 size 1; batch_norm; relu; global_average_pool; linear

The name of a file begins with the expected result: `same`, the first weights are read; `other`, the other ones; `error`, an
error. Needs torch, numpy, omegaconf, lightning (for its AttributeDict and a Trainer's checkpoint), timm and safetensors."""
import argparse, collections, copy, dataclasses, datetime, decimal, enum, functools, io, math, os, pathlib, random, uuid, warnings
import numpy as np, torch, torch.nn as nn
from omegaconf import OmegaConf
from safetensors.torch import save_file

warnings.simplefilter("ignore")
os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.manual_seed(0)
torch.set_num_threads(1)


def network():
    net = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(2, 3))
    net[1].running_mean.normal_(), net[1].running_var.uniform_(0.5, 2)
    nn.init.normal_(net[1].weight), nn.init.normal_(net[1].bias)
    return net


net, second = network(), network()
sd = net.state_dict()
sd2 = second.state_dict()


def named(prefix, state=None):
    return {prefix + k: v for k, v in (state or sd).items()}


class Color(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Config:
    rate: float = 0.1
    sizes: tuple = (1, 2)


Point = collections.namedtuple("Point", "x y")


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, {"deep": [1, 2]}


def saved_by_name():
    pass


class Evil:
    def __reduce__(self):
        return (os.system, ("echo executed > executed",))


class Tagged(torch.Tensor):
    pass


def trained(make):
    other = copy.deepcopy(net)
    optimizer = make(other.parameters())
    other(torch.randn(2, 3, 4, 4)).sum().backward()
    optimizer.step()
    return optimizer


adam = trained(lambda p: torch.optim.AdamW(p, lr=0.1, amsgrad=True))
schedule = torch.optim.lr_scheduler.MultiStepLR(adam, [2, 3, 3])
sgd = trained(lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
averaged = torch.optim.swa_utils.AveragedModel(net)
script = torch.jit.script(net)
with_state = copy.deepcopy(net)
for p in with_state.parameters():
    p.tag = "kept"
tagged = {k: v.clone() for k, v in sd.items()}
tagged["0.weight"].note = "an attribute"
tagged["4.bias"] = tagged["4.bias"].as_subclass(Tagged)
bad = dict(sd)
beside = {
    "sparse": torch.eye(3).to_sparse(), "complex": torch.zeros(2, dtype=torch.complex64),
    "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "negative": torch.ones(2, dtype=torch.complex64).conj().imag,
    "meta": torch.zeros(2, 2, device="meta"),
}
odd_types = {str(t): torch.ones(3).to(t) for t in (torch.uint16, torch.uint32, torch.uint64, torch.int8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2)}
plain_names = {k: v for k, v in sd.items() if "tracked" not in k}
larger = {**{k: v.clone() for k, v in sd2.items()}, "5.weight": torch.randn(3, 3), "5.bias": torch.randn(3)}

files = {
    # Other entries beside the weights.
    "same counter": {"model_state_dict": sd, "optimizer": adam.state_dict(), "scheduler": schedule.state_dict()},
    "same function": {"model": sd, "optimizer": sgd.state_dict(), "f": math.sqrt, "g": len, "h": saved_by_name},
    "same sets": {"model": sd, "dtype": torch.float32, "seen": {1, 2}, "frozen": frozenset("ab")},
    "same namespace": {"model": sd, "args": argparse.Namespace(lr=0.1, path=pathlib.Path("/data"), pure=pathlib.PurePosixPath("a"))},
    "same numpy": {"state_dict": sd, "best": np.float64(0.5), "mean": np.arange(3, dtype=np.float32), "rng": np.random.get_state(), "python": random.getstate(), "torch": torch.get_rng_state()},
    "same omegaconf": {"state_dict": sd, "hyper_parameters": OmegaConf.create({"a": {"b": [1, "${a.c}"], "c": 2}, "path": None})},
    "same defaults": {"net": sd, "d": collections.defaultdict(list, a=[1]), "o": collections.OrderedDict(a=1), "q": collections.deque([1]), "m": collections.ChainMap({"a": 1})},
    "same things": {"net": sd, "size": torch.Size([1, 2]), "device": torch.device("cpu"), "partial": functools.partial(math.pow, 2), "color": Color.RED, "config": Config(), "point": Point(1, 2), "slots": Slotted()},
    "same plain": {"net": sd, "now": datetime.datetime(2026, 1, 2), "delta": datetime.timedelta(1), "b": b"ab", "ba": bytearray(b"ab"), "c": 1 + 2j, "s": slice(1, 2), "r": range(3), "n": -(2**70), "e": ..., "t": type(None), "dec": decimal.Decimal("1.5"), "u": uuid.UUID(int=5)},
    "same evil": {"net": sd, "evil": Evil()},
    "same unread": {"net": sd, "beside": beside, **odd_types},
    "same in it": {**sd, "mask": torch.ones(2, dtype=torch.uint16), "total_ops": torch.zeros(1), "step": torch.tensor(3)},
    # Tensors stored in other ways.
    "same parameters": dict(with_state.named_parameters()) | dict(net.named_buffers()),
    "same attributes": tagged,
    "same arrays": {"weights": {k: (v.numpy() if v.dim() != 2 else np.asfortranarray(v.numpy())) for k, v in sd.items()}},
    "same module": net,
    "same module in it": {"model": nn.DataParallel(net), "epoch": 3},
    "same ema module": {"ema": averaged},
    # Prefixes and wrappers of names.
    "same module.": named("module."),
    "same compiled": named("_orig_mod."),
    "same both": named("module._orig_mod."),
    "same both ways": named("_orig_mod.module."),
    "same lightning": {"state_dict": {**named("model."), "criterion.weight": torch.ones(3), "accuracy.total": torch.tensor(3)}, "epoch": 1},
    "same deep": {"state_dict": named("module.model._orig_mod.net.backbone.")},
    "same encoder": {"state_dict": {**named("encoder."), **{"decoder." + k: torch.randn(4, 4) for k in ("1.weight", "2.weight")}}},
    "same unheard of": {"anything": [{"at_all": named("of.some.name.")}]},
    "same averaged": averaged.state_dict(),
    "same wrapped parts": {k.replace("0.", "0.module.") if k[0] == "0" else k.replace("1.", "1._orig_mod.") if k[0] == "1" else k: v for k, v in sd.items()},
    "same head apart": {("backbone." if k[0] != "4" else "") + k: v for k, v in sd.items()},
    "same fsdp": {"model": {k.replace(".", "._fsdp_wrapped_module._checkpoint_wrapped_module."): v for k, v in sd.items()}},
    # Dictionaries around the weights.
    **{f"same {key}": {key: sd, "epoch": 3} for key in ("network", "model_state", "params_ema", "generator", "weights", "state_dict_ema")},
    "same twice": {"model": sd, "ema": {k: v.clone() for k, v in sd.items()}},
    "same once": {"model": sd, "state_dict": sd},
    "same student": {"teacher": larger, "student": sd},
    "same averages by name": {"model": sd, "optimizer": {"averages": {k: v + 1 for k, v in sd.items()}}},
    "same momentum": {"net": sd, "momentum": {k: v + 1 for k, v in net.named_parameters()}},
    # Errors.
    "error differ": {"state_dict": sd, "state_dict_ema": sd2, "epoch": 3},
    "error flat": {**named("model."), **named("model_ema.", sd2)},
    "error contrast": {"state_dict": {**named("module.encoder_q."), **named("module.encoder_k.", sd2)}},
    "error inside": {**sd, **named("ema.", sd2)},
    "error clash": {**sd, "0.module.weight": sd2["0.weight"]},
    "error sparse": {**sd, "4.weight": sd["4.weight"].to_sparse()},
    "error complex": {**sd, "4.weight": sd["4.weight"] + 0j},
    "error quantized": {**sd, "4.weight": torch.quantize_per_tensor(sd["4.weight"], 0.1, 0, torch.qint8)},
    "error negative": {**sd, "4.weight": (sd["4.weight"] * 1j).conj().imag},
    "error more": larger,
    "error empty": {"state_dict": {}, "epoch": 3},
    "error evil": {"a": Evil()},
    "error counters": {"num_batches_tracked": torch.tensor(3)},
    "error list": {"shadow_params": list(net.parameters())},
}


def lightning():
    import lightning as L

    class Lit(L.LightningModule):
        def __init__(self, rate=0.1, betas=(0.9, 0.99)):
            super().__init__()
            self.save_hyperparameters()
            self.net = copy.deepcopy(net)

        def training_step(self, batch, index):
            return self.net(batch[0]).sum() * 0

        def configure_optimizers(self):
            optimizer = torch.optim.Adam(self.parameters(), 0.0)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(2, 3, 4, 4)), 2)
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
    lit = Lit()
    trainer.fit(lit, data)
    lit.net.load_state_dict(sd)
    trainer.save_checkpoint("lightning.ckpt")
    with open("lightning.ckpt", "rb") as f:
        data = f.read()
    os.remove("lightning.ckpt")
    return data


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


stream = {"_use_new_zipfile_serialization": False}
found = {name: saved(value, **({} if "module" in name else stream)) for name, value in files.items()}
found["same numpy 1"] = found["same numpy"].replace(b"numpy._core", b"numpy.core")
for protocol in (1, 2, 3, 4, 5):
    value = {"model": sd, "seen": {1, 2}, "frozen": frozenset("ab"), "b": bytearray(b"ab"), "n": 2**70, "mean": np.arange(3.0), "args": argparse.Namespace(a=1)}
    found[f"same stream of protocol {protocol}"] = saved(value, pickle_protocol=protocol, **stream)
    if protocol > 1:
        found[f"same zip of protocol {protocol}"] = saved(value, pickle_protocol=protocol)
found["same zip of uint16"] = saved({**sd, "mask": torch.ones(2, dtype=torch.uint16), "beside": beside})
found["same zip with parameters"] = saved({k: v for k, v in with_state.named_parameters()} | dict(net.named_buffers()))
found["same Trainer"] = lightning()
script_file = io.BytesIO()
torch.jit.save(script, script_file)
found["same TorchScript"] = script_file.getvalue()
from timm.utils import ModelEmaV3

found["same timm"] = saved({"arch": "x", "state_dict_ema": ModelEmaV3(net).state_dict(), "args": argparse.Namespace(lr=1)})
found["other other"] = found["error differ"]

tensors = {name: torch.tensor(list(data), dtype=torch.uint8) for name, data in found.items()}
tensors |= {"expected." + k: v.detach().clone() for k, v in plain_names.items()}
tensors |= {"other." + k: v.detach().clone() for k, v in sd2.items() if "tracked" not in k}
save_file(tensors, "checkpoints.safetensors")
for name, data in found.items() if os.environ.get("WRITE_TO") else ():  # also written as files, for inspection
    with open(os.path.join(os.environ["WRITE_TO"], name), "wb") as f:
        f.write(data)
