import MetasalKit

// Twelve steps that make the maps of a small network depend on the class, on generated images.
let batches = BatchSource(
  Scenes(count: 64, size: 32, classes: 4), size: 16,
  normalization: Normalization(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]))

let outer = MetaStep(
  inner: InnerUpdate(rate: 0.01), method: .normGrad, layers: ["features.8"],
  objectives: [
    WeightedObjective(CrossEntropy(), weight: 1), WeightedObjective(ClassSensitivity(at: [.virtual]), weight: 1),
  ])
let step = TrainingStep(outer, optimizer: Adam(), rate: 0.003, schedule: CosineSchedule(), steps: 12)

var state = TrainingState(
  network: Architecture.plain.network(classes: 4, seed: 1), random: RandomSource(seed: 0, purpose: "contrast classes"))
while state.step < step.steps {
  let (next, record) = try step(state, batches.batch(step: state.step))
  print(record.step, record.objectives.map { "\($0.name) \($0.value ?? 0)" }.joined(separator: ", "))
  state = next
}

_ = try Export.write(state.network, as: .safetensors, to: "improved.safetensors")
