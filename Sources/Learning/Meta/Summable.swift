import Tensors

/// A result of a job that can be added to those of other jobs. Results are added in the order of the jobs.
protocol Summable {
  mutating func add(_ other: Self)
}

extension Double: Summable {
  mutating func add(_ other: Double) { self += other }
}

extension Tensor: Summable {
  /// Adds a tensor in place; neither of the two may be tracked.
  mutating func add(_ other: Tensor) { accumulate(other) }
}

/// Adds optional values, where nil counts as zero.
extension Optional: Summable where Wrapped: Summable {
  mutating func add(_ other: Self) {
    guard let other else { return }
    if self == nil { self = other } else { self?.add(other) }
  }
}

/// Adds arrays element by element, where an empty array counts as zeros.
extension Array: Summable where Element: Summable {
  mutating func add(_ other: Self) {
    guard !isEmpty else { return self = other }
    for (index, element) in other.enumerated() { self[index].add(element) }
  }
}
