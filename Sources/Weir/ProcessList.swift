import FoundationEssentials
import Glibc

/// The command line of this process as every user of the machine can read it.
enum ProcessList {
    /// Overwrites the values of flags with `x`. It was readable from the start of the program until now.
    ///
    /// - Parameter names: Of the flags, without the hyphens.
    static func hide(values names: [String]) {
        guard !names.isEmpty, let arguments = memory() else { return }
        let flags = names.map { Array("--\($0)".utf8) }
        var isValue = false
        for range in words(arguments) {
            let word = arguments[range]
            if isValue {
                for index in range { arguments[index] = UInt8(ascii: "x") }
                isValue = false
                continue
            }
            for flag in flags where word.starts(with: flag) {
                let rest = range.dropFirst(flag.count)
                if rest.isEmpty {
                    isValue = true
                } else if arguments[rest.startIndex] == UInt8(ascii: "=") {
                    for index in rest.dropFirst() { arguments[index] = UInt8(ascii: "x") }
                }
            }
        }
    }

    /// Where the kernel reads the arguments: words that end with a zero. Nil where it does not say (`/proc/self/stat`, fields 48 and 49).
    private static func memory() -> UnsafeMutableBufferPointer<UInt8>? {
        guard let text = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8), let name = text.lastIndex(of: ")") else {
            return nil
        }
        // The first field behind the name of the program is the third.
        let fields = text[text.index(after: name)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 46, let start = UInt(fields[45]), let end = UInt(fields[46]), start < end,
            let pointer = UnsafeMutablePointer<UInt8>(bitPattern: start)
        else { return nil }
        return UnsafeMutableBufferPointer(start: pointer, count: Int(end - start))
    }

    private static func words(_ arguments: UnsafeMutableBufferPointer<UInt8>) -> [Range<Int>] {
        arguments.indices.split { arguments[$0] == 0 }.map { $0.startIndex..<$0.endIndex }
    }
}
