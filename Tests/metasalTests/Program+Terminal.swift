import Foundation
import Testing

extension Program {
  /// Runs the program on a terminal of some width, and returns everything that it wrote there.
  func onTerminal(_ arguments: [String], columns: Int, environment: [String: String]) throws -> String {
    var (terminal, side): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: 50, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    try #require(openpty(&terminal, &side, nil, nil, &size) == 0)
    defer { close(terminal) }
    let output = FileHandle(fileDescriptor: side, closeOnDealloc: false)
    let process = Process()
    process.executableURL = Self.path
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
    (process.standardOutput, process.standardError) = (output, output)
    try process.run()
    try output.close()
    // Reading ends with an error when the program has closed its side.
    var (text, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    while case let count = read(terminal, &buffer, buffer.count), count > 0 { text += buffer.prefix(count) }
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }
}
