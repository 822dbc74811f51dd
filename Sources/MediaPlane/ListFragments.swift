import Contract
import FragmentStore
import Identity
import MediaFormats
import Store

extension ListFragments: MediaOperation {
    static func check(_ input: Input) throws(OperationError) {
        guard let range = input.fragmentSelector?.timestampRange, range.startTimestamp.milliseconds > range.endTimestamp.milliseconds else {
            return
        }
        throw OperationError(.invalidArgument, "StartTimestamp is later than EndTimestamp.")
    }
}

extension MediaPlane {
    /// A page of the fragments that are kept.
    func listFragments(_ input: ListFragments.Input, _ call: MediaCall) async throws(OperationError) -> ListFragments.Output {
        let stream = try await stream(call.key)
        let (selection, position) = try start(input, stream, call)
        let page: FragmentPage
        do throws(ReadFailure) {
            page = try await store.fragments(of: stream, selection, after: position, limit: input.maxResults ?? Self.defaultPage)
        } catch {
            throw OperationError(error)
        }
        return ListFragments.Output(
            fragments: page.fragments.map { record in
                Fragment(
                    fragmentLengthInMilliseconds: Int(record.length), fragmentNumber: record.number.description,
                    fragmentSizeInBytes: Int(record.size), producerTimestamp: Timestamp(millisecondsSinceEpoch: record.producerTime),
                    serverTimestamp: Timestamp(millisecondsSinceEpoch: record.serverTime))
            },
            nextToken: page.next.map { next in
                pageTokens.token(
                    after: "\(selection.text) \(next.time) \(next.sequence)", filter: stream.arn, call.operation, call.caller)
            })
    }

    /// Reference, ListFragments, MaxResults.
    private static let defaultPage = 100

    /// What is listed, and from where on. A token holds both.
    private func start(
        _ input: ListFragments.Input, _ stream: StoredStream, _ call: MediaCall
    ) throws(OperationError) -> (FragmentSelection, FragmentPosition?) {
        let asked = input.fragmentSelector.map { FragmentSelection($0) }
        if case .serverTime(let range)? = asked, stream.retentionHours > 0, range.upperBound <= stream.horizon {
            throw OperationError(.invalidArgument, "End timestamp \(range.upperBound) is outside of the stream retention period.")
        }
        guard let last = try pageTokens.last(in: input.nextToken, filter: stream.arn, call.operation, call.caller) else {
            return (asked ?? .all, nil)
        }
        let parts = last.split(separator: " ")
        guard parts.count == 5, let selection = FragmentSelection(parts[0], parts[1], parts[2]), asked == nil || asked == selection,
            let time = Int64(parts[3]), let sequence = Int64(parts[4])
        else { throw OperationError(.invalidArgument, "NextToken is of a list with another FragmentSelector.") }
        return (selection, FragmentPosition(time: time, sequence: sequence))
    }
}

extension FragmentSelection {
    fileprivate init(_ selector: FragmentSelector) {
        let range = selector.timestampRange.startTimestamp.milliseconds...selector.timestampRange.endTimestamp.milliseconds
        self = TimestampSource(selector.fragmentSelectorType).selection(of: range)
    }

    /// As a token has it: three words.
    fileprivate var text: String {
        switch self {
        case .all: "all 0 0"
        case .serverTime(let range): "server \(range.lowerBound) \(range.upperBound)"
        case .producerTime(let range): "producer \(range.lowerBound) \(range.upperBound)"
        }
    }

    fileprivate init?(_ kind: Substring, _ first: Substring, _ last: Substring) {
        guard let first = Int64(first), let last = Int64(last), first <= last else { return nil }
        switch kind {
        case "all": self = .all
        case "server": self = .serverTime(first...last)
        case "producer": self = .producerTime(first...last)
        default: return nil
        }
    }
}

extension Timestamp {
    var milliseconds: Int64 { millisecondsSinceEpoch }
}
