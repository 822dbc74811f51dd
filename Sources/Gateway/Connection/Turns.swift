import DequeModule
import NIOCore

/// Gives the connections of an event loop their turns: each goes on by one request, and between the turns the loop looks at its sockets. And sends
/// what they have written, together.
///
/// An event loop runs what is submitted while it runs before it looks at its sockets again, so connections that submitted themselves again and again
/// would keep everybody else out.
///
/// Threads: on its event loop only.
final class Turns {
    /// Where the calls of the connections run.
    let executor: EventLoopExecutor
    private let loop: any EventLoop
    private var waiting = Deque<ConnectionHandler>()
    private var isUnderWay = false
    private var unsent: [ConnectionHandler] = []

    /// For how long turns follow each other without a look at the sockets.
    private static let stretch = TimeAmount.milliseconds(5)
    /// So many answers go out without waiting for more.
    private static let together = 16
    /// Any time that is not over yet: sockets are looked at first.
    private static let pause = TimeAmount.microseconds(20)

    init(_ loop: any EventLoop) {
        self.loop = loop
        executor = EventLoopExecutor(loop)
    }

    /// Has a connection go on soon.
    func ask(_ connection: ConnectionHandler) {
        waiting.append(connection)
        guard !isUnderWay else { return }
        isUnderWay = true
        schedule()
    }

    /// Has what a connection has written go out as soon as the loop has looked at every socket that is ready. An answer that goes out by itself wakes
    /// its client at once, which then takes the processor's turn from the others that wait.
    func send(_ connection: ConnectionHandler) {
        unsent.append(connection)
        guard unsent.count < Self.together else { return sendAll() }
        guard unsent.count == 1 else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.execute { bound.value.sendAll() }
    }

    private func sendAll() {
        let connections = unsent
        unsent.removeAll(keepingCapacity: true)
        for connection in connections { connection.flush() }
    }

    private func schedule() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.pause) { bound.value.run() }
    }

    private func run() {
        let end = NIODeadline.now() + Self.stretch
        // Those who ask again have their next turn in the next stretch.
        var left = waiting.count
        while left > 0, NIODeadline.now() < end, let connection = waiting.popFirst() {
            connection.takeTurn()
            left -= 1
        }
        isUnderWay = !waiting.isEmpty
        if isUnderWay { schedule() }
    }
}
