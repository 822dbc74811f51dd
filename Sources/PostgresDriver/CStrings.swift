/// Null-terminated strings, some of them NULL, in one piece of memory: the form in which libpq takes arguments and keywords.
struct CStrings: Sendable {
    private var bytes: [UInt8] = []
    private var offsets: [Int?] = []

    /// How many strings there are, the NULL ones included.
    var count: Int { offsets.count }
    /// How many bytes they take, terminators included.
    var size: Int { bytes.count }

    /// Appends a string, or nil for NULL. False where it holds U+0000, at which C would cut it off without a word.
    mutating func append(_ string: String?) -> Bool {
        guard let string else {
            offsets.append(nil)
            return true
        }
        let start = bytes.count
        bytes.append(contentsOf: string.utf8)
        guard !bytes[start...].contains(0) else {
            bytes.removeSubrange(start...)
            return false
        }
        bytes.append(0)
        offsets.append(start)
        return true
    }

    /// The strings as C pointers, valid during the call.
    func withPointers<Result>(_ body: (UnsafeMutableBufferPointer<UnsafePointer<CChar>?>) -> Result) -> Result {
        bytes.withUnsafeBytes { memory in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: max(1, count)) { pointers in
                for (index, offset) in offsets.enumerated() {
                    pointers.initializeElement(
                        at: index, to: offset.flatMap { memory.baseAddress?.advanced(by: $0) }?.assumingMemoryBound(to: CChar.self))
                }
                return body(pointers)
            }
        }
    }
}
