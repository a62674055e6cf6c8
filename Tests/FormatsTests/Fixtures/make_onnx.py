#!/usr/bin/env python3
"""Writes exported.onnx beside this script with PyTorch's older exporter, elsewhere.onnx and its external data,
elsewhere.onnx.data, with the newer one, and exported.safetensors with the original state dict: convolutions with and without
a folded batch norm, equal biases, and a linear layer on four axes."""
import os, warnings
import onnx, torch, torch.nn as nn
from safetensors.torch import save_file

warnings.simplefilter("ignore")
os.chdir(os.path.dirname(os.path.abspath(__file__)))
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1))
        self.mix = nn.Linear(4, 4)
        self.fc = nn.Linear(4, 2)
        nn.init.constant_(self.features[2].bias, 0.5)
        nn.init.constant_(self.features[3].bias, 0.5)

    def forward(self, x):
        x = self.mix(self.features(x).permute(0, 2, 3, 1))
        return self.fc(x.mean((1, 2)))


net = Net().eval()
norm = net.features[0][1]
norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
torch.onnx.export(net, torch.randn(1, 3, 8, 8), "exported.onnx", dynamo=False)
torch.onnx.export(net, torch.randn(1, 3, 8, 8), "elsewhere.onnx", dynamo=True)
model = onnx.load("elsewhere.onnx", load_external_data=False)
for node in model.graph.node:  # removes Python stack traces from the metadata
    scopes = [p for p in node.metadata_props if p.key == "pkg.torch.onnx.name_scopes"]
    del node.metadata_props[:]
    node.metadata_props.extend(scopes)
del model.graph.value_info[:]
onnx.save(model, "elsewhere.onnx")
state = {k: v.contiguous() for k, v in net.state_dict().items() if "tracked" not in k}
scale = norm.weight.detach() / (norm.running_var + norm.eps).sqrt()
state["folded.weight"] = net.features[0][0].weight.detach() * scale[:, None, None, None]
state["folded.bias"] = norm.bias.detach() - norm.running_mean * scale
save_file({k: v.detach().clone() for k, v in state.items()}, "exported.safetensors")
