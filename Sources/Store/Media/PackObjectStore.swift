public import SQL

/// Packs that are objects of a store that all instances share.
extension Store {
    /// Makes a pack known before its object is stored; false where there is one of this id.
    public func reservePack(id: Int64, tier: String, retentionHours: Int64, storeID: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let reserved = batch.add(PackObjectStatements.reserve, [.integer(id), .text(storeID), .text(tier), .integer(retentionHours)])
        return try await !write(batch).rows(reserved).isEmpty
    }

    /// Makes packs DELETING that were made known more than `age` milliseconds ago and in which the index has nothing: whoever was to write them
    /// is gone, or will index nothing of them. At most 100; how many.
    public func giveUpReservedPacks(storeID: String, age: Int64) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let given = batch.add(PackObjectStatements.giveUpReserved, [.text(storeID), .integer(age)])
        return try await write(batch).rows(given).count
    }

    /// Makes an OPEN pack DELETING, unless the index has anything in it.
    public func giveUpEmptyPack(_ id: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(PackObjectStatements.giveUpEmpty, [.integer(id)])
        _ = try await write(batch)
    }

    /// Claims OPEN packs of one tier and retention that are to be put together. Ages and `lease` are milliseconds.
    ///
    /// - Parameters:
    ///   - claim: Names the claim: random.
    ///   - settled: Younger ones are left alone.
    ///   - bytes: As many as have so many bytes together.
    ///   - age: How old one is at least, where they have fewer.
    public func claimPacks(
        storeID: String, claim: String, settled: Int64, bytes: Int64, age: Int64, lease: Int64
    ) async throws(DatabaseError) -> [PackRow] {
        var batch = Batch()
        let claimed = batch.add(
            PackObjectStatements.claim,
            [.text(storeID), .text(claim), .integer(settled), .integer(bytes), .integer(age), .integer(lease)])
        return try await write(batch).rows(claimed)
    }

    /// Puts a pack, whose object is stored, in the place of those that were claimed: its extents for their rows. False, and nothing is
    /// changed, where the claim is another's by now, or a fragment has gone meanwhile.
    ///
    /// - Parameters:
    ///   - rows: How many fragments those packs had.
    ///   - grace: Milliseconds for which their objects stay for readers.
    ///   - wait: Milliseconds until it is looked whether the new pack has expired.
    public func replaceClaimed(
        _ claim: String, rows: Int, by id: Int64, _ extents: [ExtentRow], bytes: Int64, grace: Int64, wait: Int64
    ) async throws(DatabaseError) -> Bool {
        let guarded: [SQLValue] = [.integer(id), .text(claim), .integer(Int64(rows))]
        var batch = Batch()
        batch.add(PackObjectStatements.lockClaimed, [.text(claim)])
        var sums: [Int64: (fragments: Int64, bytes: Int64)] = [:]
        for extent in extents {
            batch.add(
                PackObjectStatements.insertExtent,
                guarded + [
                    .integer(extent.streamID), .integer(extent.firstSequence), .integer(extent.lastSequence),
                    .integer(extent.firstServerTime), .integer(extent.lastServerTime), .integer(extent.minProducerTime),
                    .integer(extent.maxProducerTime), .integer(extent.producerEnd), .integer(extent.fragments), .integer(extent.bytes),
                    .integer(extent.gaps), .integer(extent.gapTime), .integer(extent.footerOffset), .integer(extent.footerLength),
                ])
            let sum = sums[extent.streamID, default: (0, 0)]
            sums[extent.streamID] = (sum.fragments + extent.fragments, sum.bytes + extent.bytes)
        }
        for (streamID, sum) in sums.sorted(by: { $0.key < $1.key }) {
            batch.add(
                PackObjectStatements.countExtents, guarded + [.integer(streamID), .integer(sum.fragments), .integer(sum.bytes)])
        }
        let first = extents.map(\.firstServerTime).min() ?? 0
        let last = extents.map(\.lastServerTime).max() ?? 0
        batch.add(PackObjectStatements.fill, guarded + [.integer(bytes), .integer(first), .integer(last)])
        batch.add(PackObjectStatements.removeClaimedRows, [.integer(id), .text(claim)])
        batch.add(PackObjectStatements.retireClaimed, [.integer(id), .text(claim), .integer(grace)])
        let sealed = batch.add(PackObjectStatements.seal, [.integer(id), .integer(wait)])
        return try await !write(batch).rows(sealed).isEmpty
    }

    /// At most 100 packs that are DELETING and whose objects may go by now.
    public func removablePacks(storeID: String) async throws(DatabaseError) -> [PackRow] {
        try await database.read(PackObjectStatements.removable, [.text(storeID)])
    }

    /// Forgets a pack that is DELETING, once its object is removed, if it was made known more than `age` milliseconds ago. A PUT of a younger one
    /// that was given up may still arrive: it stays, and becomes removable again at that age.
    public func forgetPack(_ id: Int64, olderThan age: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(PackObjectStatements.forgetOld, [.integer(id), .integer(age)])
        batch.add(PackObjectStatements.removeAgain, [.integer(id), .integer(age)])
        _ = try await write(batch)
    }
}
