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
        let isTold = isEnabled && (target?.kind != .sns || rules.tellsTopicsOfLifecycle)
        try await call.commit(key, .configured, needsRetention: isEnabled ? "a notification" : nil) { change throws(Store.Failure) in
            try await call.plane.store.setNotification(
                key, configuration.map(NotificationConfiguration.text), destination: isTold ? target : nil,
                needsRetention: isEnabled, change)
        }
    }
}

extension NotificationRules {
    /// Where a URI leads. Reference, NotificationDestinationConfig: a topic; here also a web server.
    fileprivate func destination(of uri: String) throws(OperationError) -> StreamDestination {
        let parts = uri.split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 6, parts[0] == "arn", parts[2] == "sns", !parts[3].isEmpty, !parts[5].isEmpty {
            return StreamDestination(kind: .sns, target: uri)
        }
        if uri.hasPrefix("https://") { return StreamDestination(kind: .webhook, target: uri) }
        guard uri.hasPrefix("http://") else {
            throw OperationError(
                .invalidArgument, "DestinationConfig.Uri \(uri) is neither the ARN of an SNS topic nor a URL that begins with https://.")
        }
        guard allowsHTTP else {
            throw OperationError(
                .invalidArgument, "DestinationConfig.Uri \(uri) begins with http://, which this deployment does not allow: use https://.")
        }
        return StreamDestination(kind: .webhook, target: uri)
    }
}
