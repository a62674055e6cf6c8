import Foundation
import MetasalKit

// metasal's method written out in a few tensor operations: a virtual update towards each of two classes, the two
// saliency maps after it, their correlation, and its gradient through both updates. At the end the result is compared
// with the library's meta step, which does the same for whole batches.

let network = Architecture.plain.network(classes: 4, seed: 1).converted(to: .float64)
let (layer, rate) = ("features.8", 0.02)

// One normalized image of a generated data set.
let source = BatchSource(
  Scenes(count: 4, size: 32, classes: 4), size: 1,
  normalization: Normalization(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]), precision: .float64)
let batch = try source.batch(step: 0)
let image = batch.images

// The tracked parameters θ, with respect to which everything is differentiated.
let tracked = network.with(parameters: network.parameters.map { $0.tracked() })
let logits = tracked(image).logits
let label = batch.labels[0]
let scores = logits.doubles
let contrast = scores.indices.filter { $0 != label }.min { scores[$0] < scores[$1] } ?? 0

/// The map [1, h, w] of a class after a step towards it: θ' = θ − ε ∇θ CE(f_θ(image), class).
func mapAfterUpdate(towards class_: Int) -> Tensor {
  // With createGraph the gradient itself is recorded, so that the map can be differentiated through it.
  let gradient = gradients(
    of: logits.crossEntropy(to: [class_]), withRespectTo: tracked.parameters, createGraph: true)
  let moved = tracked.with(parameters: zip(tracked.parameters, gradient).map { $0 - $1 * rate })
  return Inference(moved, image, capturing: [layer])
    .maps(.normGrad, of: [class_], at: [layer], createGraph: true)[0]
}

let maps = [label, contrast].map(mapAfterUpdate)
let correlation = Similarity.pearson(maps[0], maps[1])
let outer = gradients(of: correlation, withRespectTo: tracked.parameters)

let (first, second) = (ImageMap(maps[0], width: 32, height: 32), ImageMap(maps[1], width: 32, height: 32))
print("class \(label) against class \(contrast), NormGrad at \(layer) after a virtual step of \(rate)")
print("Pearson's correlation of the two maps (trained on): \(correlation.doubles[0])")
print("Spearman's rank correlation (reported): \(first.rankCorrelation(with: second).number ?? .nan)")

// The same computation by the library, which handles many images on several threads and frees memory early.
let step = MetaStep(
  inner: InnerUpdate(rate: rate), method: .normGrad, layers: [layer],
  objectives: [WeightedObjective(ClassSensitivity(at: [.virtual]), weight: 1)])
var random = RandomSource(seed: 0, purpose: "example")
let outcome = try step(network, image, labels: [label], random: &random)

func length(_ tensors: [Tensor]) -> Double { tensors.reduce(0) { $0 + $1.squared.sum().item }.squareRoot() }
let difference = length(zip(outer, outcome.gradients).map { $0 - $1 }) / length(outer)
print("norm of the outer gradient: \(length(outer)); relative difference from MetaStep's: \(difference)")
exit(difference < 1e-9 ? 0 : 1)
