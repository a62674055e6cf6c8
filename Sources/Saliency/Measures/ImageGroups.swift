import Tensors

/// Groups of images of different classes that depend only on the images' order, their labels and a seed. Networks are
/// compared on the same composite images then, whatever they predict.
enum ImageGroups {
  /// Draws groups. An image is in at most one of them. Classes with the most remaining images come first, so that
  /// groups are made as long as possible, and the places in a group are drawn.
  ///
  /// - Parameters:
  ///   - items: the images, in order.
  ///   - size: the number of images in a group; no class of an image is that of another one in its group.
  ///   - most: the largest number of groups.
  ///   - seed: the seed of the random numbers.
  /// - Returns: a list of indices among the items for each group.
  static func fixed(of items: [MeasuredItem], size: Int, atMost most: Int, seed: Int) -> [[Int]] {
    var random = RandomSource(seed: UInt64(bitPattern: Int64(seed)), purpose: "image groups")
    let labels = Set(items.map(\.label)).sorted().shuffled(using: &random)
    var queues = labels.map { label in
      items.indices.filter { items[$0].label == label }.shuffled(using: &random)
    }
    var groups: [[Int]] = []
    while groups.count < most {
      // The order among classes with equally many images is the drawn one; it moves on with every group.
      let start = groups.count % max(1, labels.count)
      let order = Array(queues.indices[start...]) + Array(queues.indices[..<start])
      let byCount = order.enumerated().sorted {
        (queues[$0.element].count, $1.offset) > (queues[$1.element].count, $0.offset)
      }.map(\.element)
      var group: [Int] = []
      var classes = Set<Int>()
      for queue in byCount where group.count < size {
        // An image of several classes must not show a class of another image of the group.
        guard let place = queues[queue].firstIndex(where: { classes.isDisjoint(with: items[$0].labels) }) else {
          continue
        }
        let item = queues[queue].remove(at: place)
        group.append(item)
        classes.formUnion(items[item].labels)
      }
      guard group.count == size else { break }
      groups.append(group.shuffled(using: &random))
    }
    return groups
  }
}
