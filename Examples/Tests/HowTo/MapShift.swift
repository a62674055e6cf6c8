import MetasalKit

/// How far a virtual update towards the label moves the label's map: the squared distance of the maps before and after it, summed
/// over locations and layers.
struct MapShift: OuterObjective {
  let name = "map_shift"
  /// What the distance is multiplied by.
  var strength = 1.0

  mutating func visit(_ keys: Keys) { keys("strength", &strength, .number(0...10)) }

  func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: true)
  }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (maps, labels, strength) = (images.maps, images.labels, strength)
    let weights: [PassRequest.Weights] = [.plain, .virtual(towards: labels)]
    return [
      ObjectiveTerm(weights.map { PassRequest($0, layers: maps.layers) }) { passes in
        let both = passes.map { $0.maps(maps.method, of: labels, at: maps.layers, createGraph: true) }
        let distances = zip(both[0], both[1]).map { ($0 - $1).squared.sum([1, 2]) }
        return distances.dropFirst().reduce(distances[0]) { $0 + $1 } * strength
      }
    ]
  }
}
