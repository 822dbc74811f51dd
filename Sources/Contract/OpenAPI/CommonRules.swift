/// Which statuses a resource may have for a call.
enum StatusNeed: Sendable {
    /// The call is about no one resource, or makes it.
    case none
    case any
    case notDeleting
    case active
}

extension OperationContract {
    /// The rules that follow from what the input has in it, or hold for many operations: a sentence or two for each, in Markdown.
    var commonRules: [String] {
        var rules: [String] = []
        for kind in ["Stream", "Channel"] where has("\(kind)Name") && has("\(kind)ARN") {
            rules.append(
                "\(kind)Name or \(kind)ARN must be given. "
                    + (api == .media || api == .archivedMedia
                        ? "Neither, and both, are an InvalidArgumentException."
                        : "Neither, and two that mean different \(kind.lowercased())s, are an InvalidArgumentException."))
        }
        for (member, resource) in [("StreamARN", "stream"), ("ChannelARN", "channel"), ("ResourceARN", "stream or channel")]
        where has(member) {
            rules.append(
                "A \(member) of another region than the request is signed for, or of anything but a \(resource), is an \(wrongARN.rawValue); "
                    + "one of another account is an AccessDeniedException.")
        }
        if !isOffered(in: "af-south-1") {
            rules.append("In the region af-south-1 it is an AccessDeniedException: there are no edge configurations there.")
        }
        switch api {
        case .controlPlane:
            if has("HubDeviceArn") {
                rules.append(
                    "A HubDeviceArn of another region than the request is signed for is an InvalidArgumentException, one of another "
                        + "account an AccessDeniedException.")
            }
        case .media, .archivedMedia, .signaling: break
        case .edgeAgent:
            rules.append("Another HubDeviceArn than the one that the caller's key is bound to is an AccessDeniedException.")
            if has("StreamARN") {
                rules.append(
                    "A stream that there is not, or whose edge configuration is not with this device, is a "
                        + "StreamEdgeConfigurationNotFoundException.")
            }
            if has("Revision") {
                rules.append("Another Revision than the present one is a VersionMismatchException. The status is looked at after it.")
            }
        }
        switch needs {
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
    func hasMember(_ name: String) -> Bool { members.contains { $0.name == name } }
}
