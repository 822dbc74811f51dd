public import SQL

extension Store {
    /// Connects a client over an instance, in place of whatever connection it has, and hands over what waits for it. A viewer is refused where
    /// `viewers` others are connected. `told`: whose call it was, where an event is to tell of it.
    public func connect(
        _ presence: Presence, instance: String, viewers: Int64, told: ConnectionOrigin? = nil
    ) async throws(DatabaseError) -> Connecting {
        let channel = presence.channel.incarnation
        var batch = Batch()
        let turn = batch.add(SignalingStatements.turn, channel)
        let superseded = batch.add(SignalingStatements.place, channel + [.text(instance), .text(presence.client)])
        let master = presence.client.isEmpty ? nil : batch.add(SignalingStatements.place, channel + [.text(instance), .text("")])
        let connected = batch.add(
            SignalingStatements.connect,
            channel + [.text(instance), .text(presence.client), .text(presence.session), .integer(viewers)])
        if let told { batch.addEvent(of: presence, .masterConnected, .viewerConnected, told) }
        let waiting = batch.add(SignalingStatements.take, channel + [.text(presence.client), .text(presence.session)])
        let result = try await write(batch)
        guard let turn = try result.rows(turn).first else { return .channelNotFound }
        guard let sequence = try result.rows(connected).first else { return .full }
        let masterPlace = if let master { try result.rows(master).first } else { Place?.none }
        return .connected(
            Connecting.Connected(
                channelARN: turn.arn, sequence: sequence, messageTtlSeconds: turn.messageTtlSeconds, storesMedia: turn.storesMedia,
                superseded: try result.rows(superseded).first, master: masterPlace,
                waiting: Self.inOrder(try result.rows(waiting))))
    }

    /// Ends a connection, unless the client has a newer one. `tells`: whether an event is to tell of it.
    public func disconnect(_ presence: Presence, tells: Bool = false) async throws(DatabaseError) {
        var batch = Batch()
        if tells { batch.addEvent(of: presence, .masterDisconnected, .viewerDisconnected, ConnectionOrigin(keyID: "", requestID: "")) }
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
        let place = batch.add(SignalingStatements.place, channel + [.text(instance), .text(client)])
        let result = try await write(batch)
        guard try result.rows(turn).first != nil else { return .channelNotFound }
        guard try result.rows(kept).first != nil else { return .full }
        return .kept(at: try result.rows(place).first)
    }

    /// Takes what waits for a client, as long as this is its connection.
    public func takeMessages(for presence: Presence) async throws(DatabaseError) -> [MailboxRecord] {
        var batch = Batch()
        let taken = batch.add(
            SignalingStatements.take, presence.channel.incarnation + [.text(presence.client), .text(presence.session)])
        return Self.inOrder(try await write(batch).rows(taken))
    }

    /// The connections over an instance that something waits for: others left it there.
    public func sessionsWithMail(ofInstance instance: String) async throws(DatabaseError) -> [String] {
        try await database.read(SignalingStatements.waitingAtInstance, [.text(instance)])
    }

    /// Where a client is connected; nil where it is nowhere. `instance` asks.
    public func place(of client: String, in channel: ResourceKey, asking instance: String) async throws(DatabaseError) -> Place? {
        try await database.read(SignalingStatements.place, channel.incarnation + [.text(instance), .text(client)]).first
    }

    /// The connections over an instance, and of each whether its channel is there and not about to go, and whether it stores its media.
    public func presences(ofInstance instance: String) async throws(DatabaseError) -> [(Presence, isWanted: Bool, storesMedia: Bool)] {
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

    /// Forgets the connections over instances that have said nothing for `age` milliseconds. Events tell of those of masters and, where
    /// `tellsViewers`, of viewers.
    public func removePresences(ofInstancesSilentFor age: Int64, tellsViewers: Bool = false) async throws(DatabaseError) {
        let limit: Int64 = 1000
        var lost: [Presence] = []
        repeat {
            lost = try await database.read(SignalingStatements.lost, [.integer(age), .integer(tellsViewers ? 1 : 0), .integer(limit)])
            for presence in lost { try await disconnect(presence, tells: !presence.isWaiter) }
        } while lost.count == limit
        var batch = Batch()
        batch.add(SignalingStatements.removeLost, [.integer(age)])
        _ = try await write(batch)
    }

    private static func inOrder(_ rows: [MailboxRecord?]) -> [MailboxRecord] {
        rows.compactMap { $0 }.sorted { $0.sequence < $1.sequence }
    }
}

extension Batch {
    /// Tells that a client is connected, or that it is about not to be, whichever the batch makes of it; nothing where the connection is not the client's.
    fileprivate mutating func addEvent(of presence: Presence, _ ofMaster: EventName, _ ofViewer: EventName, _ origin: ConnectionOrigin) {
        let token = Token.random()
        add(
            SignalingStatements.countEvent,
            presence.channel.incarnation + [.text(presence.client), .text(presence.session), .text(token)])
        add(
            event: (presence.client.isEmpty ? ofMaster : ofViewer).rawValue, on: presence.channel, keyID: origin.keyID,
            requestID: origin.requestID, token: token)
    }
}

extension ResourceKey {
    /// What statements on one incarnation of a channel begin with.
    fileprivate var incarnation: [SQLValue] { arguments + [.integer(creationTime ?? -1)] }
}
