/// Which statuses a resource may have for a call.
private enum StatusNeed {
    /// The call is about no one resource, or makes it.
    case none
    case any
    case notDeleting
    case active
}

extension OperationID {
    fileprivate var statusNeed: StatusNeed {
        switch self {
        case .createSignalingChannel, .createStream, .listEdgeAgentConfigurations, .listSignalingChannels, .listStreams,
            .acknowledgeEdgeConfiguration, .fetchEdgeConfigurations, .reportEdgeAgentStatus, .reportEdgeConfigurationResult:
            .none
        case .describeEdgeConfiguration, .describeImageGenerationConfiguration, .describeMappedResourceConfiguration,
            .describeMediaStorageConfiguration, .describeNotificationConfiguration, .describeSignalingChannel, .describeStream,
            .describeStreamStorageConfiguration, .listTagsForResource, .listTagsForStream:
            .any
        case .deleteEdgeConfiguration, .getDataEndpoint, .getSignalingChannelEndpoint, .tagResource, .tagStream, .untagResource,
            .untagStream:
            .notDeleting
        case .deleteSignalingChannel, .deleteStream, .startEdgeConfigurationUpdate, .updateDataRetention,
            .updateImageGenerationConfiguration, .updateMediaStorageConfiguration, .updateNotificationConfiguration,
            .updateSignalingChannel, .updateStream, .updateStreamStorageConfiguration:
            .active
        }
    }
}

extension OperationContract {
    /// The rules that follow from what the input has in it, or hold for many operations: a sentence or two for each, in Markdown.
    var commonRules: [String] {
        var rules: [String] = []
        for kind in ["Stream", "Channel"] where has("\(kind)Name") && has("\(kind)ARN") {
            rules.append(
                "\(kind)Name or \(kind)ARN must be given. Neither, and two that mean different \(kind.lowercased())s, are an "
                    + "InvalidArgumentException.")
        }
        for (member, resource) in [("StreamARN", "stream"), ("ChannelARN", "channel"), ("ResourceARN", "stream or channel")]
        where has(member) {
            let code = errors.contains(.invalidResourceFormat) ? ErrorCode.invalidResourceFormat : .invalidArgument
            rules.append(
                "A \(member) of another region than the request is signed for, or of anything but a \(resource), is an \(code.rawValue); "
                    + "one of another account is an AccessDeniedException.")
        }
        if has("HubDeviceArn") || id.area == .edge {
            rules.append("In the region af-south-1 it is an AccessDeniedException: there are no edge configurations there.")
        }
        switch id.statusNeed {
        case .none: break
        case .any: rules.append("Works in every status.")
        case .notDeleting: rules.append("Works in CREATING, ACTIVE and UPDATING; in DELETING it is a ResourceNotFoundException.")
        case .active: rules.append("Needs the status ACTIVE; in any other it is a ResourceInUseException, which says the status.")
        }
        if has("CurrentVersion") {
            rules.append("Another CurrentVersion than the present one is a VersionMismatchException. The status is looked at first.")
        }
        if has("NextToken") {
            rules.append(
                "A NextToken is valid for this operation, account, region and filter only, and does not expire; any other is an "
                    + "InvalidArgumentException. An empty one asks for the first page.")
        }
        let neverSent = errors.filter { $0.exampleMessage == nil }.map(\.rawValue)
        if !neverSent.isEmpty { rules.append("Declared as the service declares it, never sent: \(neverSent.joined(separator: ", ")).") }
        return rules
    }

    private func has(_ name: String) -> Bool { input.hasMember(name) }
}

extension Schema {
    /// Whether it is a structure with a member of this name.
    func hasMember(_ name: String) -> Bool {
        guard case .structure(_, let members) = kind else { return false }
        return members.contains { $0.name == name }
    }
}
