import Foundation

/// A mean over seeds, with Student's interval.
struct Estimate: Equatable {
  /// The mean.
  let mean: Double
  /// Half the width of the 95% interval of the mean; nil for a single value.
  let halfWidth: Double?
  /// The number of values.
  let count: Int

  /// Estimates the mean of some values, at least one.
  init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    (self.mean, self.count) = (mean, values.count)
    guard values.count > 1 else {
      halfWidth = nil
      return
    }
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (count - 1)
    halfWidth = Self.student(degrees: values.count - 1) * (variance / count).squareRoot()
  }

  /// The t of Student's distribution with which 95% lie between −t and t.
  ///
  /// The share between them is a finite sum in θ = atan(t / √ν) (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4), which
  /// rises with θ.
  static func student(degrees: Int) -> Double {
    func share(_ angle: Double) -> Double {
      let (sine, cosine) = (sin(angle), cos(angle))
      let isOdd = degrees % 2 == 1
      var (term, sum) = (isOdd ? cosine : 1.0, 0.0)
      for power in stride(from: isOdd ? 1 : 0, through: degrees - 2, by: 2) {
        sum += term
        term *= cosine * cosine * Double(power + 1) / Double(power + 2)
      }
      return isOdd ? 2 / .pi * (angle + sine * sum) : sine * sum
    }
    var (low, high) = (0.0, Double.pi / 2)
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if share(middle) < 0.95 { low = middle } else { high = middle }
    }
    return Double(degrees).squareRoot() * tan((low + high) / 2)
  }
}
