import Store

/// The life of an edge configuration. This is the only place where a transition is defined; the guards of the statements name the same statuses,
/// and a test compares the two. Reference, StartEdgeConfigurationUpdate and DeleteEdgeConfiguration.
enum EdgeStatusMachine {
    /// What can happen to an edge configuration.
    enum Event: Sendable, CaseIterable {
        case updateAccepted
        case deletionAccepted
        /// The agent has it, or has it again.
        case acknowledged
        case succeeded
        case failed
        /// The agent's next word is overdue.
        case timedOut
    }

    /// Where an event leads.
    enum Outcome: Sendable, Equatable {
        /// To a status in which the agent's next word is awaited.
        case awaiting(EdgeStatus)
        case settled(EdgeStatus)
        /// The configuration is no more.
        case gone
        /// The event has happened already: it is accepted and tells nothing new.
        case known
        /// The event cannot happen in this status.
        case refused
    }

    static func next(_ status: EdgeStatus, _ event: Event) -> Outcome {
        switch (status, event) {
        case (.inSync, .updateAccepted), (.syncFailed, .updateAccepted), (.deleteFailed, .updateAccepted): .awaiting(.syncing)
        case (.inSync, .deletionAccepted), (.syncFailed, .deletionAccepted), (.deleteFailed, .deletionAccepted): .awaiting(.deleting)
        case (.syncing, .acknowledged): .awaiting(.acknowledged)
        case (.deleting, .acknowledged): .awaiting(.deletingAcknowledged)
        case (.acknowledged, .acknowledged), (.deletingAcknowledged, .acknowledged): .known
        case (.acknowledged, .succeeded): .settled(.inSync)
        case (.deletingAcknowledged, .succeeded): .gone
        case (.inSync, .succeeded), (.syncFailed, .failed), (.deleteFailed, .failed): .known
        case (.syncing, .failed), (.acknowledged, .failed), (.syncing, .timedOut), (.acknowledged, .timedOut): .settled(.syncFailed)
        case (.deleting, .failed), (.deletingAcknowledged, .failed), (.deleting, .timedOut), (.deletingAcknowledged, .timedOut):
            .settled(.deleteFailed)
        case (.syncing, .updateAccepted), (.acknowledged, .updateAccepted), (.deleting, .updateAccepted),
            (.deletingAcknowledged, .updateAccepted), (.syncing, .deletionAccepted), (.acknowledged, .deletionAccepted),
            (.deleting, .deletionAccepted), (.deletingAcknowledged, .deletionAccepted), (.inSync, .acknowledged),
            (.syncFailed, .acknowledged), (.deleteFailed, .acknowledged), (.syncing, .succeeded), (.deleting, .succeeded),
            (.syncFailed, .succeeded), (.deleteFailed, .succeeded), (.inSync, .failed), (.inSync, .timedOut), (.syncFailed, .timedOut),
            (.deleteFailed, .timedOut):
            .refused
        }
    }
}
