import Glibc

extension Registry {
    /// Shows what the system knows of this process, by the names that Prometheus gives these figures. Where /proc cannot be read they are left out.
    public func readProcess() {
        read(.counter("process_cpu_seconds_total", "Processor time used, in user and in system mode.")) {
            let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
            guard let fields = statFields(), let user = fields[Stat.userTime], let system = fields[Stat.systemTime] else { return nil }
            return (user + system) / ticks
        }
        read(.gauge("process_resident_memory_bytes", "Memory in use.")) {
            statFields()?[Stat.residentPages].map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) }
        }
        read(.gauge("process_virtual_memory_bytes", "Address space in use.")) { statFields()?[Stat.virtualBytes] }
        read(.gauge("process_open_fds", "Open file descriptors.")) { openDescriptors() }
        read(.gauge("process_max_fds", "How many file descriptors may be open.")) {
            var limit = rlimit()
            return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Double(limit.rlim_cur) : nil
        }
        let start = startTime()
        read(.gauge("process_start_time_seconds", "When the process started, in seconds since the epoch.")) { start }
    }
}

/// Places of fields in /proc/self/stat, from the one after the name of the program on; see proc(5).
private enum Stat {
    static let userTime = 11
    static let systemTime = 12
    static let startTicks = 19
    static let virtualBytes = 20
    static let residentPages = 21
}

/// The fields after the name of the program, by their place; those that are no numbers are left out.
private func statFields() -> [Int: Double]? {
    guard let text = contents("/proc/self/stat"), let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    return Dictionary(uniqueKeysWithValues: fields.enumerated().compactMap { place, field in Double(field).map { (place, $0) } })
}

/// Seconds since the epoch.
private func startTime() -> Double? {
    guard let boot = contents("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") })?.dropFirst(6),
        let bootTime = Double(boot), let ticks = statFields()?[Stat.startTicks]
    else { return nil }
    return bootTime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
}

private func openDescriptors() -> Double? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    // Two entries are the folder itself and its parent; one descriptor is the folder's own.
    var count = -3
    while readdir(folder) != nil { count += 1 }
    return Double(count)
}

private func contents(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16_384)
    while true {
        let count = piece.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return count == 0 ? String(decoding: bytes, as: UTF8.self) : nil }
        bytes += piece[..<count]
    }
}
