import Datasets
import Formats
import Learning
import Networks
import Recipes
import Saliency
import Tensors

/// Figures that compare the maps of a few images before and after training: for each layer and for the explained class
/// and its contrast class, the maps at the plain weights and after a virtual class update.
struct Gallery {
  private let setup: Setup
  /// The approximate side of an image in a sheet, in pixels.
  private static let side = 128

  init(_ setup: Setup) { self.setup = setup }

  /// Draws one sheet per image and writes it to `folder`.
  ///
  /// - Returns: the paths of the written files.
  func draw(before: Network, after: Network, into folder: String) throws -> [String] {
    let dataset = setup.validation.dataset
    let indices = dataset.spread(setup.recipe.evaluation.figures)
    guard !indices.isEmpty else { return [] }
    try Files.makeFolder(folder)
    return try indices.enumerated().compactMap { number, index in
      let batch: Batch
      do { batch = try setup.validation.batch([index]) } catch  where setup.validation.brokenImages == .skip {
        return nil
      }
      let label = batch.labels[0]
      let contrast = contrastClass(of: label, before(batch.images).logits)
      let words = [label, contrast].map { className($0).asFileName(bytes: 100) }
      let name = "\(number)-\(words[0])-not-\(words[1])"
      let path = "\(folder)/\(name).png"
      try sheet(batch, classes: [label, contrast], networks: [("before", before), ("after", after)]).writePNG(to: path)
      return path
    }
  }

  /// The name of a class; its index if the data have no name for it.
  private func className(_ index: Int) -> String {
    let names = setup.classNames
    return names.indices.contains(index) ? names[index] : "\(index)"
  }

  /// A sheet of images with their labels below them.
  static func labelled(_ rows: [[(image: RGBImage, label: String)]]) -> RGBImage {
    let factor = max(1, side / 2 / (rows.first?.first?.image.width ?? side))
    return .sheet(
      columns: (rows.first ?? []).map { _ in "" },
      rows: rows.map { row in (label: [], images: row.map { $0.image.enlarged(factor).captioned($0.label) }) })
  }

  /// The contrast class of a label in the recipe's objectives (before training), or the least likely class.
  private func contrastClass(of label: Int, _ logits: Tensor) -> Int {
    setup.recipe.outer.lazy.compactMap { $0.objective.contrastClass(to: label, logits: logits) }.first
      ?? ClassSensitivity().classes(logits: logits, labels: [label], draws: [0]).contrast[0]
  }

  private func sheet(_ batch: Batch, classes: [Int], networks: [(String, Network)]) -> RGBImage {
    let image = batch.rgbImages[0]
    let large = image.enlarged(max(1, Self.side / image.width))
    let layers = setup.recipe.saliency.layers
    let updates: [InnerUpdate?] = setup.evaluation.update.map { [nil, $0] } ?? [nil]
    var columns = ["image"]
    // maps[class][layer] holds one map per column.
    var maps = classes.map { _ in layers.map { _ in [Tensor]() } }
    for (title, network) in networks {
      for update in updates {
        columns.append(update == nil ? title : "\(title), virtual")
        for (i, class_) in classes.enumerated() {
          for (l, map) in self.maps(network, batch.images, class_, layers, update).enumerated() {
            maps[i][l].append(map)
          }
        }
      }
    }
    let rows = classes.indices.flatMap { i in
      layers.indices.map { l in
        (
          label: ["class", className(classes[i]), "", "layer", layers[l]],
          images: [large] + maps[i][l].map { large.overlaid(with: $0) }
        )
      }
    }
    return RGBImage.sheet(columns: columns, rows: rows)
  }

  private func maps(_ network: Network, _ image: Tensor, _ class_: Int, _ layers: [String], _ update: InnerUpdate?)
    -> [Tensor]
  {
    let network = update == nil ? network : network.with(parameters: network.parameters.map { $0.tracked() })
    return ImageMaps(Inference(network, image, capturing: layers))
      .tensors(.init(methods: [setup.recipe.saliency.method], layers: layers), of: class_, after: update)[0]
  }
}
