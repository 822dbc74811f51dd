import CoreMetrics
import DequeModule
import NIOCore

/// Decides which connections are taken, and when each goes to an event loop of its own.
///
/// It accepts none while there are as many as there may be: those who come then wait in the system's queue. It closes those of an address that
/// has all it may have. Of what comes from one address at once, some are passed on and the others wait here for their turn: else a flood of
/// connections would stand in front of everybody else's on the event loops. A proxy's connections are those of many, and wait for nothing.
///
/// Threads: on the event loop of the listening channel only.
final class AcceptGate: ChannelDuplexHandler {
    typealias InboundIn = any Channel
    typealias InboundOut = any Channel
    typealias OutboundIn = Never

    private let limits: ConnectionLimits
    private let metrics: Metrics
    private var context: ChannelHandlerContext?
    /// How many connections of an address were passed on a moment ago.
    private var beginning: [String: Int] = [:]
    /// Those that wait for their turn, by address; none of these queues is empty.
    private var waiting: [String: Deque<any Channel>] = [:]

    /// How many connections of one address begin within `turn`.
    static let most = 64
    /// How long a connection has for its first request before the next of its address may begin. Where its event loop is busy, it has more.
    static let turn = TimeAmount.milliseconds(5)

    init(_ limits: ConnectionLimits, _ metrics: Metrics) {
        self.limits = limits
        self.metrics = metrics
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        closeWaiting()
    }

    func channelInactive(context: ChannelHandlerContext) {
        closeWaiting()
        context.fireChannelInactive()
    }

    /// Connections are counted here, before they go to an event loop that may be busy while more of them come.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let connection = unwrapInboundIn(data)
        let address = connection.remoteAddress?.ipAddress ?? ""
        guard limits.enter(address) else {
            metrics.connectionsRefused.increment()
            connection.close(promise: nil)
            return
        }
        metrics.connectionsOpen.set(limits.open)
        connection.closeFuture.whenComplete { [limits, metrics] _ in
            limits.leave(address)
            metrics.connectionsOpen.set(limits.open)
        }
        if limits.isTrustedProxy(address) {
            context.fireChannelRead(data)
        } else if beginning[address, default: 0] < Self.most {
            begin(connection, address)
        } else {
            waiting[address, default: []].append(connection)
        }
    }

    func read(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        if limits.hasRoom(orElse: { loop.execute { bound.value.read() } }) { context.read() }
    }

    private func begin(_ connection: any Channel, _ address: String) {
        guard let context else { return connection.close(promise: nil) }
        beginning[address, default: 0] += 1
        context.fireChannelRead(wrapInboundOut(connection))
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        connection.eventLoop.scheduleTask(in: Self.turn) {
            loop.execute { bound.value.hasBegun(address) }
        }
    }

    private func hasBegun(_ address: String) {
        beginning[address, default: 1] -= 1
        if beginning[address] == 0 { beginning[address] = nil }
        guard let next = waiting[address]?.popFirst() else { return }
        if waiting[address]?.isEmpty == true { waiting[address] = nil }
        begin(next, address)
    }

    private func closeWaiting() {
        let all = waiting.values
        waiting = [:]
        for connections in all { for connection in connections { connection.close(promise: nil) } }
    }
}
