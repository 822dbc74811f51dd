import Contract

/// What is wrong with a policy, and where. The text may be shown to whoever wrote the policy: it repeats parts of it.
public struct PolicyMistake: Error, Sendable, Equatable, CustomStringConvertible {
    /// Such as `Statement[1].Condition.IpAddress.aws:SourceIp`; empty for the document as a whole.
    public let path: String
    /// Counted from 1; columns in bytes.
    public let line: Int
    public let column: Int
    public let message: String

    public var description: String {
        "line \(line), column \(column)\(path.isEmpty ? "" : ", \(path)"): \(message)"
    }

    init(_ message: String, path: String = "", offset: Int, in bytes: [UInt8]) {
        let before = bytes.prefix(offset)
        line = before.count { $0 == UInt8(ascii: "\n") } + 1
        column = offset - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
        self.path = path
        self.message = message
    }
}

/// A mistake whose place is known as a way into the document, not yet as a line.
struct Misplaced: Error {
    let place: Place
    let message: String

    init(_ message: String, at place: Place) {
        self.place = place
        self.message = message
    }

    func found(in bytes: [UInt8]) -> PolicyMistake {
        PolicyMistake(message, path: place.path, offset: place.offset(in: bytes), in: bytes)
    }
}

/// A value of a JSON document, by the way to it.
struct Place: Sendable {
    private enum Step {
        case member(String, Int)
        case element(Int)
    }

    private var steps: [Step] = []
    /// Whether the name of the last member is meant, not its value.
    private var isName = false

    func member(_ name: String, _ index: Int) -> Place { adding(.member(name, index)) }

    func element(_ index: Int) -> Place { adding(.element(index)) }

    /// The name of the member whose value this is.
    var name: Place {
        var place = self
        place.isName = true
        return place
    }

    private func adding(_ step: Step) -> Place {
        var place = self
        place.steps.append(step)
        return place
    }

    var path: String {
        var path = ""
        for step in steps {
            switch step {
            case .member(let name, _): path += (path.isEmpty ? "" : ".") + name
            case .element(let index): path += "[\(index)]"
            }
        }
        return path
    }

    /// Where the value begins. The document was read before, so it is valid.
    func offset(in bytes: [UInt8]) -> Int {
        var scan = Scan(bytes: bytes)
        for (number, step) in steps.enumerated() {
            switch step {
            case .element(let index): scan.enter(after: index, isObject: false)
            case .member(_, let index):
                scan.enter(after: index, isObject: true)
                if isName, number == steps.count - 1 { continue }
                scan.skipValue()
                scan.skipSeparators()
            }
        }
        return scan.offset
    }

    /// Walks over a valid document.
    private struct Scan {
        let bytes: [UInt8]
        var offset = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
            skipSeparators()
        }

        private var byte: UInt8 { offset < bytes.count ? bytes[offset] : 0 }

        /// White space, and what parts values from each other.
        mutating func skipSeparators() {
            while offset < bytes.count, [0x20, 0x09, 0x0A, 0x0D, UInt8(ascii: ","), UInt8(ascii: ":")].contains(byte) { offset += 1 }
        }

        /// From the bracket of a container to its value, or the name of its member, of this number.
        mutating func enter(after count: Int, isObject: Bool) {
            offset += 1
            skipSeparators()
            for _ in 0..<(isObject ? 2 * count : count) {
                skipValue()
                skipSeparators()
            }
        }

        mutating func skipValue() {
            var depth = 0
            repeat {
                switch byte {
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    depth += 1
                    offset += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    offset += 1
                case UInt8(ascii: "\""): skipString()
                default:
                    while offset < bytes.count, ![0x20, 0x09, 0x0A, 0x0D, 0x2C, 0x5D, 0x7D].contains(byte) { offset += 1 }
                }
                if depth > 0 { skipSeparators() }
            } while depth > 0 && offset < bytes.count
        }

        private mutating func skipString() {
            offset += 1
            while offset < bytes.count, byte != UInt8(ascii: "\"") { offset += byte == UInt8(ascii: "\\") ? 2 : 1 }
            offset += 1
        }
    }
}
