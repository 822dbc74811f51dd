/// Where the bytes of a fragment are.
enum FragmentPlace: Sendable, Hashable {
    /// In a pack: the payloads of its records, in order, and that of the record with its header.
    case pack(id: Int64, parts: [PackRange], trackSet: PackRange)
    /// In a volatile file of this process.
    case ring(fileID: Int64, parts: [PackRange], trackSet: PackRange)
}

/// Bytes of a pack: the payload of one record. The record's head lies before it.
struct PackRange: Sendable, Hashable {
    let offset: Int64
    let length: Int64
}
