import ArgumentParser
import Contract
import Delivery
import FoundationEssentials
import Settings
import Store

/// The flags that narrow down which events a command is about, besides `--account`, which is a key of the configuration too.
struct EventFilterFlags: ParsableArguments {
    @Option(help: ArgumentHelp("Only events of these types, such as CreateStream,StreamStatusChange.", valueName: "a,b"))
    var types: String?

    @Option(help: ArgumentHelp("Only events of resources whose ARN begins so.", valueName: "arn"))
    var prefix: String?

    /// The filter, with the account of the flags, if it was given there.
    func filter(_ flags: ConfigurationFlags) throws -> EventFilter {
        try EventFilter(account: flags.values["account"], types: types, prefix: prefix)
    }
}

/// How far back a command looks.
struct AgeFlag: ParsableArguments {
    @Option(help: ArgumentHelp("Go back so far: 90s, 15m, 24h or 7d.", valueName: "duration"), transform: TimeSpan.init)
    var since: TimeSpan?

    var milliseconds: Int64? { since?.milliseconds }
}

/// Which events a command is about.
struct EventFilter {
    let account: String?
    let types: [String]?
    let prefix: String?

    init(account: String?, types: String?, prefix: String?) throws {
        if let account, !account.isAccount { throw ValidationError("--account: must be twelve digits, not '\(account)'") }
        if let prefix, !prefix.hasPrefix("arn:") { throw ValidationError("--prefix: must begin as ARNs do, with arn:, not '\(prefix)'") }
        self.account = account
        self.prefix = prefix
        self.types = try types.map { list in
            try list.split(separator: ",", omittingEmptySubsequences: false).map { text in
                let name = text.hasPrefix(CloudEvent.typePrefix) ? String(text.dropFirst(CloudEvent.typePrefix.count)) : String(text)
                guard EventType.exists(name) else {
                    throw ValidationError(
                        "--types: there is no type '\(text)', only \(EventType.all.map(\.name).joined(separator: ", "))")
                }
                return name
            }
        }
    }

    func matches(_ event: Event) -> Bool {
        (account.map { $0 == event.account } ?? true) && (types?.contains(event.type) ?? true)
            && (prefix.map { event.resourceARN.hasPrefix($0) } ?? true)
    }

    /// The subscription of a target to these events. Refuses a target that could not be reached.
    func subscription(to target: String, _ configuration: ServerConfiguration, _ post: PostOptions, seal: (_ id: String) throws -> String)
        throws -> NewSubscription
    {
        let (kind, place): (DestinationKind, String)
        if target == "-" {
            (kind, place) = (.file, target)
        } else if target.hasPrefix("file:") {
            (kind, place) = (.file, String(target.dropFirst("file:".count)))
            guard place.hasPrefix("/") else { throw ValidationError("\(target): the path must begin with /, whoever writes to it.") }
        } else if target.hasPrefix("arn:") {
            (kind, place) = (.sns, target)
            guard TopicARN(target) != nil else {
                throw ValidationError(
                    "\(target.escapingControls) is not the ARN of an SNS topic, such as arn:aws:sns:us-east-1:123456789012:cameras.")
            }
        } else {
            (kind, place) = (.webhook, target)
            // Without the URL, which may hold a password.
            if let fault = configuration.delivery.fault(ofURL: target) { throw ValidationError("The URL cannot be posted to: \(fault).") }
        }
        guard kind == .webhook || post.isEmpty else {
            throw ValidationError("Headers and a content type are for URLs only.")
        }
        let id = SubscriptionID.random()
        return NewSubscription(
            id: id, kind: kind, target: place, account: account, types: types, resourcePrefix: prefix, contentType: post.contentType,
            headersSealed: post.headers.isEmpty ? nil : try seal(id))
    }
}

/// What a subscription adds to what is posted to a URL.
struct PostOptions {
    let headers: [WebhookHeader]
    let contentType: String?

    var isEmpty: Bool { headers.isEmpty && contentType == nil }
}

/// The flags that say it.
struct PostFlags: ParsableArguments {
    @Option(
        name: .customLong("header"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A header to add to what is posted to a URL, such as 'Authorization: Bearer ...'. Headers are stored encrypted and never shown. "
                + "The flag may stand several times.", valueName: "name: value"))
    var headerLines: [String] = []

    @Option(help: ArgumentHelp("Read headers from a file too, one on each line.", valueName: "file"), completion: .file())
    var headersFile: String?

    @Option(
        help: ArgumentHelp(
            "Say that the event is of another type than application/cloudevents+json, for receivers that know application/json only.",
            valueName: "type"))
    var contentType: String?

    /// The headers and the content type. Refuses a malformed header and one that Weir sets itself, without repeating it: it may be a secret.
    func options() throws -> PostOptions {
        var lines = headerLines
        if let headersFile {
            guard let text = try? String(contentsOf: URL(filePath: headersFile), encoding: .utf8) else {
                throw Refused("--headers-file: \(headersFile) cannot be read")
            }
            lines += text.split(whereSeparator: \.isNewline).map(String.init)
        }
        guard lines.count <= 20 else { throw ValidationError("--header: no more than 20 headers can be added") }
        var headers: [WebhookHeader] = []
        do throws(WebhookHeader.Fault) {
            for line in lines { headers.append(try WebhookHeader(line)) }
        } catch {
            throw ValidationError("--header: \(error.description)")
        }
        if let contentType, !WebhookHeader.isContentType(contentType) {
            throw ValidationError("--content-type: must be a type such as application/json, not '\(contentType.escapingControls)'")
        }
        return PostOptions(headers: headers, contentType: contentType)
    }
}

/// Ids that can be told, typed and copied.
private enum SubscriptionID {
    static func random() -> String {
        let letters = Array("abcdefghijkmnpqrstuvwxyz23456789")
        return "sub-" + String((0..<12).compactMap { _ in letters.randomElement() })
    }
}
