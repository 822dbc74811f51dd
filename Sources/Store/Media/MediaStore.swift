public import SQL

extension Store {
    // MARK: Sessions

    /// The stream, if it takes and gives media: it is CREATING, ACTIVE or UPDATING.
    public func mediaStream(_ key: ResourceKey) async throws(DatabaseError) -> StoredStream? {
        try await database.read(MediaStatements.findStream, key.arguments + [.integer(key.creationTime)]).first
    }

    /// Opens a session of such a stream, and tells so; nil where there is none. `id` is taken for a stream that media was never sent to: random,
    /// above zero.
    public func openMediaSession(_ key: ResourceKey, id: Int64, instanceID: String, _ cause: EventCause) async throws(DatabaseError)
        -> MediaSession?
    {
        var batch = Batch()
        let named = key.arguments + [.integer(key.creationTime)]
        let token = Token.random()
        let opened = batch.add(MediaStatements.openSession, named + [.integer(id), .text(instanceID), .text(token)])
        batch.tell(.mediaSessionBegan, of: key, status: "OPEN", token: token, cause)
        let found = batch.add(MediaStatements.findStream, named)
        let result = try await write(batch)
        guard let epoch = try result.rows(opened).first, let stream = try result.rows(found).first, let id = stream.id else { return nil }
        return MediaSession(streamID: id, stream: stream, epoch: epoch)
    }

    /// Makes a session the one whose fragments are taken, from its first fragment on, which begins at `time` or later. Nil where a newer one is,
    /// or the stream takes no media.
    public func takeOver(_ session: MediaSession, at time: Int64) async throws(DatabaseError) -> SequenceBlock? {
        var batch = Batch()
        let taken = batch.add(MediaStatements.takeOver, [.integer(session.streamID), .integer(session.epoch), .integer(time)])
        return try await write(batch).rows(taken).first
    }

    /// Gives a session whose fragments are taken its next sequences. Nil where a newer one has taken over.
    public func extendSequences(of session: MediaSession) async throws(DatabaseError) -> SequenceBlock? {
        var batch = Batch()
        let extended = batch.add(MediaStatements.extendSession, [.integer(session.streamID), .integer(session.epoch)])
        return try await write(batch).rows(extended).first
    }

    /// A session has ended, for a reason in capitals.
    public func closeMediaSession(_ session: MediaSession, reason: String, _ cause: EventCause) async throws(DatabaseError) {
        var batch = Batch()
        let token = Token.random()
        batch.add(MediaStatements.closeSession, [.integer(session.streamID), .integer(session.epoch), .text(token)])
        batch.tell(.mediaSessionEnded, of: session.stream.key, status: reason, token: token, cause)
        _ = try await write(batch)
    }

    // MARK: Fragments

    /// Indexes fragments, each of the session whose epoch stands beside it and each admitted or not by itself, together with how far their packs
    /// reach. Made again after an unknown outcome it does the same.
    ///
    /// - Parameter beside: Adds statements that depend on the fragments' rows.
    public func indexFragments(
        _ fragments: [(row: FragmentRow, epoch: Int64)], _ packs: [PackProgress], beside: (inout Batch) -> Void
    ) async throws(DatabaseError) -> [FragmentAdmission] {
        var batch = Batch()
        // In one order for everybody.
        for pack in packs.sorted(by: { $0.packID < $1.packID }) {
            batch.add(
                MediaStatements.advancePack,
                [
                    .integer(pack.packID), .integer(pack.bytes), .integer(pack.serverTimes.lowerBound),
                    .integer(pack.serverTimes.upperBound),
                ])
        }
        // Those of older sessions first, which are not taken behind those of newer ones.
        let references = Dictionary(
            uniqueKeysWithValues: fragments.indices.sorted { fragments[$0].row.sequence < fragments[$1].row.sequence }.map { place in
                let (row, epoch) = fragments[place]
                return (place, batch.add(MediaStatements.insertFragment, Self.arguments(row) + [.integer(epoch)]))
            })
        beside(&batch)
        let result = try await write(batch)
        var admissions: [FragmentAdmission] = []
        for (place, fragment) in fragments.enumerated() {
            if let reference = references[place], try !result.rows(reference).isEmpty {
                admissions.append(.stored)
            } else {
                let isUsable = try await !database.read(MediaStatements.isUsable, [.integer(fragment.row.streamID)]).isEmpty
                admissions.append(isUsable ? .fenced : .streamGone)
            }
        }
        return admissions
    }

    private static func arguments(_ row: FragmentRow) -> [SQLValue] {
        [
            .integer(row.streamID), .integer(row.sequence), .integer(row.serverTime), .integer(row.numberLow), .integer(row.producerTime),
            .integer(row.length), .integer(row.size), .integer(row.flags), .integer(row.packID), .text(row.parts), .text(row.trackSet),
            .text(row.trackSetPlace),
        ]
    }

    /// At most `limit` fragments of OPEN packs after a sequence, of server times in a range, in order.
    public func fragmentRows(
        of streamID: Int64, after sequence: Int64, serverTimes: ClosedRange<Int64>, limit: Int
    ) async throws(DatabaseError) -> [FragmentRow] {
        try await database.read(
            MediaStatements.fragments,
            [
                .integer(streamID), .integer(sequence), .integer(serverTimes.lowerBound), .integer(serverTimes.upperBound),
                .integer(Int64(limit)),
            ])
    }

    /// At most `limit` fragments of OPEN packs whose producer times are in a range and server times at `since` or later, in the order of producer
    /// times and sequences, after a pair of these.
    public func fragmentRows(
        of streamID: Int64, producerTimes: ClosedRange<Int64>, since: Int64, after: (time: Int64, sequence: Int64), limit: Int
    ) async throws(DatabaseError) -> [FragmentRow] {
        try await database.read(
            MediaStatements.fragmentsByProducer,
            [
                .integer(streamID), .integer(producerTimes.lowerBound), .integer(producerTimes.upperBound), .integer(since),
                .integer(after.time), .integer(after.sequence), .integer(Int64(limit)),
            ])
    }

    /// The fragment of a sequence, while it is in an OPEN pack.
    public func fragmentRow(of streamID: Int64, sequence: Int64) async throws(DatabaseError) -> FragmentRow? {
        try await database.read(MediaStatements.fragmentOf, [.integer(streamID), .integer(sequence)]).first
    }

    /// The last fragment, if it is in an OPEN pack.
    public func lastFragmentRow(of streamID: Int64) async throws(DatabaseError) -> FragmentRow? {
        try await database.read(MediaStatements.lastFragment, [.integer(streamID)]).first
    }

    /// At most `limit` extents with sequences after one and server times in a range, in order.
    public func extents(
        of streamID: Int64, after sequence: Int64, serverTimes: ClosedRange<Int64>, limit: Int
    ) async throws(DatabaseError) -> [ExtentRow] {
        try await database.read(
            MediaStatements.extents,
            [
                .integer(streamID), .integer(sequence), .integer(serverTimes.lowerBound), .integer(serverTimes.upperBound),
                .integer(Int64(limit)),
            ])
    }

    /// At most `limit` extents that may hold fragments whose producer times are in a range and server times at `since` or later, in the order of
    /// their least producer time and first sequence, after a pair of these.
    public func extents(
        of streamID: Int64, producerTimes: ClosedRange<Int64>, since: Int64, after: (time: Int64, sequence: Int64), limit: Int
    ) async throws(DatabaseError) -> [ExtentRow] {
        try await database.read(
            MediaStatements.extentsByProducer,
            [
                .integer(streamID), .integer(producerTimes.lowerBound), .integer(producerTimes.upperBound), .integer(since),
                .integer(after.time), .integer(after.sequence), .integer(Int64(limit)),
            ])
    }

    /// The extent that holds a sequence, or would, if it is in any.
    public func extent(of streamID: Int64, holding sequence: Int64) async throws(DatabaseError) -> ExtentRow? {
        try await database.read(MediaStatements.extentOf, [.integer(streamID), .integer(sequence)]).first
    }

    // MARK: Packs

    /// Makes a pack known, before its file is made.
    public func openPack(id: Int64, tier: String, retentionHours: Int64, storeID: String) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(MediaStatements.insertPack, [.integer(id), .text(storeID), .text(tier), .integer(retentionHours)])
        _ = try await write(batch)
    }

    /// A pack of a media folder.
    public func pack(_ id: Int64, storeID: String) async throws(DatabaseError) -> PackRow? {
        try await database.read(MediaStatements.findPack, [.integer(id), .text(storeID)]).first
    }

    /// At most 1,000 packs of a media folder in a state, after an id, in order.
    public func packs(storeID: String, state: String, after id: Int64 = 0) async throws(DatabaseError) -> [PackRow] {
        try await database.read(MediaStatements.packs, [.text(storeID), .text(state), .integer(id), 1000])
    }

    /// The oldest SEALED pack of a tier of a media folder.
    public func oldestPack(storeID: String, tier: String) async throws(DatabaseError) -> PackRow? {
        try await database.read(MediaStatements.oldestPack, [.text(storeID), .text(tier)]).first
    }

    /// The fragments of an OPEN pack, stream by stream and in their order.
    public func rows(ofPack id: Int64) async throws(DatabaseError) -> [FragmentRow] {
        try await database.read(MediaStatements.rowsOfPack, [.integer(id)])
    }

    /// The ARN of each stream that has rows in a pack.
    public func arns(ofPack id: Int64) async throws(DatabaseError) -> [Int64: String] {
        Dictionary(try await database.read(MediaStatements.arnsOfPack, [.integer(id)])) { first, _ in first }
    }

    /// The SEALED packs of a media folder whose rows are not removed yet.
    public func sealedPacksWithRows(storeID: String) async throws(DatabaseError) -> [Int64] {
        try await database.read(MediaStatements.sealedWithRows, [.text(storeID)])
    }

    public func extents(ofPack id: Int64) async throws(DatabaseError) -> [ExtentRow] {
        try await database.read(MediaStatements.extentsOfPack, [.integer(id)])
    }

    /// Puts extents in the place of a pack's rows, which are then to be removed by `removeSealedRows`. Made again it changes nothing. The pack's
    /// file has `bytes` bytes; it is looked at in `wait` milliseconds.
    public func sealPack(_ id: Int64, _ extents: [ExtentRow], bytes: Int64, wait: Int64) async throws(DatabaseError) {
        var batch = Batch()
        var sums: [Int64: (fragments: Int64, bytes: Int64)] = [:]
        for extent in extents {
            batch.add(
                MediaStatements.insertExtent,
                [
                    .integer(id), .integer(extent.streamID), .integer(extent.firstSequence), .integer(extent.lastSequence),
                    .integer(extent.firstServerTime), .integer(extent.lastServerTime), .integer(extent.minProducerTime),
                    .integer(extent.maxProducerTime), .integer(extent.producerEnd), .integer(extent.fragments), .integer(extent.bytes),
                    .integer(extent.gaps), .integer(extent.gapTime), .integer(extent.footerOffset), .integer(extent.footerLength),
                ])
            let sum = sums[extent.streamID, default: (0, 0)]
            sums[extent.streamID] = (sum.fragments + extent.fragments, sum.bytes + extent.bytes)
        }
        for (streamID, sum) in sums.sorted(by: { $0.key < $1.key }) {
            batch.add(MediaStatements.countExtents, [.integer(id), .integer(streamID), .integer(sum.fragments), .integer(sum.bytes)])
        }
        batch.add(MediaStatements.sealPack, [.integer(id), .integer(bytes), .integer(wait)])
        _ = try await write(batch)
    }

    /// Removes at most `limit` rows that extents stand for; how many.
    public func removeSealedRows(ofPack id: Int64, limit: Int) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let removed = batch.add(MediaStatements.removeSealedRows, [.integer(id), .integer(Int64(limit))])
        return try await write(batch).rows(removed).count
    }

    /// SEALED packs of a media folder whose time to be looked at has come.
    public func duePacks(storeID: String, limit: Int) async throws(DatabaseError) -> [DuePack] {
        try await database.read(MediaStatements.duePacks, [.text(storeID), .integer(Int64(limit))])
    }

    /// Looks at a pack again at a time, in milliseconds since the epoch.
    public func putOffPack(_ id: Int64, until time: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(MediaStatements.putOffPack, [.integer(id), .integer(time)])
        _ = try await write(batch)
    }

    /// Makes a SEALED pack DELETING, and takes it out of the index; unless `anyway`, only one in which everything has expired. The number of
    /// fragments that it had; nil where it stays.
    public func expirePack(_ id: Int64, anyway: Bool) async throws(DatabaseError) -> Int64? {
        try await giveUp(id, by: MediaStatements.expirePack, [.integer(id), .integer(anyway ? 1 : 0)])
    }

    /// Makes an OPEN pack DELETING that has nothing in it, or whose file is lost, and takes it out of the index. The number of fragments that it had;
    /// nil where it was not OPEN.
    public func abandonPack(_ id: Int64) async throws(DatabaseError) -> Int64? {
        try await giveUp(id, by: MediaStatements.abandonPack, [.integer(id)])
    }

    private func giveUp(_ id: Int64, by statement: Statement<Int64>, _ arguments: [SQLValue]) async throws(DatabaseError) -> Int64? {
        var batch = Batch()
        let given = batch.add(statement, arguments)
        batch.add(MediaStatements.uncountExtents, [.integer(id)])
        let extents = batch.add(MediaStatements.removeExtentsOfPack, [.integer(id)])
        let rows = batch.add(MediaStatements.removeRowsOfPack, [.integer(id)])
        let result = try await write(batch)
        guard try !result.rows(given).isEmpty else { return nil }
        let unsealed = try result.rows(rows).count
        let sealed = try result.rows(extents)
        return sealed.reduce(Int64(unsealed), +)
    }

    /// Forgets a pack that is DELETING, once its file is gone.
    public func removePack(_ id: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(MediaStatements.removePack, [.integer(id)])
        _ = try await write(batch)
    }

    /// At most 100 packs of a media folder, after an id, that streams have left since their space was given back.
    public func freedPacks(storeID: String, after id: Int64 = 0) async throws(DatabaseError) -> [FreedPack] {
        try await database.read(MediaStatements.freedPacks, [.text(storeID), .integer(id)])
    }

    /// The space of a pack was given back.
    public func reclaimed(_ pack: FreedPack) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(MediaStatements.reclaimPack, [.integer(pack.pack.id), .integer(pack.freed)])
        _ = try await write(batch)
    }

    // MARK: Deletion and sums

    /// Takes everything of a stream that is DELETING out of the index, about `limit` fragments or runs of them at a time.
    func removeMedia(ofStream arn: String, limit: Int) async throws(DatabaseError) {
        // Most streams that are removed never had any: they cost no write.
        guard try await !database.read(MediaStatements.isKnown, [.text(arn)]).isEmpty else { return }
        let arguments: [SQLValue] = [.text(arn), .integer(Int64(limit))]
        while true {
            var batch = Batch()
            batch.add(MediaStatements.freePacks, arguments)
            let extents = batch.add(MediaStatements.removeExtents, arguments)
            let fragments = batch.add(MediaStatements.removeFragments, arguments)
            let images = batch.add(ImageWorkStatements.removeOfStream, arguments)
            let result = try await write(batch)
            if try result.rows(extents).count + result.rows(fragments).count + result.rows(images).count == 0 { return }
        }
    }

    /// Makes the media of a stream known again, from what a pack says of it, and the stream itself if the database lacks it: ACTIVE, with a
    /// retention and a tier. False where its name is another incarnation's, or its media is known under another id.
    public func restoreMediaStream(
        id: Int64, arn: String, lastSequence: Int64, retentionHours: Int64, tier: String
    ) async throws(DatabaseError) -> Bool {
        // arn:PARTITION:kinesisvideo:REGION:ACCOUNT:stream/NAME/CREATION
        let fields = arn.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 6 else { return false }
        let names = fields[5].split(separator: "/").map(String.init)
        guard names.count == 3, names[0] == "stream", let creationTime = Int64(names[2]) else { return false }
        let key: [SQLValue] = [.text(fields[4]), .text(fields[3]), .text(names[1])]
        let token = Token.random()
        var batch = Batch()
        batch.add(
            MediaStatements.restoreStream,
            key + [
                .text(arn), .integer(creationTime), .integer(retentionHours), .text(tier), .text(token),
                .text("arn:\(fields[1]):kms:\(fields[3]):\(fields[4]):alias/aws/kinesisvideo"),
            ])
        batch.add(MediaStatements.countRestoredStream, key + [.text(token)])
        let reserved = (lastSequence + SequenceBlock.size - 1) / SequenceBlock.size * SequenceBlock.size
        let restored = batch.add(MediaStatements.restoreMediaStream, [.integer(id), .integer(reserved)] + key + [.text(arn)])
        return try await !write(batch).rows(restored).isEmpty
    }

    /// What is kept of a stream; nil where media was never sent to it.
    public func storageUsage(of streamID: Int64) async throws(DatabaseError) -> StorageUsage? {
        try await database.read(MediaStatements.usage, [.integer(streamID)]).first
    }

    /// Bytes that are kept for each account. Reads every stream that media was sent to.
    public func storedBytes() async throws(DatabaseError) -> [AccountBytes] {
        try await database.read(MediaStatements.accountBytes, [])
    }

    /// At most `limit` streams that producers are connected to.
    public func receivingStreams(limit: Int) async throws(DatabaseError) -> [ReceivingStream] {
        try await database.read(MediaStatements.receiving, [.integer(Int64(limit))])
    }

    /// The instance that receives a stream, by its ARN: that of its newest session, while that is open.
    public func receivingInstance(of arn: String) async throws(DatabaseError) -> String? {
        try await database.read(MediaStatements.receiver, [.text(arn)]).first
    }
}
