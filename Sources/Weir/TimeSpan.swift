import ArgumentParser

/// A span of time as commands take it: a number and a unit, such as `90s`, `15m`, `12h` or `30d`, of at most ten years.
struct TimeSpan {
    let milliseconds: Int64

    init(_ text: String) throws {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()), count >= 0,
            count <= 10 * 365 * 86_400 / unit
        else { throw ValidationError("must be a number and a unit, such as 90s, 15m, 12h or 30d, of at most ten years") }
        milliseconds = count * unit * 1000
    }
}
