public import Crypto
import FoundationEssentials
import Store

/// Makes and checks the codes that tie the records of an audit log together: HMAC-SHA256 in hexadecimal, under a key that is in the database only as
/// the master key has sealed it.
public struct AuditKey: Sendable {
    private let key: SymmetricKey

    public init(_ key: SymmetricKey) { self.key = key }

    /// What stands for the code of the record before the first.
    static let none = String(repeating: "0", count: 64)

    func code(of text: some DataProtocol) -> String {
        HMAC<SHA256>.authenticationCode(for: text, using: key).hexadecimal
    }

    private func code(_ parts: [String]) -> String { code(of: Data(parts.joined(separator: "\n").utf8)) }

    /// Binds a chain to its number, and to what is kept of it.
    func firstSeal(_ chain: AuditChainRecord) -> String {
        code([
            "first", String(chain.number), chain.id, chain.place, chain.isInTable ? "table" : "", chain.isOldest ? "oldest" : "",
            String(chain.firstSequence), chain.firstPrevious,
        ])
    }

    /// Binds a chain to its newest record, so that it cannot be cut off.
    func lastSeal(chain: String, sequence: Int64, code last: String) -> String {
        code(["last", chain, String(sequence), last])
    }
}

extension Sequence<UInt8> {
    fileprivate var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

/// What a line of an audit log says of its place in a chain. The line is JSON whose last member is
/// `"integrity":{"chain":"ID","sequence":N,"previous":"CODE","code":"CODE"}`; the code covers everything before it.
struct AuditLink {
    let chain: String
    let sequence: Int64
    let previous: String
    let code: String
    /// What the code covers.
    let covered: Substring.UTF8View.SubSequence

    /// The record as it stands in the log. `record` is JSON with at least one member.
    static func line(_ record: [UInt8], chain: String, sequence: Int64, previous: String, key: AuditKey) -> (bytes: [UInt8], code: String) {
        var line = record
        line.removeLast()
        line += #","integrity":{"chain":"\#(chain)","sequence":\#(sequence),"previous":"\#(previous)""#.utf8
        let code = key.code(of: line)
        line += #","code":"\#(code)"}}"#.utf8
        return (line, code)
    }

    /// Reads a line without its line break; nil where it has no such form.
    init?(_ line: Substring) {
        guard let start = line.ranges(of: #","integrity":{"chain":""#).last else { return nil }
        let parts = line[start.upperBound...].split(separator: "\"", omittingEmptySubsequences: false)
        guard parts.count == 12, parts[1] == ",", parts[2] == "sequence", parts[3].first == ":", parts[3].last == ",",
            let sequence = Int64(parts[3].dropFirst().dropLast()), sequence >= 1, parts[4] == "previous", parts[5] == ":", parts[7] == ",",
            parts[8] == "code", parts[9] == ":", parts[11] == "}}"
        else { return nil }
        chain = String(parts[0])
        self.sequence = sequence
        previous = String(parts[6])
        code = String(parts[10])
        covered = line.utf8.dropLast(#","code":""}}"#.utf8.count + code.utf8.count)
    }
}
