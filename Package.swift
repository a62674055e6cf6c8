// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// A door to a C library: a module map and, where macros need them, static inline accessors.
func door(_ name: String, pkgConfig: String? = nil, debian: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debian])])
}

/// Every module of metasal's own, for those that may import all of them. What is imported must be named as a dependency: the
/// build notices changes in those modules alone, and would leave what was compiled against an older one as it is.
let modules: [Target.Dependency] = [
  "Components", "Tensors", "Networks", "Saliency", "Learning", "Formats", "Datasets", "Recipes", "Training",
]

/// A library target and its test target; each imports only targets above it, and the library alone its doors.
func library(
  _ name: String, _ dependencies: [Target.Dependency], doors: [Target.Dependency] = [], fixtures: Bool = false
) -> [Target] {
  [
    .target(name: name, dependencies: dependencies + doors, swiftSettings: strict),
    .testTarget(
      name: name + "Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies,
      exclude: fixtures ? ["Fixtures"] : [], swiftSettings: strict),
  ]
}

let package = Package(
  name: "metasal",
  products: [
    .executable(name: "metasal", targets: ["metasal"]),
    .library(name: "Metasal", targets: ["MetasalKit"]),
  ],
  traits: [
    .trait(
      name: "MPI", description: "Runs of several processes, on one machine or many, by MPI (Debian: libopenmpi-dev).")
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    // The command behind scripts/docs; no other build compiles any of it.
    .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0"),
  ],
  targets: [
    door("COpenBLAS", pkgConfig: "openblas", debian: "libopenblas-dev"),
    .target(name: "CKernels"),
    door("CPNG", pkgConfig: "libpng", debian: "libpng-dev"),
    door("CJPEG", pkgConfig: "libjpeg", debian: "libjpeg-dev"),
    door("CHDF5", pkgConfig: "hdf5-serial", debian: "libhdf5-dev"),
    .target(name: "CHDF5Reader", dependencies: ["CHDF5"]),
    door("CXML", pkgConfig: "libxml-2.0", debian: "libxml2-dev"),
    door("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
    door("CZip", pkgConfig: "libzip", debian: "libzip-dev"),
    door("CMPI", pkgConfig: "ompi-c", debian: "libopenmpi-dev"),
    .target(
      name: "Processes",
      dependencies: ["Tensors", "Learning", .target(name: "CMPI", condition: .when(traits: ["MPI"]))],
      swiftSettings: strict),
    .target(name: "TestSupport", dependencies: ["Tensors"], path: "Tests/TestSupport", swiftSettings: strict),
    .target(
      name: "Commands",
      dependencies: modules + ["Processes", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .target(name: "MetasalKit", dependencies: modules + ["Processes", "Commands"], swiftSettings: strict),
    .executableTarget(name: "metasal", dependencies: ["Commands"], swiftSettings: strict),
    .executableTarget(
      name: "metasal-benchmark",
      dependencies: modules + [.product(name: "ArgumentParser", package: "swift-argument-parser")],
      path: "Benchmarks/MetaStepBenchmark", swiftSettings: strict),
    .testTarget(
      name: "metasalTests", dependencies: ["metasal", "Commands", "TestSupport"] + modules, exclude: ["Faults"],
      swiftSettings: strict),
  ]
    + library("Components", [])
    + library("Tensors", ["CKernels"], doors: ["COpenBLAS"])
    + library("Networks", ["Components", "Tensors"], fixtures: true)
    + library("Saliency", ["Components", "Tensors", "Networks"], fixtures: true)
    + library("Learning", ["Components", "Tensors", "Networks", "Saliency"], fixtures: true)
    + library(
      "Formats", ["Components", "Tensors"], doors: ["CPNG", "CJPEG", "CHDF5", "CHDF5Reader", "CZip", "CZlib", "CXML"],
      fixtures: true)
    + library("Datasets", ["Components", "Tensors", "Formats"], fixtures: true)
    + library(
      "Recipes",
      [
        "Components", "Tensors", "Networks", "Saliency", "Learning", "Formats", "Datasets",
        .product(name: "Yams", package: "Yams"),
      ])
    + library("Training", modules.dropLast(), fixtures: true)
)
