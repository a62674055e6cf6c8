import MetasalKit

/// How evenly the label's map is spread over the image: (Σ m)² / (n Σ m²) of its positive part m at n locations,
/// averaged over layers. It is 1 for a uniform map and 1/n for a single point.
struct Concentration: OuterObjective {
  let name = "concentration"
  /// The weights at which the map is computed: plain or, by default, after a virtual update towards the label.
  var at = MapWeights.virtual

  mutating func visit(_ keys: Keys) { keys("at", &at, .choice()) }

  func needs(_ maps: MapSettings) -> ObjectiveNeeds {
    ObjectiveNeeds(layers: maps.layers, usesVirtualWeights: at == .virtual)
  }

  func terms(for images: ObjectiveImages) -> [ObjectiveTerm] {
    let (maps, labels) = (images.maps, images.labels)
    let pass = PassRequest(at == .virtual ? .virtual(towards: labels) : .plain, layers: maps.layers)
    return [
      ObjectiveTerm([pass]) { passes in
        let shares = passes[0].maps(maps.method, of: labels, at: maps.layers, createGraph: true).map { map in
          let positive = map.relu
          let (sum, squares) = (positive.sum([1, 2]), positive.squared.sum([1, 2]))
          return sum.squared * (squares * Double(map.shape[1] * map.shape[2])).reciprocalOrZero
        }
        return shares.dropFirst().reduce(shares[0]) { $0 + $1 } / Double(shares.count)
      }
    ]
  }
}
