import Contract
import Identity
import Planes
import Store

extension SignalingPlane {
    var sendAlexaOfferToMaster: RoutedOperation {
        request(SendAlexaOfferToMaster.self, .sendAlexaOfferToMaster, \.channelARN, waits: true) {
            plane, input, key, _ throws(OperationError) in
            SendAlexaOfferToMaster.Output(answer: try await plane.answer(to: input.messagePayload, key))
        }
    }

    /// Sends an offer to the master as a viewer does, and waits for the answer: for as long as the channel keeps messages, as long as the client is
    /// there, and as long as the instance is not asked to stop.
    private func answer(to offer: String, _ key: ResourceKey) async throws(OperationError) -> String? {
        guard let payload = offer.standardBase64?.text else {
            throw OperationError(.invalidArgument, "MessagePayload must be base64 of at least one byte.")
        }
        let channel = retain(key)
        let caller = AlexaCaller()
        // No viewer can have an id that begins so.
        let presence = Presence(channel: key, client: "AWS_ALEXA_" + Token.random(), session: Token.random())
        let peer = SignalingPeer(newSession(), presence, channel, caller)
        let connected: Connecting.Connected
        do throws(OperationError) {
            connected = try await channel.connect(peer)
        } catch {
            release(channel)
            throw error
        }
        defer { channel.disconnect(peer) }
        guard !connected.storesMedia else {
            throw OperationError(
                .invalidArgument,
                "The channel \(key.name) stores its media, so that nobody meets its master: disable it with UpdateMediaStorageConfiguration."
            )
        }
        channel.send(peer, ClientMessage(kind: .offer, recipient: "", payload: payload), .offer, payload: payload)
        switch await caller.outcome(within: .seconds(connected.messageTtlSeconds), isStopping: isStopping) {
        case .answered(let answer): return answer
        case .nothingCame: return nil
        case .channelIsGone: throw .channelNotFound
        }
    }
}

/// Whoever waits for the answer to one offer.
///
/// Threads: any task may deliver; one waits.
private final class AlexaCaller: Recipient {
    private let (answers, came) = AsyncStream.makeStream(of: String.self)

    func deliver(_ letter: Letter, waited: Bool) {
        switch letter.kind {
        case .answer: came.yield(letter.payload)
        // Alexa has no way to take candidates.
        case .offer, .candidate: return
        }
    }

    func fail(_ failure: MessageFailure, _ correlationID: String) {}
    func reconnectICEServers() {}
    /// The channel is deleted: nothing else ends the connection of an id that is there once.
    func close() { came.finish() }

    enum Outcome {
        case answered(String)
        case nothingCame
        case channelIsGone
    }

    /// The first answer, or why there is none.
    func outcome(within time: Duration, isStopping: @escaping @Sendable () -> Bool) async -> Outcome {
        await withTaskGroup(of: Outcome.self) { tasks in
            tasks.addTask {
                guard let answer = await self.answers.first(where: { _ in true }) else { return .channelIsGone }
                return .answered(answer)
            }
            tasks.addTask {
                let end = ContinuousClock.now + time
                while ContinuousClock.now < end, !isStopping() {
                    do { try await Task.sleep(for: .milliseconds(200)) } catch { break }
                }
                return .nothingCame
            }
            defer { tasks.cancelAll() }
            return await tasks.next() ?? .nothingCame
        }
    }
}
