import Contract
public import Store

/// Reads an audit log from its beginning and finds what was changed, taken out, put in or cut off since it was written.
public struct AuditVerifier {
    /// A record that is known from elsewhere: a chain must hold it still, unless it was removed because of its age.
    public struct Anchor: Sendable, Hashable, CustomStringConvertible {
        public let chain: String
        public let sequence: Int64
        public let code: String

        /// Reads `CHAIN:SEQUENCE:CODE`.
        public init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 3, let sequence = Int64(parts[1]), sequence >= 1, parts[2].utf8.count == 64 else { return nil }
            self.init(chain: String(parts[0]), sequence: sequence, code: String(parts[2]))
        }

        init(chain: String, sequence: Int64, code: String) {
            self.chain = chain
            self.sequence = sequence
            self.code = code
        }

        public var description: String { "\(chain):\(sequence):\(code)" }
    }

    /// What was found.
    public struct Finding: Sendable {
        /// At most a hundred, each a sentence; empty where nothing is wrong.
        public let faults: [String]
        /// Sentences on what is odd and proves nothing, such as a line that a killed process has left half written.
        public let remarks: [String]
        public let records: Int
        /// The newest record of each chain.
        public let anchors: [Anchor]
    }

    private struct Progress {
        var last: AuditVerifier.Anchor
    }

    private static let mostFaults = 100

    private let key: AuditKey
    private let chains: [String: AuditChainRecord]
    private let expected: [AuditChainRecord]
    private let anchors: [Anchor]
    private var progress: [String: Progress] = [:]
    private var metAnchors: Set<Anchor> = []
    private var faults: [String] = []
    private var remarks: [String] = []
    private var records = 0

    /// - Parameters:
    ///   - chains: All chains that the database knows, the oldest first.
    ///   - isExpected: Whether the place that is read must have the records of a chain.
    ///   - anchors: Records that the chains must hold.
    public init(
        key: AuditKey, chains: [AuditChainRecord], anchors: [Anchor] = [], isExpected: (AuditChainRecord) -> Bool
    ) {
        self.key = key
        self.chains = Dictionary(chains.map { ($0.id, $0) }) { first, _ in first }
        expected = chains.filter(isExpected)
        self.anchors = anchors
        var number = chains.first?.number ?? 1
        if let oldest = chains.first, !oldest.isOldest { fault("Chains are missing before number \(oldest.number), the oldest there is.") }
        for chain in chains {
            if chain.number != number { fault("Chains are missing: after number \(number - 1) comes \(chain.number).") }
            number = chain.number + 1
            if key.firstSeal(chain) != chain.firstSeal {
                fault("What the database says of the beginning of chain \(chain.id) was changed.")
            }
            if key.lastSeal(chain: chain.id, sequence: chain.lastSequence, code: chain.lastCode) != chain.lastSeal {
                fault("What the database says of the end of chain \(chain.id) was changed.")
            }
        }
    }

    private mutating func fault(_ text: String) {
        if faults.count < Self.mostFaults { faults.append(text) }
    }

    /// Looks at the next line of a file.
    public mutating func take(line: Substring) {
        guard let link = AuditLink(line) else {
            if remarks.count < Self.mostFaults { remarks.append("A line after \(records) records is no record: \(line.utf8.count) bytes.") }
            return
        }
        take(link)
    }

    /// Looks at the next record of the table.
    public mutating func take(_ record: AuditRecord) {
        guard let link = AuditLink(record.line[...]), link.chain == record.chain, link.sequence == record.sequence,
            record.isAsItsLineSays
        else { return fault("Record \(record.sequence) of chain \(record.chain) is another than its columns say.") }
        take(link)
    }

    private mutating func take(_ link: AuditLink) {
        records += 1
        let name = "record \(link.sequence) of chain \(link.chain)"
        guard let chain = chains[link.chain] else { return fault("There is a \(name), and the database knows no such chain.") }
        guard key.code(of: Array(link.covered)) == link.code else { return fault("A line that says it is \(name) was changed.") }
        if let last = progress[link.chain]?.last {
            if link.sequence != last.sequence + 1 {
                fault(
                    link.sequence > last.sequence
                        ? "Records \(last.sequence + 1) to \(link.sequence - 1) of chain \(link.chain) are missing."
                        : "After record \(last.sequence) of chain \(link.chain) comes record \(link.sequence).")
            } else if link.previous != last.code {
                fault("The record before \(name) is another than when it was written.")
            }
        } else if link.sequence > chain.firstSequence {
            fault("Records \(chain.firstSequence) to \(link.sequence - 1) of chain \(link.chain) are missing.")
        } else if link.sequence == chain.firstSequence, link.previous != chain.firstPrevious {
            fault("The record before \(name) is another than when it was written.")
        }
        let here = Anchor(chain: link.chain, sequence: link.sequence, code: link.code)
        progress[link.chain] = Progress(last: here)
        if link.sequence == chain.lastSequence, link.code != chain.lastCode { fault("The \(name) is another than the newest one was.") }
        for anchor in anchors where anchor.chain == here.chain && anchor.sequence == here.sequence {
            metAnchors.insert(anchor)
            if anchor != here { fault("The \(name) is another than the one that was told of.") }
        }
    }

    /// What was found, once every line was looked at.
    public mutating func finish() -> Finding {
        for chain in expected where chain.lastSequence >= chain.firstSequence {
            let last = progress[chain.id]?.last.sequence ?? chain.firstSequence - 1
            if last < chain.lastSequence {
                fault("Records \(last + 1) to \(chain.lastSequence) of chain \(chain.id), the newest ones, are missing.")
            }
        }
        for anchor in anchors where !metAnchors.contains(anchor) {
            if let chain = chains[anchor.chain], chain.firstSequence > anchor.sequence { continue }
            fault("Record \(anchor.sequence) of chain \(anchor.chain), which was told of, is missing.")
        }
        return Finding(
            faults: faults, remarks: remarks, records: records, anchors: progress.values.map(\.last).sorted { $0.chain < $1.chain })
    }
}

extension AuditRecord {
    /// Reads a record's line for what it can be searched by; nil where it is no record. The time is that of its second.
    public init?(line: Substring) {
        guard let link = AuditLink(line), case .object(let record)? = try? JSONParser.parse(Array(line.utf8)) else { return nil }
        func text(_ value: JSONValue?) -> String { if case .string(let text)? = value { text } else { "" } }
        func object(_ value: JSONValue?) -> JSONObject { if case .object(let object)? = value { object } else { JSONObject() } }
        let identity = object(record["userIdentity"])
        var resource = ""
        if case .array(let resources)? = record["resources"], case .object(let first)? = resources.first {
            resource = first.members.first.map { text($0.value) } ?? ""
        }
        self.init(
            chain: link.chain, sequence: link.sequence, time: AuditEntry.milliseconds(text(record["eventTime"])) ?? 0,
            account: text(identity["accountId"]), principal: text(identity["arn"]), eventName: text(record["eventName"]),
            resource: resource, errorCode: text(record["errorCode"]), line: String(line))
    }

    /// Whether what stands beside the line in the table is what the line says.
    fileprivate var isAsItsLineSays: Bool {
        guard let read = AuditRecord(line: line[...]) else { return false }
        return read.account == account && read.principal == principal && read.eventName == eventName && read.resource == resource
            && read.errorCode == errorCode && read.time / 1000 == time / 1000
    }
}
