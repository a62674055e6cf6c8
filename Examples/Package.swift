// swift-tools-version: 6.2
import PackageDescription

// A package that depends on metasal: here by its path, elsewhere by its URL.
let package = Package(
  name: "metasal-examples",
  dependencies: [.package(name: "metasal", path: "..")],
  targets: [
    .executableTarget(name: "ByHand", dependencies: [.product(name: "Metasal", package: "metasal")]),
    .executableTarget(name: "FirstProgram", dependencies: [.product(name: "Metasal", package: "metasal")]),
    .executableTarget(name: "OwnParts", dependencies: [.product(name: "Metasal", package: "metasal")]),
    // The how-to articles' components, each with its test.
    .testTarget(
      name: "HowTo", dependencies: [.product(name: "Metasal", package: "metasal")], exclude: ["recipe.yaml"],
      swiftSettings: [.treatAllWarnings(as: .error)]),
  ]
)
