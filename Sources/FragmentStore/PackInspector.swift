import Glibc
import NIOCore
import ObjectStore
import SQL
public import Store

/// Looks at packs from outside the server: checks every byte of them, or makes an index of them where the database has none.
///
/// Packs are files of the media folders, or objects of the bucket where the configuration has one. Its calls read in the caller's task, and block it.
public struct PackInspector: Sendable {
    /// What was looked at, and how much was wrong.
    public struct Findings: Sendable {
        public internal(set) var packs = 0
        public internal(set) var fragments = 0
        public internal(set) var bytes: Int64 = 0
        public internal(set) var faults = 0
    }

    private let store: Store
    private let configuration: FragmentStore.Configuration
    private let files: any FileSystem

    public init(store: Store, configuration: FragmentStore.Configuration, files: any FileSystem = LocalFiles()) {
        self.store = store
        self.configuration = configuration
        self.files = files
    }

    private var warmDirectory: String { configuration.warmDirectory ?? configuration.directory }

    private var bucket: (any Bucket)? { configuration.objects?.bucket }

    private func folders(_ storeID: String) -> [PackFolder] {
        if bucket != nil {
            return [("HOT", "hot"), ("WARM", "warm")].map { tier, path in
                PackFolder(tier: tier, storeID: storeID, path: path, files: files, clock: systemTime)
            }
        }
        return [
            PackFolder(tier: "HOT", storeID: storeID, path: configuration.directory + "/hot", files: files, clock: systemTime),
            PackFolder(tier: "WARM", storeID: storeID, path: warmDirectory + "/warm", files: files, clock: systemTime),
        ]
    }

    /// The name of the folder or bucket, which its first server gave it.
    private func storeID() async throws -> String {
        if let bucket {
            guard try await bucket.size(of: "store") != nil else {
                throw FragmentStore.OpeningFailure(description: "\(bucket.name) is no media store: it has no object 'store'.")
            }
            return String(buffer: try await bucket.get("store", 0..<256))
        }
        let path = configuration.directory + "/store"
        do throws(FileFailure) {
            let file = try files.open(path, writing: false)
            return String(buffer: try file.bytes(PackRange(offset: 0, length: file.size())))
        } catch {
            guard error.isMissing else { throw error }
            throw FragmentStore.OpeningFailure(description: "\(configuration.directory) is no media folder: it has no file 'store'.")
        }
    }

    /// A pack, to be read.
    private func open(_ pack: PackRow, _ folder: PackFolder) async throws -> any StoredFile {
        guard let bucket else { return try folder.open(pack, writing: false) }
        return try await object(folder.path(of: pack.id, retentionHours: pack.retentionHours), in: bucket)
    }

    /// An object as a file: a small one as a whole at once, a large one range by range.
    private func object(_ key: String, in bucket: any Bucket) async throws -> any StoredFile {
        guard let size = try await bucket.size(of: key) else { throw FileFailure("GET \(key)", code: ENOENT) }
        guard size <= PackObjects.largestFetched else { return ObjectFile(bucket, key, size: size) }
        return PackInMemory(try await bucket.get(key, 0..<size))
    }

    // MARK: Verifying

    /// Reads every pack that the database knows of, and checks each record and each index against its checksum, and the database against the
    /// packs. May be done while a server runs: what expires meanwhile is no fault.
    ///
    /// - Parameter report: Is told of each fault, for operators.
    public func verify(_ report: (String) -> Void) async throws -> Findings {
        let storeID = try await storeID()
        let folders = folders(storeID)
        var findings = Findings()
        for state in ["SEALED", "OPEN"] {
            var last: Int64 = 0
            while true {
                let page = try await store.packs(storeID: storeID, state: state, after: last)
                guard let end = page.last else { break }
                last = end.id
                // One that was reserved holds nothing that anybody was told of, and may not be there yet, or ever.
                for pack in page where pack.state == "SEALED" || pack.committedBytes > 0 {
                    var faults: [String] = []
                    try await verify(pack, folders, &findings) { faults.append($0) }
                    // One that was removed while it was read, or sealed, is not at fault.
                    if !faults.isEmpty, try await store.pack(pack.id, storeID: storeID)?.state == state {
                        findings.faults += faults.count
                        faults.forEach(report)
                    }
                }
            }
        }
        return findings
    }

    private func verify(
        _ pack: PackRow, _ folders: [PackFolder], _ findings: inout Findings, _ fault: (String) -> Void
    ) async throws {
        guard let folder = folders.first(where: { $0.tier == pack.tier }) else { return }
        let path = folder.path(of: pack.id, retentionHours: pack.retentionHours)
        let contents = pack.state == "OPEN" ? try await store.rows(ofPack: pack.id).compactMap { FragmentRecord($0) } : []
        let extents = pack.state == "SEALED" ? try await store.extents(ofPack: pack.id) : []
        findings.packs += 1
        do {
            let file = try await open(pack, folder)
            if try file.size() < pack.committedBytes { fault("\(path): it is shorter than \(pack.committedBytes) bytes") }
            var fragments = contents
            for extent in extents {
                do throws(PackFormat.Damage) {
                    let bytes: ByteBuffer
                    do throws(FileFailure) {
                        bytes = try file.bytes(PackRange(offset: extent.footerOffset, length: extent.footerLength))
                    } catch {
                        throw PackFormat.Damage("\(error)")
                    }
                    let section = try PackFormat.Section(bytes, packID: pack.id)
                    guard section.fragments.count == Int(extent.fragments), section.streamID == extent.streamID else {
                        throw PackFormat.Damage("its index is not the database's")
                    }
                    fragments += section.fragments
                } catch {
                    fault("\(path) at \(extent.footerOffset): \(error.text)")
                }
            }
            var headers: Set<PackRange> = []
            for fragment in fragments {
                findings.fragments += 1
                findings.bytes += fragment.size
                var places = fragment.place.parts
                if headers.insert(fragment.place.trackSet).inserted { places.append(fragment.place.trackSet) }
                for place in places where try !isSound(place, in: file) {
                    fault("\(path) at \(place.offset): a record of the fragment \(fragment.number) is damaged")
                }
            }
        } catch let failure as FileFailure {
            fault("\(path): \(failure)")
        }
    }

    private func isSound(_ place: PackRange, in file: any StoredFile) throws(FileFailure) -> Bool {
        let headSize = Int64(PackFormat.headSize)
        var bytes = try file.bytes(PackRange(offset: place.offset - headSize, length: headSize + place.length))
        guard let head = bytes.readSlice(length: PackFormat.headSize), let record = try? PackFormat.RecordHead(head) else { return false }
        return bytes.readableBytes == place.length && bytes.withUnsafeReadableBytes { PackFormat.checksum($0) } == record.payloadChecksum
    }

    // MARK: Rebuilding

    /// Puts into the index what packs hold that the database does not know of, and makes streams anew that it lacks: ACTIVE, with the retention that
    /// their media had, without tags and configurations. No server may use the folder meanwhile.
    ///
    /// Of a pack that is not SEALED everything whole is taken, also what was never told as stored. Of objects, what the index has from another pack is left out; where a
    /// pack is of several that the index still has, these go.
    ///
    /// - Parameter report: Is told of each pack that is put in, and of what cannot be.
    public func rebuild(_ report: (String) -> Void) async throws -> Findings {
        if let bucket { return try await rebuild(bucket, report) }
        let storeID = try await storeID()
        var holds: [any Sendable] = []
        for folder in Set([configuration.directory, warmDirectory]).sorted() {
            guard let hold = try files.hold(folder + "/lock") else {
                throw FragmentStore.OpeningFailure(description: "The media folder \(folder) is in use: stop the server first.")
            }
            holds.append(hold)
        }
        defer { withExtendedLifetime(holds) {} }
        var findings = Findings()
        for folder in folders(storeID) {
            for lane in try files.names(in: folder.path).sorted() {
                for day in try files.names(in: "\(folder.path)/\(lane)").sorted() {
                    for name in try files.names(in: "\(folder.path)/\(lane)/\(day)").sorted() where name.hasSuffix(".pack") {
                        let path = "\(folder.path)/\(lane)/\(day)/\(name)"
                        do {
                            try await rebuild(path, folder, &findings, report)
                        } catch let damage as PackFormat.Damage {
                            findings.faults += 1
                            report("\(path): \(damage.text)")
                        } catch let failure as FileFailure {
                            findings.faults += 1
                            report("\(path): \(failure)")
                        }
                    }
                }
            }
        }
        return findings
    }

    private func rebuild(_ path: String, _ folder: PackFolder, _ findings: inout Findings, _ report: (String) -> Void) async throws {
        let file = try files.open(path, writing: true)
        let header = try PackFormat.Header(file.bytes(PackRange(offset: 0, length: Int64(PackFormat.headerSize))))
        let id = header.packID
        if let known = try await store.pack(id, storeID: folder.storeID) {
            guard known.state == "OPEN" else { return }
            // The database may be older than the pack.
            _ = try await store.abandonPack(id)
            try await store.removePack(id)
        }
        let contents = try contents(of: file, packID: id)
        try await put(contents, header, path, folder, &findings, report) { index, end in
            try file.truncate(to: end)
            try file.writeAll(index.sections, at: PackFormat.aligned(end))
            try file.synchronize()
        }
    }

    /// The same for the objects of a bucket.
    private func rebuild(_ bucket: any Bucket, _ report: (String) -> Void) async throws -> Findings {
        let running = try await store.instances().filter { $0.serves("media") || $0.serves("archive") }
        guard running.isEmpty else {
            throw FragmentStore.OpeningFailure(description: "\(bucket.name) is in use: stop every server of the deployment first.")
        }
        let storeID = try await storeID()
        _ = try await store.addFact("media-store", storeID)
        guard try await store.fact("media-store") == storeID else {
            throw FragmentStore.OpeningFailure(
                description: "\(bucket.name) belongs to another deployment than this database: see its object `store`.")
        }
        var findings = Findings()
        // Packs of several first: what they were put together from may be there still.
        for wantsSealed in [true, false] {
            for folder in folders(storeID) {
                var last = ""
                while true {
                    let page = try await bucket.list(prefix: folder.path + "/", after: last)
                    for object in page where object.key.hasSuffix(".pack") {
                        do {
                            try await rebuild(object.key, in: bucket, folder, wantsSealed, &findings, report)
                        } catch let damage as PackFormat.Damage {
                            findings.faults += 1
                            report("\(object.key): \(damage.text)")
                        } catch let failure as FileFailure {
                            findings.faults += 1
                            report("\(object.key): \(failure)")
                        }
                    }
                    guard page.count == 1000, let end = page.last else { break }
                    last = end.key
                }
            }
        }
        return findings
    }

    private func rebuild(
        _ key: String, in bucket: any Bucket, _ folder: PackFolder, _ wantsSealed: Bool, _ findings: inout Findings,
        _ report: (String) -> Void
    ) async throws {
        let head = PackRange(offset: 0, length: Int64(PackFormat.headerSize))
        let header = try PackFormat.Header(try await bucket.get(key, head.offset..<head.end))
        let id = header.packID
        if let known = try await store.pack(id, storeID: folder.storeID) {
            // Made known, and then not: what was stored in it nobody was told of.
            guard known.state == "OPEN", known.committedBytes == 0 else { return }
            try await store.giveUpEmptyPack(id)
            try await store.removePack(id)
        }
        let file = try await object(key, in: bucket)
        guard (PackIndex.places(in: file) != nil) == wantsSealed else { return }
        var contents = try contents(of: file, packID: id)
        var news: [FragmentRecord] = []
        var replaced: Set<Int64> = []
        for fragment in contents.fragments {
            let (streamID, sequence) = (fragment.streamID, fragment.number.sequence)
            if let row = try await store.fragmentRow(of: streamID, sequence: sequence) {
                if wantsSealed { replaced.insert(row.packID) }
            } else if try await store.extent(of: streamID, holding: sequence).map({ $0.lastSequence < sequence }) ?? true {
                news.append(fragment)
            }
        }
        guard !news.isEmpty || !replaced.isEmpty else { return }
        if wantsSealed {
            for id in replaced {
                _ = try await store.abandonPack(id)
                try await store.removePack(id)
            }
        } else {
            contents.fragments = news
        }
        try await put(contents, header, key, folder, &findings, report) { index, end in
            var bytes = try file.bytes(PackRange(offset: 0, length: end))
            bytes.writeRepeatingByte(0, count: Int(PackFormat.aligned(end) - end))
            bytes.writeImmutableBuffer(index.sections)
            try await bucket.put(
                key, bytes,
                ObjectAttributes(
                    contentType: "application/octet-stream", storageClass: folder.tier == "WARM" ? configuration.objects?.warmClass : nil))
        }
    }

    /// Puts a pack into the index. `seal` gives it an index of its own, at its end, where it has none.
    private func put(
        _ contents: Contents, _ header: PackFormat.Header, _ path: String, _ folder: PackFolder, _ findings: inout Findings,
        _ report: (String) -> Void, seal: (PackIndex, Int64) async throws -> Void
    ) async throws {
        let id = header.packID
        var taken: [Int64: String] = [:]
        for (streamID, arn) in contents.arns.sorted(by: { $0.key < $1.key }) {
            let last = contents.fragments.filter { $0.streamID == streamID }.map(\.number.sequence).max() ?? 0
            if try await store.restoreMediaStream(
                id: streamID, arn: arn, lastSequence: last, retentionHours: max(1, header.retentionHours), tier: folder.tier)
            {
                taken[streamID] = arn
            } else {
                findings.faults += 1
                report("\(path): \(arn) cannot be put in: its name is in use, or its media has another number")
            }
        }
        let fragments = contents.fragments.filter { taken[$0.streamID] != nil }
        guard let first = fragments.map(\.serverTime).min(), let last = fragments.map(\.serverTime).max() else { return }
        try await store.openPack(id: id, tier: folder.tier, retentionHours: header.retentionHours, storeID: folder.storeID)
        let extents: [ExtentRow]
        let size: Int64
        if let sections = contents.sections {
            extents = sections.compactMap { ExtentRow($0.fragments, packID: id, $0.place) }.filter { taken[$0.streamID] != nil }
            size = contents.size
        } else {
            let index = PackIndex(fragments, packID: id, arns: taken, end: contents.end)
            try await seal(index, contents.end)
            (extents, size) = (index.extents, index.size)
        }
        _ = try await store.indexFragments([], [PackProgress(packID: id, bytes: contents.end, serverTimes: first...last)]) { _ in }
        try await store.sealPack(id, extents, bytes: size, wait: 0)
        findings.packs += 1
        findings.fragments += fragments.count
        findings.bytes += fragments.reduce(0) { $0 + $1.size }
        report("\(path): \(fragments.count) fragments of \(taken.count) streams")
    }

    private struct Contents {
        var fragments: [FragmentRecord] = []
        var arns: [Int64: String] = [:]
        /// Where its records end.
        var end: Int64
        /// Bytes of the file.
        var size: Int64 = 0
        /// Those of a SEALED pack.
        var sections: [(place: PackRange, fragments: [FragmentRecord])]?
    }

    private func contents(of file: any StoredFile, packID: Int64) throws -> Contents {
        if let sections = try PackIndex.sections(of: file, packID: packID) {
            var contents = Contents(
                end: sections.first?.place.offset ?? Int64(PackFormat.headerSize), size: try file.size(), sections: [])
            for (place, section) in sections {
                contents.arns[section.streamID] = section.arn
                contents.fragments += section.fragments
                contents.sections?.append((place, section.fragments))
            }
            return contents
        }
        return try scan(file, packID: packID, size: file.size())
    }

    /// Reads records until there is none.
    private func scan(_ file: any StoredFile, packID: Int64, size: Int64) throws(FileFailure) -> Contents {
        struct Part {
            let payload: PackRange
            let previous: Int64
        }
        let headSize = Int64(PackFormat.headSize)
        var contents = Contents(end: Int64(PackFormat.headerSize))
        var parts: [Int64: Part] = [:]
        var headers: [Int64: (id: TrackSet.ID, place: PackRange)] = [:]
        var found: [FragmentRecord] = []
        while contents.end + headSize <= size {
            let offset = contents.end
            guard let head = try? PackFormat.RecordHead(file.bytes(PackRange(offset: offset, length: headSize))) else { break }
            let place = PackRange(offset: offset + headSize, length: Int64(head.payloadLength))
            let payload = try file.bytes(place)
            guard payload.readableBytes == place.length else { break }
            contents.end = PackFormat.aligned(place.end)
            guard payload.withUnsafeReadableBytes({ PackFormat.checksum($0) }) == head.payloadChecksum else { continue }
            switch head.kind {
            case .stream: contents.arns[head.streamID] = String(buffer: payload)
            case .trackSet: headers[offset] = (TrackSet(bytes: payload).id, place)
            case .part: parts[offset] = Part(payload: place, previous: head.previous)
            case .lastPart:
                var ranges = [place]
                var previous = head.previous
                while previous != 0, let part = parts[previous] {
                    ranges.insert(part.payload, at: 0)
                    previous = part.previous
                }
                guard previous == 0, let header = headers[head.trackSet],
                    let number = FragmentNumber(sequence: head.sequence, serverTime: head.serverTime, random: head.numberLow)
                else { continue }
                found.append(
                    FragmentRecord(
                        streamID: head.streamID, number: number, producerTime: head.producerTime, length: Int64(head.length),
                        size: ranges.reduce(0) { $0 + $1.length }, flags: FragmentFlags(rawValue: Int64(head.flags)), trackSet: header.id,
                        place: FragmentPlace(pack: .archive(packID), parts: ranges, trackSet: header.place)))
            }
        }
        found.sort { ($0.streamID, $0.number) < ($1.streamID, $1.number) }
        // Written again by a round that had failed, the later one counts.
        for fragment in found {
            if let last = contents.fragments.last, last.streamID == fragment.streamID, last.number == fragment.number {
                contents.fragments.removeLast()
            }
            contents.fragments.append(fragment)
        }
        return contents
    }
}
