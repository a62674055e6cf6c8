import Formats

// Color operations with the results of Pillow's ImageEnhance, ImageOps and ImageFilter and of torchvision's functions
// that use them.
extension RGBImage {
  /// Scales the brightness: a factor of 0 gives black, 1 the image itself, more a brighter image.
  func brightened(by factor: Double) -> RGBImage { mapped { Self.blend(0, $0, factor) } }

  /// Scales the contrast: a factor of 0 gives the image's mean gray, 1 the image itself, more a stronger contrast.
  func contrasted(by factor: Double) -> RGBImage {
    let grays = self.grays
    let mean = Int(Double(grays.reduce(0) { $0 + Int($1) }) / Double(grays.count) + 0.5)
    return mapped { Self.blend(mean, $0, factor) }
  }

  /// Scales the saturation: a factor of 0 gives the gray image, 1 the image itself, more stronger colors.
  func saturated(by factor: Double) -> RGBImage {
    let grays = self.grays
    var result = self
    for i in result.pixels.indices { result.pixels[i] = Self.blend(Int(grays[i / 3]), pixels[i], factor) }
    return result
  }

  /// Scales the sharpness: a factor of 0 gives a smoothed image, 1 the image itself, more a sharper one. Border pixels
  /// are not changed.
  func sharpened(by factor: Double) -> RGBImage {
    var result = self
    guard width > 2 && height > 2 else { return self }
    for y in 1..<(height - 1) {
      for x in 1..<(width - 1) {
        for c in 0..<3 {
          let at = (y * width + x) * 3 + c
          var sum = 4 * Int(pixels[at])
          for dy in -1...1 { for dx in -1...1 { sum += Int(pixels[at + (dy * width + dx) * 3]) } }
          result.pixels[at] = Self.blend(Int((Double(sum) / 13 + 0.5)), pixels[at], factor)
        }
      }
    }
    return result
  }

  /// Shifts the hue of every pixel by a fraction of the color circle.
  func hueTurned(by share: Double) -> RGBImage {
    let shift = UInt8(truncatingIfNeeded: Int(share * 255))
    var result = self
    for at in stride(from: 0, to: pixels.count, by: 3) {
      var hsv = Self.hsv(pixels[at], pixels[at + 1], pixels[at + 2])
      hsv.hue &+= shift
      let rgb = Self.rgb(hsv)
      for c in 0..<3 { result.pixels[at + c] = rgb[c] }
    }
    return result
  }

  /// Keeps only the highest bits of each value.
  func posterized(bits: Int) -> RGBImage {
    let mask = UInt8(truncatingIfNeeded: 0xff << (8 - bits))
    return mapped { $0 & mask }
  }

  /// Inverts all values that are not below the threshold.
  func solarized(threshold: Double) -> RGBImage { mapped { Double($0) < threshold ? $0 : 255 - $0 } }

  /// Stretches the values of each channel to 0 to 255.
  var autoContrasted: RGBImage {
    channelwise { counts in
      guard let low = counts.firstIndex(where: { $0 > 0 }), let high = counts.lastIndex(where: { $0 > 0 }), high > low
      else { return Array(0...255) }
      let scale = 255 / Double(high - low)
      return (0..<256).map { UInt8(clamping: Int(Double($0) * scale - Double(low) * scale)) }
    }
  }

  /// Equalizes the histogram of each channel.
  var equalized: RGBImage {
    channelwise { counts in
      let present = counts.filter { $0 > 0 }
      let step = (present.reduce(0, +) - (present.last ?? 0)) / 255
      guard present.count > 1, step > 0 else { return Array(0...255) }
      var sum = step / 2
      return counts.map { count in
        defer { sum += count }
        return UInt8(clamping: sum / step)
      }
    }
  }

  private var grays: [UInt8] {
    stride(from: 0, to: pixels.count, by: 3).map { i in
      let red = 19595 * Int(pixels[i])
      let green = 38470 * Int(pixels[i + 1])
      let blue = 7471 * Int(pixels[i + 2])
      return UInt8((red + green + blue + 0x8000) >> 16)
    }
  }

  /// Interpolates from `first` (factor 0) to `second` (factor 1) or extrapolates beyond; the result is truncated to an
  /// integer and clamped.
  private static func blend(_ first: Int, _ second: UInt8, _ factor: Double) -> UInt8 {
    let value = Float(first) + Float(factor) * Float(Int(second) - first)
    return value <= 0 ? 0 : value >= 255 ? 255 : UInt8(value)
  }

  private func mapped(_ change: (UInt8) -> UInt8) -> RGBImage {
    let table = (0...255).map { change(UInt8($0)) }
    var result = self
    for i in result.pixels.indices { result.pixels[i] = table[Int(pixels[i])] }
    return result
  }

  private func channelwise(_ table: ([Int]) -> [UInt8]) -> RGBImage {
    var result = self
    for channel in 0..<3 {
      var counts = [Int](repeating: 0, count: 256)
      for i in stride(from: channel, to: pixels.count, by: 3) { counts[Int(pixels[i])] += 1 }
      let table = table(counts)
      for i in stride(from: channel, to: pixels.count, by: 3) { result.pixels[i] = table[Int(pixels[i])] }
    }
    return result
  }

  private static func hsv(_ red: UInt8, _ green: UInt8, _ blue: UInt8) -> (hue: UInt8, saturation: UInt8, value: UInt8)
  {
    let (high, low) = (max(red, green, blue), min(red, green, blue))
    guard high > low else { return (0, 0, high) }
    let range = Float(high) - Float(low)
    func distance(_ value: UInt8) -> Float { (Float(high) - Float(value)) / range }
    let (r, g, b) = (distance(red), distance(green), distance(blue))
    let sixth: Float
    if red == high {
      sixth = b - g
    } else if green == high {
      sixth = Float(2 + Double(r) - Double(b))
    } else {
      sixth = Float(4 + Double(g) - Double(r))
    }
    let turn = Double(sixth) / 6 + 1
    // Intermediate results are in single precision as in Pillow: the truncation to bytes depends on the last bit.
    let (hue, saturation) = (Float(turn - turn.rounded(.down)), range / Float(high))
    return (UInt8(clamping: Int(Double(hue) * 255)), UInt8(clamping: Int(Double(saturation) * 255)), high)
  }

  private static func rgb(_ hsv: (hue: UInt8, saturation: UInt8, value: UInt8)) -> [UInt8] {
    guard hsv.saturation > 0 else { return [hsv.value, hsv.value, hsv.value] }
    let sixth = Double(hsv.hue) * 6 / 255
    let sector = Int(sixth)
    let (fraction, saturation) = (Double(Float(sixth - Double(sector))), Double(Float(hsv.saturation) / 255))
    func byte(_ share: Double) -> UInt8 { UInt8(clamping: Int((Double(hsv.value) * share).rounded())) }
    let p = byte(1 - saturation)
    let q = byte(1 - saturation * fraction)
    let t = byte(1 - saturation * (1 - fraction))
    switch sector % 6 {
    case 0: return [hsv.value, t, p]
    case 1: return [q, hsv.value, p]
    case 2: return [p, hsv.value, t]
    case 3: return [p, q, hsv.value]
    case 4: return [t, p, hsv.value]
    default: return [hsv.value, p, q]
    }
  }
}
