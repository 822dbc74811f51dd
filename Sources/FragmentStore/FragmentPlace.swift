/// Where the bytes of a fragment are.
struct FragmentPlace: Sendable, Hashable {
    /// A pack by its id.
    enum PackName: Sendable, Hashable {
        /// One whose fragments the database indexes.
        case archive(Int64)
        /// A file without a name, of this process alone.
        case ring(Int64)
    }

    let pack: PackName
    /// The payloads of its records, in order.
    let parts: [PackRange]
    /// The payload of the record with its header.
    let trackSet: PackRange
}

/// Bytes of a pack: those of a section, or the payload of a record, whose head lies before it.
struct PackRange: Sendable, Hashable {
    let offset: Int64
    let length: Int64

    var end: Int64 { offset + length }
}

extension PackRange {
    /// As the database has it.
    var text: String { "\(offset)+\(length)" }

    init?(_ text: some StringProtocol) {
        let numbers = text.split(separator: "+")
        guard numbers.count == 2, let offset = Int64(numbers[0]), let length = Int64(numbers[1]), offset >= 0, length >= 0 else {
            return nil
        }
        self.init(offset: offset, length: length)
    }
}
