import Glibc

/// The calls to the operating system by which packs are written and read, so that a test can stand between.
///
/// Calls block. Threads: any thread may call any method at any time.
public protocol FileSystem: Sendable {
}

/// The files of this machine.
public struct LocalFiles: FileSystem {
    public init() {}
}

/// Now, in milliseconds since the epoch.
@Sendable public func systemTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
