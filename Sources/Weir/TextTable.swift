import Contract
import FoundationEssentials

/// Columns that are as wide as what is in them, without what a terminal would obey.
struct TextTable {
    let text: String

    init(_ heads: [String], _ rows: [[String]]) {
        let lines = [heads] + rows.map { $0.map(\.escapingControls) }
        let widths = heads.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        text = lines.map { row in
            var line = zip(row, widths).map { text, width in text + String(repeating: " ", count: width - text.count) }
                .joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    /// A moment in milliseconds since the epoch, such as `2026-11-28T09:30:00Z`.
    static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }
}
