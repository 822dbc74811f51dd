import Contract
import FragmentStore
import MediaFormats

extension TimestampSource {
    init(_ type: FragmentSelectorType) {
        self =
            switch type {
            case .producerTimestamp: .producer
            case .serverTimestamp: .server
            }
    }

    /// When a fragment starts by this clock.
    func start(of record: FragmentRecord) -> Int64 {
        switch self {
        case .server: record.serverTime
        case .producer: record.producerTime
        }
    }

    /// The fragments that start in a range by this clock.
    func selection(of range: ClosedRange<Int64>) -> FragmentSelection {
        switch self {
        case .server: .serverTime(range)
        case .producer: .producerTime(range)
        }
    }
}
