import CoreMetrics
import Synchronization

/// One line, or one histogram, of a family: the labels' values are known to the registry alone.
enum Series: Sendable {
    case counter(CounterSeries)
    case gauge(GaugeSeries)
    case histogram(HistogramSeries)
    /// Asked for each time the page is written; nil leaves the line out.
    case read(@Sendable () -> Double?)
}

/// Threads: any task may count at any time, without waiting.
final class CounterSeries: CounterHandler {
    private let count = Atomic<Int64>(0)

    var value: Int64 { count.load(ordering: .relaxed) }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { count.store(0, ordering: .relaxed) }
}

/// Threads: any task may set it at any time, without waiting.
final class GaugeSeries: MeterHandler, RecorderHandler {
    private let number = AtomicDouble()

    var value: Double { number.value }

    func set(_ value: Int64) { number.set(Double(value)) }
    func set(_ value: Double) { number.set(value) }
    func increment(by amount: Double) { number.add(amount) }
    func decrement(by amount: Double) { number.add(-amount) }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }
}

/// Threads: any task may observe at any time, without waiting. Who reads meanwhile may find an observation in its bucket and not yet in the sum.
final class HistogramSeries: RecorderHandler, TimerHandler {
    let bounds: [Double]
    /// One for each bound, and one for what is above them all.
    private let counts: [CounterSeries]
    private let total = AtomicDouble()

    init(bounds: [Double]) {
        self.bounds = bounds
        counts = (0...bounds.count).map { _ in CounterSeries() }
    }

    /// The number of observations up to each bound, and of all as the last.
    var cumulativeCounts: [Int64] {
        var sum: Int64 = 0
        return counts.map { count in
            sum += count.value
            return sum
        }
    }

    var sum: Double { total.value }

    func record(_ value: Double) {
        guard !value.isNaN else { return }
        var place = 0
        while place < bounds.count, value > bounds[place] { place += 1 }
        counts[place].increment(by: 1)
        total.add(value)
    }

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}

/// A number of 64 bits that many threads add to.
private struct AtomicDouble: ~Copyable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (isDone, found) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if isDone { return }
            old = found
        }
    }
}
