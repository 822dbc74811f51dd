/// The text format of Prometheus, version 0.0.4.
struct Page {
    private(set) var text = ""

    /// Adds a family with its series, if any of them is to be shown.
    mutating func add(_ family: Family, _ series: [(labels: [String], series: Series)]) {
        var lines = ""
        for (values, series) in series {
            let labels = zip(family.labels, values).map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
            switch series {
            case .counter(let counter):
                let value = counter.value
                if value != 0 || labels.isEmpty { lines += Self.line(family.name, labels, "\(value)") }
            case .gauge(let gauge): lines += Self.line(family.name, labels, Self.number(gauge.value))
            case .histogram(let histogram): lines += Self.lines(family.name, labels, histogram)
            case .read(let read):
                if let value = read() { lines += Self.line(family.name, labels, Self.number(value)) }
            }
        }
        if lines.isEmpty { return }
        let type =
            switch family.kind {
            case .counter: "counter"
            case .gauge: "gauge"
            case .histogram: "histogram"
            }
        text += "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n# TYPE \(family.name) \(type)\n" + lines
    }

    private static func lines(_ name: String, _ labels: [String], _ histogram: HistogramSeries) -> String {
        let counts = histogram.cumulativeCounts
        let all = counts.last ?? 0
        if all == 0, !labels.isEmpty { return "" }
        var lines = ""
        for (count, bound) in zip(counts, histogram.bounds.map(number) + ["+Inf"]) {
            lines += line("\(name)_bucket", labels + ["le=\"\(bound)\""], "\(count)")
        }
        return lines + line("\(name)_sum", labels, number(histogram.sum)) + line("\(name)_count", labels, "\(all)")
    }

    private static func line(_ name: String, _ labels: [String], _ value: String) -> String {
        labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels.joined(separator: ","))} \(value)\n"
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
