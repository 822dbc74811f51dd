import CMalloc
import Glibc
import ServiceLifecycle

/// Gives memory that nobody uses any more back to the system: what a flood of requests took would else stay with the process, whose allocator
/// keeps free pages between those that are in use. Half of 86 MiB after a flood of bodies, in six milliseconds. Once after the start it also gives
/// back what of the program's file only the start needed, its tables for the loader and most of its code: 20 of 45 MiB.
struct MemoryReturn: Service {
    /// How much more than after the last time makes it worth the calls, in bytes.
    private static let growth = 16 << 20

    /// Has the threads of the process share two pools of memory: with one for each thread, each keeps free pages of its own. What a pool has it keeps
    /// until it is told, buffers of media too: given back and taken again for each fragment, its pages took a third of the time of receiving one.
    /// To be called before there are other threads.
    static func prepare() {
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, 4 << 20)
        mallopt(M_TRIM_THRESHOLD, 64 << 20)
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            var settled = Self.residentBytes()
            guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
            let before = Self.residentBytes()
            weir_unmap_program()
            // What clients have sent meanwhile is none of it.
            settled -= before - Self.residentBytes()
            while (try? await Task.sleep(for: .seconds(5))) != nil {
                guard Self.residentBytes() > settled + Self.growth else { continue }
                malloc_trim(0)
                settled = Self.residentBytes()
            }
        }
    }

    /// What the process has of the machine's memory; 0 where /proc cannot be read.
    private static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "re") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        let fields = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }.split(separator: UInt8(ascii: " "))
        guard fields.count > 1, let pages = Int(String(decoding: fields[1], as: UTF8.self)) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
