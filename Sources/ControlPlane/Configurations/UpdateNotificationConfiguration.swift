import Contract
import Store

extension UpdateNotificationConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        let configuration = input.notificationConfiguration
        let rules = call.plane.rules.notifications
        let target = try configuration.map { config throws(OperationError) in
            try rules.destination(of: config.destinationConfig.uri)
        }
        let isEnabled = configuration?.status == .enabled
        // Topics have consumers that expect fragments, not what happens to the stream: those are told of it only where the operator says so.
        let tellsLifecycle = target?.kind != .sns || rules.tellsTopicsOfLifecycle
        try await call.commit(key, .configured, needsRetention: isEnabled ? "a notification" : nil) { change throws(Store.Failure) in
            try await call.plane.store.setNotification(
                key, configuration.map(NotificationConfiguration.text), destination: isEnabled ? target : nil,
                tellsLifecycle: tellsLifecycle, destinationLimit: rules.destinationLimit, needsRetention: isEnabled, change)
        }
    }

    /// What is not ENABLED adds nothing to what waits.
    static func lessensEvents(_ input: Input) -> Bool {
        input.notificationConfiguration?.status != .enabled
    }
}

extension NotificationRules {
    /// Where a URI leads. Reference, NotificationDestinationConfig: a topic; here also a web server.
    fileprivate func destination(of uri: String) throws(OperationError) -> StreamDestination {
        if TopicARN(uri) != nil { return StreamDestination(kind: .sns, target: uri) }
        guard uri.hasPrefix("https://") || uri.hasPrefix("http://") else {
            throw OperationError(
                .invalidArgument,
                "DestinationConfig.Uri \(uri.escapingControls) is neither the ARN of an SNS topic nor a URL that begins with https://.")
        }
        let target: WebTarget
        do throws(WebTarget.Fault) { target = try WebTarget(uri) } catch {
            // Without the URL, which may hold a password.
            throw OperationError(
                .invalidArgument, "DestinationConfig.Uri cannot be posted to: \(error.description).")
        }
        guard target.isSecure || allowsHTTP else {
            throw OperationError(
                .invalidArgument, "DestinationConfig.Uri \(uri) begins with http://, which this deployment does not allow: use https://.")
        }
        return StreamDestination(kind: .webhook, target: uri)
    }
}
