import CHDF5Reader
import Foundation
import Synchronization

/// A child process (a fork of this one) that reads an HDF5 file, with limits on memory and time; see `CHDF5Reader.h`.
/// If the child crashes or exceeds a limit, the file is damaged, and this process throws an error and goes on.
final class HDF5Process: Sendable {
  /// The process identifier of the child.
  let number: pid_t
  private let path: String
  /// The socket to the child, or the error that closed it. The lock serializes requests.
  private let connection: Mutex<Result<Int32, FileError>>

  /// Starts a child process, which opens the file.
  init(_ path: String, _ limits: metasal_hdf5_limits) throws {
    var number = pid_t()
    // The child gets a copy of the library's state, so no thread may be inside a library call during the fork.
    let socket = try HDF5File.withLibrary { metasal_hdf5_start(path, limits, &number) }
    guard socket >= 0 else {
      throw FileError(.malformed, path, "no process can be started to read it: \(String(cString: strerror(errno)))")
    }
    (self.path, self.number) = (path, number)
    connection = Mutex(.success(socket))
    let answer = try connected { Self.receive(metasal_hdf5_answer(), $0) }
    guard answer.status == METASAL_HDF5_DONE else {
      throw FileError(.malformed, path, "not an HDF5 file, or a damaged one")
    }
  }

  deinit {
    connection.withLock { if case .success(let socket) = $0 { _ = end(socket) } }
  }

  /// Sends a request, about the named data set if the request needs one. Returns the status of the answer and the bytes
  /// that came with it.
  func ask(_ request: metasal_hdf5_request, _ name: String = "") throws(FileError) -> (status: Int, bytes: [UInt8]) {
    try connected { socket in
      guard let answer = Self.exchange(request, name, socket), answer.bytes <= METASAL_HDF5_LONGEST else {
        return nil
      }
      var bytes = [UInt8](repeating: 0, count: Int(answer.bytes))
      return bytes.withUnsafeMutableBytes { Self.receive(into: $0, socket) } ? (Int(answer.status), bytes) : nil
    }
  }

  /// Sends a request whose answer fills `bytes`, and returns whether the data could be read.
  func read(
    _ request: metasal_hdf5_request, _ name: String, into bytes: UnsafeMutableRawBufferPointer
  ) throws(FileError) -> Bool {
    try connected { socket in
      guard let answer = Self.exchange(request, name, socket) else { return nil }
      guard answer.status == METASAL_HDF5_DONE else { return false }
      return answer.bytes == bytes.count && Self.receive(into: bytes, socket) ? true : nil
    }
  }

  /// Runs `body` with exclusive use of the connection. If `body` returns nil, the child has ended or sent an invalid
  /// answer; then this call and all later ones throw.
  private func connected<Value: Sendable>(_ body: (Int32) -> Value?) throws(FileError) -> Value {
    try connection.withLock { connection throws(FileError) in
      let socket = try connection.get()
      if let value = body(socket) { return value }
      let error = end(socket)
      connection = .failure(error)
      throw error
    }
  }

  /// Closes the connection, waits until the child has ended, and returns the error that describes how it ended.
  private func end(_ socket: Int32) -> FileError {
    close(socket)
    let reason =
      switch metasal_hdf5_wait(number) {
      case 0: "ran out of memory"
      case SIGXCPU: "took too long"
      case let signal: "ended with signal \(signal)"
      }
    return FileError(.malformed, path, "damaged: the HDF5 library could not read it, and \(reason)")
  }

  // MARK: Bytes

  /// Sends a request and receives the answer to it.
  private static func exchange(
    _ request: metasal_hdf5_request, _ name: String, _ socket: Int32
  ) -> metasal_hdf5_answer? {
    var request = request
    request.name_bytes = UInt64(name.utf8.count)
    guard withUnsafeBytes(of: request, { send($0, socket) }), Array(name.utf8).withUnsafeBytes({ send($0, socket) })
    else { return nil }
    return receive(metasal_hdf5_answer(), socket)
  }

  private static func send(_ bytes: UnsafeRawBufferPointer, _ socket: Int32) -> Bool {
    transfer(bytes.count) { Glibc.send(socket, bytes.baseAddress?.advanced(by: $0), $1, Int32(MSG_NOSIGNAL)) }
  }

  private static func receive(into bytes: UnsafeMutableRawBufferPointer, _ socket: Int32) -> Bool {
    transfer(bytes.count) { recv(socket, bytes.baseAddress?.advanced(by: $0), $1, 0) }
  }

  /// Receives a value of a type without pointers.
  private static func receive<Value: BitwiseCopyable>(_ empty: Value, _ socket: Int32) -> Value? {
    var value = empty
    return withUnsafeMutableBytes(of: &value) { receive(into: $0, socket) } ? value : nil
  }

  /// Calls `step` with the numbers of bytes done and left until none are left; returns false if the other side has
  /// closed the connection.
  private static func transfer(_ count: Int, _ step: (_ done: Int, _ left: Int) -> Int) -> Bool {
    var done = 0
    while done < count {
      let n = step(done, count - done)
      if n < 0 && errno == EINTR { continue }
      guard n > 0 else { return false }
      done += n
    }
    return true
  }
}
