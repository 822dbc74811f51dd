import Store

/// The life of a stream or channel. This is the only place where a transition is defined; the guards of the statements name the same statuses,
/// and a test compares the two.
enum StatusMachine {
    /// What can happen to a resource.
    enum Event: Sendable, CaseIterable {
        case updateAccepted
        case deleteAccepted
        /// An image, notification or media storage configuration.
        case configured
        case tagsChanged
        /// What CREATING, UPDATING or DELETING stood for is done.
        case workFinished
    }

    /// Where an event leads.
    enum Outcome: Sendable, Equatable {
        case status(ResourceStatus)
        /// The resource is no more.
        case gone
        /// The event cannot happen in this status: the caller is refused, a late worker does nothing.
        case refused
    }

    static func next(_ status: ResourceStatus, _ event: Event) -> Outcome {
        switch (status, event) {
        case (.creating, .workFinished), (.updating, .workFinished): .status(.active)
        case (.deleting, .workFinished): .gone
        case (.active, .workFinished): .refused
        case (.active, .updateAccepted): .status(.updating)
        case (.active, .deleteAccepted): .status(.deleting)
        case (.creating, .updateAccepted), (.updating, .updateAccepted), (.deleting, .updateAccepted): .refused
        case (.creating, .deleteAccepted), (.updating, .deleteAccepted), (.deleting, .deleteAccepted): .refused
        case (.creating, .tagsChanged), (.active, .tagsChanged), (.updating, .tagsChanged): .status(status)
        case (.deleting, .tagsChanged): .refused
        case (.active, .configured): .status(.active)
        case (.creating, .configured), (.updating, .configured), (.deleting, .configured): .refused
        }
    }
}
