import Locking
import Logging
import NIOCore
import ObjectStore
import SQL
import Store

/// What the store does by itself where packs are objects. Any instance does it for all; of two that do the same at once one changes nothing.
extension FragmentStore {
    /// How long an instance has for putting packs together before another may, in milliseconds.
    private static let lease: Int64 = 300_000

    // MARK: Putting together

    /// Puts small packs together in larger ones, sorted by stream, so that old media is a few objects and a few rows.
    func regroup(_ objects: PackObjects) async throws {
        let tuning = configuration.tuning
        while true {
            let claim = Token.random()
            let claimed = try await store.claimPacks(
                storeID: objects.storeID, claim: claim, settled: tuning.settled, bytes: tuning.regroupBytes, age: tuning.regroupAge,
                lease: Self.lease)
            guard let first = claimed.first else { return }
            try await putTogether(claimed, claim, tier: first.tier, retentionHours: first.retentionHours, objects)
        }
    }

    private func putTogether(
        _ packs: [PackRow], _ claim: String, tier: String, retentionHours: Int64, _ objects: PackObjects
    ) async throws {
        var rows: [FragmentRow] = []
        var arns: [Int64: String] = [:]
        for pack in packs {
            rows += try await store.rows(ofPack: pack.id)
            arns.merge(try await store.arns(ofPack: pack.id)) { first, _ in first }
        }
        guard !rows.isEmpty else {
            for pack in packs { try await store.giveUpEmptyPack(pack.id) }
            return
        }
        let fragments = rows.compactMap { FragmentRecord($0) }.sorted { ($0.streamID, $0.number) < ($1.streamID, $1.number) }
        let id = try await objects.reserve(tier: tier, retentionHours: retentionHours)
        let file = PackInMemory(objects.header(id, tier: tier, retentionHours: retentionHours))
        let pack = Pack(.archive(id), retentionHours: retentionHours, file: file, end: Int64(PackFormat.headerSize))
        var plan = Pack.Plan(pack)
        var moved: [FragmentRecord] = []
        for fragment in fragments {
            guard let arn = arns[fragment.streamID], let (trackSet, bytes) = try await content(of: fragment) else { continue }
            let (part, header) = plan.add(PackFormat.RecordHead(fragment), bytes, arn: arn, trackSet)
            moved.append(fragment.moved(to: FragmentPlace(pack: .archive(id), parts: [part], trackSet: header)))
        }
        try pack.write(plan)
        let index = PackIndex(moved, packID: id, arns: arns, end: pack.end, isOfMany: true)
        var bytes = file.bytes
        bytes.writeImmutableBuffer(index.sections)
        try await objects.put(id, tier: tier, retentionHours: retentionHours, bytes)
        let size = Int64(bytes.readableBytes)
        if try await replace(claim, rows: rows.count, by: id, index.extents, size, retentionHours, objects) {
            metrics.packSealed()
        } else {
            // A stream went meanwhile, or another instance was faster.
            try? await objects.bucket.remove(objects.key(id, tier: tier, retentionHours: retentionHours))
            try await store.giveUpEmptyPack(id)
        }
    }

    private func replace(
        _ claim: String, rows: Int, by id: Int64, _ extents: [ExtentRow], _ bytes: Int64, _ retentionHours: Int64, _ objects: PackObjects
    ) async throws -> Bool {
        let wait = min(retentionHours * 3_600_000, Self.longestCheckWait)
        while true {
            do throws(DatabaseError) {
                return try await store.replaceClaimed(
                    claim, rows: rows, by: id, extents, bytes: bytes, grace: configuration.tuning.grace, wait: wait)
            } catch {
                // It may have happened: then the pack is SEALED, and was not before.
                guard error.kind == .outcomeUnknown else { throw error }
                if try await store.pack(id, storeID: objects.storeID)?.state == "SEALED" { return true }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    /// The header and the bytes of a fragment; nil where they are lost for good, which is told.
    private func content(of fragment: FragmentRecord) async throws(ReadFailure) -> (TrackSet, ByteBuffer)? {
        do throws(ReadFailure) {
            let trackSet = try await trackSet(of: fragment)
            var whole = ByteBuffer()
            for try await piece in bytes(of: fragment) { whole.writeImmutableBuffer(piece) }
            return (trackSet, whole)
        } catch {
            switch error {
            case .fragmentGone, .damaged:
                logger.error(
                    "a fragment is lost: its pack is missing or damaged",
                    metadata: ["fragment": "\(fragment.number)", "stream": "\(fragment.streamID)", "error": "\(error)"])
                return nil
            case .streamGone, .disk, .database: throw error
            }
        }
    }

    // MARK: Removing

    /// Removes what is DELETING and has stayed for as long as readers may be at it.
    func removeRetired() async throws {
        let opened = try use()
        while true {
            let packs = try await store.removablePacks(storeID: opened.storeID)
            for pack in packs { try await remove(pack) }
            if packs.count < 100 { return }
        }
    }

    /// Gives up packs that were made known and in which nothing was indexed: their writer is gone, or was not answered.
    package func giveUpReserved() async {
        guard let objects = try? use().objects else { return }
        do throws(DatabaseError) {
            while try await store.giveUpReservedPacks(storeID: objects.storeID, age: configuration.tuning.reservation) == 100 {}
        } catch {
            logger.warning("packs that were never written are not given up", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Whether the store is there

    /// Sees whether a store that had failed can be written to.
    func probe(_ objects: PackObjects) async {
        let failed = [("HOT", disk(of: .hot)), ("WARM", disk(of: .warm))].filter { $0.1.hasFailed }
        guard !failed.isEmpty else { return }
        let subject = "media-store/\(configuration.instanceID)"
        let isNew = storeIsAway.withLock { isAway in
            defer { isAway = true }
            return !isAway
        }
        if isNew { await tell(.mediaStoreStatusChange, subject, status: "UNAVAILABLE") }
        do throws(BucketFailure) {
            try await objects.bucket.put("probe", ByteBuffer(string: "Weir sees whether this store can be written to."))
        } catch {
            return
        }
        for (tier, disk) in failed {
            disk.works()
            logger.notice("the media store works again", metadata: ["tier": "\(tier)", "store": "\(objects.bucket.name)"])
        }
        storeIsAway.withLock { $0 = false }
        await tell(.mediaStoreStatusChange, subject, status: "AVAILABLE")
    }
}

extension PackFormat.RecordHead {
    /// Of a fragment that is one record.
    fileprivate init(_ fragment: FragmentRecord) {
        self.init(kind: .lastPart, streamID: fragment.streamID)
        sequence = fragment.number.sequence
        serverTime = fragment.serverTime
        producerTime = fragment.producerTime
        numberLow = fragment.number.random
        length = UInt32(clamping: fragment.length)
        flags = UInt32(truncatingIfNeeded: fragment.flags.rawValue)
    }
}

extension FragmentRecord {
    /// The same in another pack.
    fileprivate func moved(to place: FragmentPlace) -> FragmentRecord {
        FragmentRecord(
            streamID: streamID, number: number, producerTime: producerTime, length: length, size: size, flags: flags, trackSet: trackSet,
            place: place)
    }
}
