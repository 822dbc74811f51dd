public import CoreMetrics
import Locking

/// The metrics of a process, and the page on which Prometheus reads them.
///
/// A metric is a `Family` and a handle of swift-metrics that is made of it once and then kept: `Counter(.refused, in: registry)`. Handles count by
/// atomic operations alone; making one, and writing the page, takes a lock. It is swift-metrics' factory too, for code that knows no families:
/// whatever was not declared, or has other labels than declared, is not kept, so that nobody can fill the page.
///
/// Threads: any task may call any method at any time.
public final class Registry: MetricsFactory {
    private struct Entry: Sendable {
        let family: Family
        /// By the values of the labels.
        var series: [[String]: Series] = [:]
    }

    private let entries = Lock<[String: Entry]>([:])
    /// More than any family has, so that a mistake with labels stays small.
    private static let seriesLimit = 2000

    /// Nothing declared yet.
    public init() {}

    /// Makes the name known. The same family may be declared again; another of its name is a mistake of the program.
    func declare(_ family: Family) {
        entries.withLock { entries in
            if let known = entries[family.name]?.family {
                precondition(
                    known.kind == family.kind && known.labels == family.labels, "\(family.name) is declared twice, as different metrics")
            } else {
                entries[family.name] = Entry(family: family)
            }
        }
    }

    /// Shows what `value` returns each time the page is written; without a line where it is nil. It must return at once.
    public func read(_ family: Family, _ labels: [String] = [], value: @escaping @Sendable () -> Double?) {
        precondition(labels.count == family.labels.count, "\(family.name) has the labels \(family.labels)")
        declare(family)
        entries.withLock { $0[family.name]?.series[labels] = .read(value) }
    }

    /// The series of a declared family, made where it is not there yet; nil where the family is not declared with these labels.
    private func series(_ name: String, _ dimensions: [(String, String)]) -> Series? {
        entries.withLock { entries in
            guard let entry = entries[name], entry.family.labels == dimensions.map(\.0) else { return nil }
            let labels = dimensions.map(\.1)
            if let known = entry.series[labels] { return known }
            guard entry.series.count < Self.seriesLimit else { return nil }
            let new =
                switch entry.family.kind {
                case .counter: Series.counter(CounterSeries())
                case .gauge: Series.gauge(GaugeSeries())
                case .histogram(let bounds): Series.histogram(HistogramSeries(bounds: bounds))
                }
            entries[name]?.series[labels] = new
            return new
        }
    }

    // MARK: The factory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        if case .counter(let counter) = series(label, dimensions) { return counter }
        return NOOPMetricsHandler.instance
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        if case .gauge(let gauge) = series(label, dimensions) { return gauge }
        return NOOPMetricsHandler.instance
    }

    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        let series = series(label, dimensions)
        if aggregate, case .histogram(let histogram) = series { return histogram }
        if !aggregate, case .gauge(let gauge) = series { return gauge }
        return NOOPMetricsHandler.instance
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        if case .histogram(let histogram) = series(label, dimensions) { return histogram }
        return NOOPMetricsHandler.instance
    }

    // A counter that was removed and made again would seem to have been reset: what was counted stays.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    // MARK: The page

    /// Everything counted so far, in Prometheus' text format 0.0.4.
    public func text() -> String {
        let entries = entries.withLock { Array($0.values) }
        var page = Page()
        for entry in entries.sorted(by: { $0.family.name < $1.family.name }) {
            let series = entry.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            page.add(entry.family, series.map { (labels: $0.key, series: $0.value) })
        }
        return page.text
    }
}

extension Counter {
    /// The counter of a family with the values of its labels. The same counter where it is made again.
    public convenience init(_ family: Family, _ labels: [String] = [], in registry: Registry) {
        registry.declare(family)
        self.init(label: family.name, dimensions: family.dimensions(labels), factory: registry)
    }
}

extension Meter {
    /// The gauge of a family with the values of its labels. The same gauge where it is made again.
    public convenience init(_ family: Family, _ labels: [String] = [], in registry: Registry) {
        registry.declare(family)
        self.init(label: family.name, dimensions: family.dimensions(labels), factory: registry)
    }
}

extension Recorder {
    /// The histogram of a family with the values of its labels. The same histogram where it is made again.
    public convenience init(_ family: Family, _ labels: [String] = [], in registry: Registry) {
        registry.declare(family)
        self.init(label: family.name, dimensions: family.dimensions(labels), aggregate: true, factory: registry)
    }
}

extension Family {
    fileprivate func dimensions(_ values: [String]) -> [(String, String)] {
        precondition(values.count == labels.count, "\(name) has the labels \(labels)")
        return Array(zip(labels, values))
    }
}
