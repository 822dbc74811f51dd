import Locking
import Logging
import NIOCore
import SQL
import Store

/// What the store does by itself: recovery at the start, sealing, expiry, and looking after its disks.
extension FragmentStore {
    /// How long a SEALED pack is left alone before it is looked whether all of it has expired: a retention may have been lowered.
    static let longestCheckWait: Int64 = 3_600_000

    // MARK: Recovery

    /// Cuts every pack that was being written to what the index says, which then is sealed; removes those that were about to be removed.
    func recover() async throws {
        let opened = try use()
        for pack in try await packs(in: "OPEN") {
            let folder = opened.folder(of: pack)
            do {
                guard pack.committedBytes > 0 else {
                    try folder.remove(pack)
                    _ = try? await store.abandonPack(pack.id)
                    continue
                }
                let file = try folder.open(pack, writing: true)
                let size = try file.size()
                try await requireNewest(pack, file)
                if size < pack.committedBytes {
                    logger.error(
                        "a pack is shorter than what was stored in it",
                        metadata: [
                            "pack": "\(folder.path(of: pack.id, retentionHours: pack.retentionHours))",
                            "missing": "\(pack.committedBytes - size)",
                        ])
                } else {
                    try file.truncate(to: pack.committedBytes)
                }
                let recovered = Pack(.archive(pack.id), retentionHours: pack.retentionHours, file: file, end: pack.committedBytes)
                opened.filled.yield(recovered)
            } catch let error as FileFailure {
                guard error.isMissing else { throw error }
                let lost = try await store.abandonPack(pack.id)
                logger.error(
                    "a pack is missing: what was stored in it is lost",
                    metadata: [
                        "pack": "\(folder.path(of: pack.id, retentionHours: pack.retentionHours))", "fragments": "\(lost ?? 0)",
                    ])
            }
        }
        for pack in try await packs(in: "DELETING") { try await remove(pack) }
        for id in try await store.sealedPacksWithRows(storeID: opened.storeID) { try await removeRows(ofPack: id) }
    }

    /// Throws where a pack has been sealed with more fragments than the database has of it: what would be cut off was told as stored.
    private func requireNewest(_ pack: PackRow, _ file: any StoredFile) async throws {
        guard let sections = try? PackIndex.sections(of: file, packID: pack.id) else { return }
        let sealed = sections.reduce(0) { $0 + $1.section.fragments.count }
        if try await store.rows(ofPack: pack.id).count < sealed {
            throw OpeningFailure(
                description:
                    "The database is older than the media folder, as after ops/restore: run `weir media rebuild` first, or media would be lost."
            )
        }
    }

    private func packs(in state: String) async throws -> [PackRow] {
        let storeID = try use().storeID
        var all: [PackRow] = []
        while true {
            let page = try await store.packs(storeID: storeID, state: state, after: all.last?.id ?? 0)
            all += page
            if page.count < 1000 { return all }
        }
    }

    // MARK: Sealing

    /// Gives a pack its index, and ends it. Until it can, its fragments stay rows.
    func seal(_ pack: Pack) async {
        do {
            try await writeIndex(of: pack)
            metrics.packSealed()
        } catch {
            // A sync that failed is not asked again: then the next start makes the index anew.
            let isFinal = (error as? FileFailure).map { !$0.isFull } ?? false
            if !isFinal { unsealed.withLock { $0.append(pack) } }
            logger.error(
                "a pack could not be sealed",
                metadata: ["pack": "\(pack.id)", "error": "\(error)", "again": isFinal ? "at the next start" : "soon"])
        }
    }

    private func sealAgain() async {
        let packs = unsealed.withLock { packs in
            defer { packs = [] }
            return packs
        }
        for pack in packs { await seal(pack) }
    }

    private func writeIndex(of pack: Pack) async throws {
        let opened = try use()
        let rows = try await store.rows(ofPack: pack.id)
        guard !rows.isEmpty else {
            if try await store.abandonPack(pack.id) != nil, let row = try await store.pack(pack.id, storeID: opened.storeID) {
                try await remove(row)
            }
            return
        }
        let fragments = rows.compactMap { FragmentRecord($0) }
        guard fragments.count == rows.count else { throw PackFormat.Damage("a row of the index is not one that this program wrote") }
        let index = PackIndex(fragments, packID: pack.id, arns: try await store.arns(ofPack: pack.id), end: pack.end)
        let (file, start) = (pack.file, PackFormat.aligned(pack.end))
        try await opened.reader.blocking { () throws(FileFailure) in
            try file.writeAll(index.sections, at: start)
            try file.truncate(to: index.size)
            try file.synchronize()
        }
        let wait = min(pack.retentionHours * 3_600_000, Self.longestCheckWait)
        while true {
            do throws(DatabaseError) {
                try await store.sealPack(pack.id, index.extents, bytes: index.size, wait: wait)
                break
            } catch {
                guard error.kind == .outcomeUnknown else { throw error }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        try await removeRows(ofPack: pack.id)
    }

    private func removeRows(ofPack id: Int64) async throws {
        let limit = configuration.tuning.removal
        while try await store.removeSealedRows(ofPack: id, limit: limit) == limit {}
    }

    // MARK: Expiry

    /// Removes what has expired, and gives back the space of what streams have left.
    package func maintain() async {
        do {
            try await removeExpired()
            if let objects = try use().objects {
                try await removeRetired()
                try await regroup(objects)
            } else {
                try await reclaim()
                await sealAgain()
            }
        } catch {
            logger.warning("looking after media waits", metadata: ["error": "\(error)"])
        }
    }

    private func removeExpired() async throws {
        let opened = try use()
        while true {
            let due = try await store.duePacks(storeID: opened.storeID, limit: 100)
            for one in due {
                if let until = one.livesUntil, until > one.now {
                    try await store.putOffPack(one.pack.id, until: min(until, one.now + Self.longestCheckWait))
                } else if try await store.expirePack(one.pack.id, anyway: false) != nil {
                    try await remove(one.pack)
                    metrics.packExpired()
                } else {
                    // A retention was raised in this moment.
                    try await store.putOffPack(one.pack.id, until: one.now + Self.longestCheckWait)
                }
            }
            if due.count < 100 { return }
        }
    }

    /// Removes a pack that is DELETING.
    func remove(_ pack: PackRow) async throws {
        let opened = try use()
        opened.reader.forget(pack.id)
        if let objects = opened.objects {
            try await objects.remove(pack)
            try await store.forgetPack(pack.id, olderThan: configuration.tuning.reservation)
        } else {
            let folder = opened.folder(of: pack)
            try await opened.reader.blocking { () throws(FileFailure) in try folder.remove(pack) }
            try await store.removePack(pack.id)
        }
    }

    /// Gives back the space of what no extent covers any more.
    private func reclaim() async throws {
        let opened = try use()
        var last: Int64 = 0
        while true {
            let freed = try await store.freedPacks(storeID: opened.storeID, after: last)
            for one in freed where one.pack.state == "SEALED" {
                let extents = try await store.extents(ofPack: one.pack.id)
                var live: [Range<Int64>] = []
                for extent in extents {
                    live.append(extent.footerOffset..<extent.footerOffset + extent.footerLength)
                    for fragment in try await opened.reader.fragments(of: extent) {
                        for part in fragment.place.parts + [fragment.place.trackSet] {
                            live.append(part.offset - Int64(PackFormat.headSize)..<part.end)
                        }
                    }
                }
                let folder = opened.folder(of: one.pack)
                // What comes after the records is small, and is what the pack is read by where there is no database.
                let directory = extents.map(\.footerOffset).min() ?? one.pack.committedBytes
                let holes = Self.holes(
                    between: live, in: Int64(PackFormat.headerSize)..<directory)
                let kept = Set(extents.map { PackRange(offset: $0.footerOffset, length: $0.footerLength) })
                try await opened.reader.blocking { () throws(FileFailure) in
                    let file = try folder.open(one.pack, writing: true)
                    for hole in holes { try file.deallocate(hole) }
                    // Whoever reads packs alone is not to find what was deleted.
                    for place in PackIndex.places(in: file) ?? [] where !kept.contains(place) {
                        try file.writeAll(ByteBuffer(repeating: 0, count: Int(place.length)), at: place.offset)
                    }
                    try file.synchronize()
                }
                try await store.reclaimed(one)
            }
            guard let id = freed.last?.pack.id, freed.count == 100 else { return }
            last = id
        }
    }

    /// What of a range is covered by none of the others, in pieces that are worth a call.
    static func holes(between live: [Range<Int64>], in range: Range<Int64>) -> [Range<Int64>] {
        var holes: [Range<Int64>] = []
        var next = range.lowerBound
        for one in live.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if one.lowerBound - next >= 64 << 10 { holes.append(next..<one.lowerBound) }
            next = max(next, one.upperBound)
        }
        if range.upperBound - next >= 64 << 10 { holes.append(next..<range.upperBound) }
        return holes
    }

    // MARK: Disks

    /// Looks how full the disks are, and drops the oldest where the reserve is reached and that is wanted.
    package func measureDisks() async {
        guard let opened = try? use() else { return }
        if let objects = opened.objects { return await probe(objects) }
        for (disk, folders) in disks(opened) {
            guard let folder = folders.first else { continue }
            let name = folder.tier.lowercased()
            do throws(FileFailure) {
                if disk.hasFailed { try await probe(folder, disk) }
                let space = try await opened.reader.blocking { () throws(FileFailure) in try folder.files.space(at: folder.path) }
                if disk.measured(space) {
                    logger.warning(
                        "the reserve of the media disk is reached",
                        metadata: [
                            "disk": "\(name)", "free": "\(space.free)", "total": "\(space.total)",
                            "disk_full": "\(configuration.whenFull.rawValue)",
                        ])
                    await tell(.diskReserveReached, "disk/\(name)", status: "REACHED")
                }
                while disk.isFull, configuration.whenFull == .oldest, await dropOldest(in: folders) {
                    _ = disk.measured(
                        try await opened.reader.blocking { () throws(FileFailure) in try folder.files.space(at: folder.path) })
                }
            } catch {
                logger.error("the media disk does not answer", metadata: ["disk": "\(name)", "error": "\(error)"])
            }
        }
    }

    /// Sees whether a disk that had failed can be written to.
    private func probe(_ folder: PackFolder, _ disk: DiskState) async throws(FileFailure) {
        let opened = try use()
        try await opened.reader.blocking { () throws(FileFailure) in
            let file = try folder.files.createUnnamed(in: folder.path)
            try file.writeAll(ByteBuffer(repeating: 0, count: 4096), at: 0)
            try file.synchronize()
        }
        disk.works()
        logger.notice("the media disk works again", metadata: ["tier": "\(folder.tier)"])
    }

    /// Makes room on a disk that was found full by a write; false where that is not wanted, or nothing can be dropped.
    func makeRoom() async -> Bool {
        guard configuration.whenFull == .oldest, let opened = try? use() else { return false }
        // Which of two disks it was is not known.
        for (_, folders) in disks(opened) where await dropOldest(in: folders) { return true }
        return false
    }

    /// Drops the oldest SEALED pack of some folders, whoever has media in it.
    private func dropOldest(in folders: [PackFolder]) async -> Bool {
        do {
            var oldest: PackRow?
            for folder in folders {
                guard let pack = try await store.oldestPack(storeID: folder.storeID, tier: folder.tier) else { continue }
                if oldest.map({ pack.id < $0.id }) ?? true { oldest = pack }
            }
            guard let pack = oldest, let fragments = try await store.expirePack(pack.id, anyway: true)
            else { return false }
            try await remove(pack)
            metrics.packDropped(fragments: fragments)
            logger.warning(
                "the oldest media was dropped, since the disk is full",
                metadata: ["pack": "\(pack.id)", "fragments": "\(fragments)", "bytes": "\(pack.committedBytes)"])
            await tell(.oldestMediaDropped, "pack/\(pack.id)", status: "DROPPED")
            return true
        } catch {
            logger.error("the oldest media cannot be dropped", metadata: ["error": "\(error)"])
            return false
        }
    }

    func tell(_ name: EventName, _ subject: String, status: String) async {
        do throws(DatabaseError) {
            let isNew = try await store.tell(
                name, subjectARN: EventSubject.media(subject), account: "", region: "", status: status, keyID: "", requestID: "",
                at: try await store.now(), token: Token.random())
            if isNew { eventsWait() }
        } catch {
            logger.warning("an event of the media disk is not told", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Quota

    /// Counts anew what accounts have stored: of what expired, and of what other instances took, nobody tells.
    package func recountQuota() async {
        do throws(DatabaseError) {
            try await countQuota()
        } catch {
            logger.warning("what accounts have stored is not counted", metadata: ["error": "\(error)"])
        }
    }

    func countQuota() async throws(DatabaseError) {
        guard quota.isNeeded else { return }
        quota.set(Dictionary(try await store.storedBytes().map { ($0.account, $0.bytes) }) { first, _ in first })
    }
}
