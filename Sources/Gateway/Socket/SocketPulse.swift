import NIOCore

/// Has the sockets of an event loop look at the time, twice a second: so none of them needs a timer of its own.
///
/// Threads: on its event loop only.
final class SocketPulse {
    private let loop: any EventLoop
    private var sockets: [ObjectIdentifier: SocketHandler] = [:]
    private var isBeating = false

    static let interval = TimeAmount.milliseconds(500)

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func add(_ socket: SocketHandler) {
        sockets[ObjectIdentifier(socket)] = socket
        guard !isBeating else { return }
        isBeating = true
        beatSoon()
    }

    func remove(_ socket: SocketHandler) {
        sockets[ObjectIdentifier(socket)] = nil
    }

    private func beatSoon() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: Self.interval) { bound.value.beat() }
    }

    private func beat() {
        let now = NIODeadline.now()
        // A socket may end, and so leave, while it looks.
        for socket in Array(sockets.values) { socket.keepTime(now) }
        isBeating = !sockets.isEmpty
        if isBeating { beatSoon() }
    }
}
