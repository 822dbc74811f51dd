public import SQL

extension Store {
    /// Connects a client over an instance, in place of whatever connection it has, and hands over what waits for it. A viewer is refused where
    /// `viewers` others are connected.
    public func connect(_ presence: Presence, instance: String, viewers: Int64) async throws(DatabaseError) -> Connecting {
        let channel = presence.channel.incarnation
        var batch = Batch()
        let turn = batch.add(SignalingStatements.turn, channel)
        let connected = batch.add(
            SignalingStatements.connect,
            channel + [.text(instance), .text(presence.client), .text(presence.session), .integer(viewers)])
        let waiting = batch.add(SignalingStatements.take, channel + [.text(presence.client), .text(presence.session)])
        let result = try await write(batch)
        guard let turn = try result.rows(turn).first else { return .channelNotFound }
        guard let sequence = try result.rows(connected).first else { return .full }
        return .connected(
            Connecting.Connected(
                channelARN: turn.arn, sequence: sequence, messageTtlSeconds: turn.messageTtlSeconds, storesMedia: turn.storesMedia,
                waiting: Self.inOrder(try result.rows(waiting))))
    }

    /// Ends a connection, unless the client has a newer one.
    public func disconnect(_ presence: Presence) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(
            SignalingStatements.disconnect, presence.channel.incarnation + [.text(presence.client), .text(presence.session)])
        _ = try await write(batch)
    }

    /// Leaves a message for a client that is not connected over this instance. An offer takes the place of whatever its sender left before, an
    /// answer that of the answer before.
    public func keep(
        _ message: MailboxRecord, for client: String, of channel: ResourceKey, instance: String
    ) async throws(DatabaseError) -> Keeping {
        let channel = channel.incarnation
        var batch = Batch()
        let turn = batch.add(SignalingStatements.turn, channel)
        batch.add(SignalingStatements.supersede, channel + [.text(client), .text(message.sender), .text(message.kind)])
        let kept = batch.add(
            SignalingStatements.keep,
            channel + [.text(instance), .text(client), .text(message.sender), .text(message.kind), .text(message.payload)])
        let result = try await write(batch)
        guard try result.rows(turn).first != nil else { return .channelNotFound }
        guard let kept = try result.rows(kept).first else { return .full }
        return .kept(instance: kept)
    }

    /// Takes what waits for a client, as long as this is its connection.
    public func takeMessages(for presence: Presence) async throws(DatabaseError) -> [MailboxRecord] {
        var batch = Batch()
        let taken = batch.add(
            SignalingStatements.take, presence.channel.incarnation + [.text(presence.client), .text(presence.session)])
        return Self.inOrder(try await write(batch).rows(taken))
    }

    /// Takes what other instances left for clients that are connected over this one, in order.
    public func takeMessages(
        ofInstance instance: String
    ) async throws(DatabaseError) -> [(channel: ResourceKey, client: String, message: MailboxRecord)] {
        var batch = Batch()
        let taken = batch.add(SignalingStatements.takeOfInstance, [.text(instance)])
        return try await write(batch).rows(taken)
            .compactMap { row in row.message.map { (row.channel, row.client, $0) } }
            .sorted { $0.message.sequence < $1.message.sequence }
    }

    /// The connections over an instance, and whether each has a channel that is not about to go.
    public func presences(ofInstance instance: String) async throws(DatabaseError) -> [(Presence, isWanted: Bool)] {
        try await database.read(SignalingStatements.ofInstance, [.text(instance)])
    }

    /// The connections to a channel, the master's first.
    public func presences(of channel: ResourceKey) async throws(DatabaseError) -> [PresenceRecord] {
        try await database.read(SignalingStatements.ofChannel, channel.incarnation + [.text("")])
    }

    /// How many masters and viewers are connected, over whatever instance.
    public func connectionCounts() async throws(DatabaseError) -> (masters: Int64, viewers: Int64) {
        try await database.read(SignalingStatements.counts, []).first ?? (0, 0)
    }

    /// Ends every connection over an instance.
    public func removePresences(ofInstance instance: String) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(SignalingStatements.removeOfInstance, [.text(instance)])
        _ = try await write(batch)
    }

    /// Forgets messages that waited for too long, at most `limit`; returns how many.
    public func removeExpiredMessages(limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(SignalingStatements.removeExpired, 0, limit)
    }

    /// Forgets the connections over instances that have said nothing for `age` milliseconds.
    public func removePresences(ofInstancesSilentFor age: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(SignalingStatements.removeLost, [.integer(age)])
        _ = try await write(batch)
    }

    private static func inOrder(_ rows: [MailboxRecord?]) -> [MailboxRecord] {
        rows.compactMap { $0 }.sorted { $0.sequence < $1.sequence }
    }
}

extension ResourceKey {
    /// What statements on one incarnation of a channel begin with.
    fileprivate var incarnation: [SQLValue] { arguments + [.integer(creationTime ?? -1)] }
}
