import Foundation

/// The material that lies beside the repository on developers' machines: reference values, real images and weights.
public enum Shared {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("shared").path

  /// The path of something in it.
  public static func path(_ name: String) -> String { folder + "/" + name }

  /// Whether it is there; tests that need it are skipped where it is not.
  public static func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}
