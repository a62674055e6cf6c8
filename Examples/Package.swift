// swift-tools-version: 6.2
import PackageDescription

// A package that depends on metasal: here by its path, elsewhere by its URL.
let package = Package(
  name: "metasal-examples",
  dependencies: [.package(name: "metasal", path: "..")],
  targets: [
    .executableTarget(name: "ByHand", dependencies: [.product(name: "Metasal", package: "metasal")]),
    .executableTarget(name: "OwnParts", dependencies: [.product(name: "Metasal", package: "metasal")]),
  ]
)
