import Networks
import Tensors

/// Tables of the available networks and their layers, for display.
public enum Catalogue {
  /// A table of all architectures with their last layers at the three smallest sizes, numbers of parameters and usual
  /// image sizes, in lines of at most `width` characters.
  public static func architectures(width: Int = Terminal.usualColumns) -> String {
    var table = Table(["network", "layers for saliency, from coarse to fine", "parameters", "images"], leftAligned: 2)
    for architecture in Architecture.all {
      let network = architecture.network(classes: architecture.usualSide == 32 ? 10 : 1000, seed: nil)
      let parameters = network.parameters.reduce(0) { $0 + $1.count }
      let side = max(64, architecture.smallestSide)
      let stages = network.stages(height: side, width: side).suffix(3).reversed().joined(separator: ", ")
      table.add([
        architecture.name, stages, grouped(parameters), "\(architecture.usualSide)×\(architecture.usualSide)",
      ])
    }
    return
      "\(table.text(width: width))\n\nParameters are for 10 classes at 32×32 and 1000 at 224×224. `metasal models NAME` lists a network's layers."
  }

  /// A table of a network's layers whose activations have locations [N, H, W, C], with their sizes, in lines of at most
  /// `width` characters.
  public static func layers(of architecture: Architecture, width: Int = Terminal.usualColumns) -> String {
    let side = architecture.usualSide
    let network = architecture.network(seed: nil)
    let names = network.layerNames(height: side, width: side)
    let activations = network(.zeros([1, side, side, 3]), capturing: names).activations
    let stages = Set(network.stages(height: side, width: side))
    var table = Table(["layer", "rows", "columns", "channels", ""], leftAligned: 1)
    for name in names {
      guard let shape = activations[name]?.shape else { continue }
      table.add([name] + shape.dropFirst().map(String.init) + [stages.contains(name) ? "last of its size" : ""])
    }
    return "\(architecture), with images of \(side)×\(side)\n\n\(table.text(width: width))"
  }

  private static func grouped(_ number: Int) -> String {
    var (text, rest) = ("", number)
    while rest >= 1000 {
      text = "," + String(String(1000 + rest % 1000).dropFirst()) + text
      rest /= 1000
    }
    return String(rest) + text
  }
}
