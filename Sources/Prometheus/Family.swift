/// What is declared of a metric, once, beside the code that counts: its name, its help, and the names of its labels.
///
/// Names follow Prometheus' conventions, which `promtool check metrics` knows: base units (`_seconds`, `_bytes`), counters end in `_total`.
/// The values of labels come from the program, never from clients, so that there are few of them.
public struct Family: Sendable {
    enum Kind: Sendable, Hashable {
        case counter
        case gauge
        /// Upper bounds, rising; what is above the last of them counts too.
        case histogram(bounds: [Double])
    }

    let name: String
    let help: String
    let kind: Kind
    let labels: [String]

    /// A number that only rises. With labels, a series is shown once it is above zero.
    public static func counter(_ name: String, _ help: String, labels: [String] = []) -> Family {
        Family(name: name, help: help, kind: .counter, labels: labels)
    }

    /// A number that rises and falls.
    public static func gauge(_ name: String, _ help: String, labels: [String] = []) -> Family {
        Family(name: name, help: help, kind: .gauge, labels: labels)
    }

    /// How many observations there were up to each of `bounds`, and their sum. With labels, a series is shown once it has an observation.
    public static func histogram(_ name: String, _ help: String, labels: [String] = [], bounds: [Double]) -> Family {
        Family(name: name, help: help, kind: .histogram(bounds: bounds), labels: labels)
    }
}

extension Family {
    /// Bounds in seconds, for what takes from half a millisecond to ten seconds.
    public static let secondsBounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Bounds for how many belong together.
    public static let sizeBounds: [Double] = [1, 2, 4, 8, 16, 32, 64, 128, 256]
}
