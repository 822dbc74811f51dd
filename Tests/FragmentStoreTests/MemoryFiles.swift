import FragmentStore
import Glibc
import Locking
import Seeded
import TestSupport

/// A disk in memory, between the store and nothing: it fails as a test says, and forgets what was not synced.
///
/// Threads: any may use it at any time.
final class MemoryFiles: FileSystem {
    /// A call that a fault is for.
    enum Call: Sendable {
        case create
        case open
        case write
        case synchronize
        case allocate
        case remove
    }

    enum Fault: Sendable {
        case code(Int32)
        /// Half of the bytes are written, and no error is told.
        case short
    }

    fileprivate struct Content: Sendable {
        var bytes: [UInt8] = []
        var synced: [UInt8] = []
        /// What was written since, in order.
        var unsynced: [(offset: Int, bytes: [UInt8])] = []
        var holes: [Range<Int64>] = []
        /// How far space is taken ahead.
        var allocated = 0

        /// What it takes of the disk.
        var size: Int { Swift.max(bytes.count, allocated) }
    }

    fileprivate struct Rule {
        let call: Call
        let fault: Fault
        var skip: Int
        var times: Int
    }

    fileprivate struct State {
        var files: [String: Content] = [:]
        var folders: Set<String> = []
        var rules: [Rule] = []
        /// Counts the processes that have used it: what an earlier one holds is dead.
        var process = 0
        var held: [String: Int] = [:]
        var calls = 0
        /// The call with which the process dies; nil: it does not.
        var lastCall: Int?
        var capacity: Int64 = 1 << 40
        var nextUnnamed = 0
        var synchronizations = 0

        var used: Int64 { files.values.reduce(0) { $0 + Int64($1.size) } }
    }

    fileprivate let state = Lock(State())

    init() {}

    // MARK: For tests

    /// Lets the next `times` calls of a kind fail, after `skipping` that work.
    func inject(_ fault: Fault, on call: Call, skipping: Int = 0, times: Int = 1) {
        state.withLock { $0.rules.append(Rule(call: call, fault: fault, skip: skipping, times: times)) }
    }

    /// Whether every fault has taken place.
    var isSpent: Bool { state.withLock { $0.rules.isEmpty } }
    var calls: Int { state.withLock { $0.calls } }
    var synchronizations: Int { state.withLock { $0.synchronizations } }

    /// The process dies after so many more calls.
    func die(after calls: Int) { state.withLock { $0.lastCall = $0.calls + calls } }

    /// The process is gone; another may begin.
    func restart() {
        state.withLock { state in
            state.process += 1
            state.held = [:]
            state.lastCall = nil
            state.rules = []
            for name in state.files.keys where name.hasPrefix("unnamed/") { state.files[name] = nil }
        }
    }

    /// The machine loses power: of what was not synced some writes are there, whole or torn, and others are not.
    func losePower(_ random: inout SeededGenerator) {
        var generator = random
        state.withLock { state in
            for name in state.files.keys.sorted() {
                guard var content = state.files[name] else { continue }
                var bytes = content.synced
                for write in content.unsynced where Bool.random(using: &generator) {
                    let kept = Bool.random(using: &generator) ? write.bytes.count : Int.random(in: 0...write.bytes.count, using: &generator)
                    bytes.put(write.bytes.prefix(kept), at: write.offset)
                }
                content.bytes = bytes
                content.synced = bytes
                content.unsynced = []
                state.files[name] = content
            }
        }
        random = generator
        restart()
    }

    var names: [String] { state.withLock { $0.files.keys.filter { !$0.hasPrefix("unnamed/") }.sorted() } }
    var packs: [String] { names.filter { $0.hasSuffix(".pack") } }
    func bytes(of path: String) -> [UInt8] { state.withLock { $0.files[path]?.bytes ?? [] } }
    func holes(of path: String) -> [Range<Int64>] { state.withLock { $0.files[path]?.holes ?? [] } }
    func setCapacity(_ bytes: Int64) { state.withLock { $0.capacity = bytes } }
    func lose(_ path: String) { state.withLock { $0.files[path] = nil } }
    func change(_ path: String, at offset: Int) { state.withLock { $0.files[path]?.bytes[offset] ^= 1 } }

    // MARK: FileSystem

    /// Counts a call. Throws what is to go wrong with it; returns whether a write is to be short.
    fileprivate func pass(_ call: Call?, _ process: Int? = nil) throws(FileFailure) -> Bool {
        let failure: FileFailure?
        var isShort = false
        (failure, isShort) = state.withLock { state in
            if let process, process != state.process { return (FileFailure("the process is gone", code: EIO), false) }
            state.calls += 1
            if let last = state.lastCall, state.calls > last { return (FileFailure("the process is gone", code: EIO), false) }
            guard let call else { return (nil, false) }
            if call == .synchronize { state.synchronizations += 1 }
            for index in state.rules.indices where state.rules[index].call == call {
                guard state.rules[index].skip == 0 else {
                    state.rules[index].skip -= 1
                    continue
                }
                let fault = state.rules[index].fault
                state.rules[index].times -= 1
                if state.rules[index].times == 0 { state.rules.remove(at: index) }
                switch fault {
                case .code(let code): return (FileFailure("injected", code: code), false)
                case .short: return (nil, true)
                }
            }
            return (nil, false)
        }
        if let failure { throw failure }
        return isShort
    }

    /// Throws where the disk has no room for a file that reaches to `end`.
    fileprivate func requireRoom(for path: String, to end: Int) throws(FileFailure) {
        let isFull = state.withLock { state in
            let more = max(0, end - (state.files[path]?.size ?? end))
            return more > 0 && state.used + Int64(more) > state.capacity
        }
        if isFull { throw FileFailure("write", code: ENOSPC) }
    }

    func makeFolder(_ path: String) throws(FileFailure) {
        _ = try pass(nil)
        state.withLock { _ = $0.folders.insert(path) }
    }

    func create(_ path: String) throws(FileFailure) -> any StoredFile {
        _ = try pass(.create)
        try state.withLock { state throws(FileFailure) in
            guard state.files[path] == nil else { throw FileFailure("create", code: EEXIST) }
            state.files[path] = Content()
        }
        return MemoryFile(self, path, state.withLock { $0.process })
    }

    func createUnnamed(in folder: String) throws(FileFailure) -> any StoredFile {
        let name = state.withLock { state in
            state.nextUnnamed += 1
            return "unnamed/\(state.nextUnnamed)"
        }
        return try create(name)
    }

    func open(_ path: String, writing: Bool) throws(FileFailure) -> any StoredFile {
        _ = try pass(.open)
        guard state.withLock({ $0.files[path] != nil }) else { throw FileFailure("open \(path)", code: ENOENT) }
        return MemoryFile(self, path, state.withLock { $0.process })
    }

    func remove(_ path: String) throws(FileFailure) {
        _ = try pass(.remove)
        state.withLock { $0.files[path] = nil }
    }

    func space(at path: String) throws(FileFailure) -> DiskSpace {
        _ = try pass(nil)
        return state.withLock { state in
            DiskSpace(total: state.capacity, free: max(0, state.capacity - state.used))
        }
    }

    func hold(_ path: String) throws(FileFailure) -> (any Sendable)? {
        _ = try pass(nil)
        let process = state.withLock { state -> Int? in
            guard state.held[path] == nil else { return nil }
            state.held[path] = state.process
            return state.process
        }
        return process.map { Hold(self, path, $0) }
    }

    func names(in folder: String) throws(FileFailure) -> [String] {
        _ = try pass(nil)
        return state.withLock { state in
            let inside = state.files.keys.map { $0 } + Array(state.folders)
            return Set(inside.filter { $0.hasPrefix(folder + "/") }.map { String($0.dropFirst(folder.count + 1).prefix { $0 != "/" }) })
                .sorted()
        }
    }

    private final class Hold: Sendable {
        private let files: MemoryFiles
        private let path: String
        private let process: Int

        init(_ files: MemoryFiles, _ path: String, _ process: Int) {
            self.files = files
            self.path = path
            self.process = process
        }

        deinit { files.state.withLock { [path, process] state in if state.held[path] == process { state.held[path] = nil } } }
    }
}

private final class MemoryFile: StoredFile {
    private let files: MemoryFiles
    private let path: String
    private let process: Int

    init(_ files: MemoryFiles, _ path: String, _ process: Int) {
        self.files = files
        self.path = path
        self.process = process
    }

    private func change(_ body: (inout MemoryFiles.Content) -> Void) {
        // A file that was removed is written to by nobody that matters.
        files.state.withLock { [path] state in
            guard var content = state.files[path] else { return }
            state.files[path] = nil
            body(&content)
            state.files[path] = content
        }
    }

    func write(_ bytes: [UnsafeRawBufferPointer], at offset: Int64) throws(FileFailure) -> Int {
        var all = bytes.flatMap { Array($0) }
        if try files.pass(.write, process) { all = Array(all.prefix(max(1, all.count / 2))) }
        try files.requireRoom(for: path, to: Int(offset) + all.count)
        change { content in
            content.bytes.put(all[...], at: Int(offset))
            content.unsynced.append((Int(offset), all))
        }
        return all.count
    }

    func synchronize() throws(FileFailure) {
        _ = try files.pass(.synchronize, process)
        change { content in
            content.synced = content.bytes
            content.unsynced = []
        }
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileFailure) -> Int {
        _ = try files.pass(nil, process)
        guard let all = files.state.withLock({ $0.files[path]?.bytes }) else { throw FileFailure("read", code: EIO) }
        let found = all.dropFirst(Int(offset)).prefix(bytes.count)
        bytes.copyBytes(from: found)
        return found.count
    }

    func allocate(_ range: Range<Int64>) throws(FileFailure) {
        _ = try files.pass(.allocate, process)
        try files.requireRoom(for: path, to: Int(range.upperBound))
        change { $0.allocated = max($0.allocated, Int(range.upperBound)) }
    }

    func deallocate(_ range: Range<Int64>) throws(FileFailure) {
        _ = try files.pass(nil, process)
        change { content in
            content.holes.append(range)
            for index in Int(range.lowerBound)..<min(Int(range.upperBound), content.bytes.count) { content.bytes[index] = 0 }
        }
    }

    func truncate(to size: Int64) throws(FileFailure) {
        _ = try files.pass(nil, process)
        change { content in
            content.allocated = 0
            content.bytes = Array(content.bytes.prefix(Int(size))) + Array(repeating: 0, count: max(0, Int(size) - content.bytes.count))
            content.unsynced = content.unsynced.compactMap { write in
                write.offset >= Int(size) ? nil : (write.offset, Array(write.bytes.prefix(Int(size) - write.offset)))
            }
            content.synced = Array(content.synced.prefix(Int(size)))
        }
    }

    func size() throws(FileFailure) -> Int64 {
        _ = try files.pass(nil, process)
        return Int64(files.bytes(of: path).count)
    }
}

extension [UInt8] {
    /// Writes bytes at an offset, over what is there and beyond the end.
    fileprivate mutating func put(_ new: ArraySlice<UInt8>, at offset: Int) {
        if count < offset + new.count { append(contentsOf: repeatElement(0, count: offset + new.count - count)) }
        replaceSubrange(offset..<offset + new.count, with: new)
    }
}
