import Contract
import FoundationEssentials
public import Identity
public import Planes
import Policies
import SQL
public import Store

/// Temporary credentials by the Query API of AWS Security Token Service: GetCallerIdentity, GetSessionToken and AssumeRole.
///
/// AWS Security Token Service API reference, version 2011-06-15.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct TokenPlane: Sendable {
    private let store: Store
    private let keys: AccessKeys

    public init(store: Store, keys: AccessKeys) {
        self.store = store
        self.keys = keys
    }

    /// What a form may ask for.
    enum Action: String, CaseIterable {
        case callerIdentity = "GetCallerIdentity"
        case sessionToken = "GetSessionToken"
        case assumeRole = "AssumeRole"
    }

    /// One route: the form says which operation it is.
    public var operations: [RoutedOperation] {
        [
            RoutedOperation(.post("/"), name: "SecurityTokenService", id: nil, payload: .document, isMutation: false, service: .tokens) {
                input, caller throws(OperationError) in
                let form = try QueryForm(input.body)
                guard form["Version"] == QueryForm.version else {
                    throw OperationError(.unknownOperation, "Version must be \(QueryForm.version).")
                }
                let name = form["Action"] ?? ""
                switch Action(rawValue: name) {
                case .callerIdentity: return try callerIdentity(form, caller)
                case .sessionToken: return try sessionToken(form, caller)
                case .assumeRole: return try assumeRole(form, caller)
                case nil:
                    throw OperationError(
                        .unknownOperation,
                        "Could not find operation \(name.prefix(64)): there are GetCallerIdentity, GetSessionToken and AssumeRole.")
                }
            }
        ]
    }

    private func callerIdentity(_ form: QueryForm, _ caller: Caller) throws(OperationError) -> RequestedCall {
        try form.require(only: [])
        var access = Access(.tokens, Action.callerIdentity.rawValue)
        access.isFree = true
        return call(access, caller) { () throws(OperationError) in
            let identity = caller.identity
            return [.text("Arn", identity.arn), .text("UserId", identity.userID), .text("Account", caller.account)]
        }
    }

    private func sessionToken(_ form: QueryForm, _ caller: Caller) throws(OperationError) -> RequestedCall {
        try form.require(only: ["DurationSeconds"])
        let lifetime = try form.seconds("DurationSeconds", 900...129_600) ?? 43_200
        var access = Access(.tokens, Action.sessionToken.rawValue)
        switch caller.principal.reach {
        // What a user may do goes with the session.
        case .account, .user: access.isFree = true
        case .role, .thing, .session, .anything: access.isFree = false
        }
        let isOffered = access.isFree && !caller.principal.isSession
        return RequestedCall(access) { [access] () throws(OperationError) in
            guard isOffered else {
                throw OperationError(.accessDenied, "Cannot call GetSessionToken with session credentials")
            }
            return routed(access, caller) { () throws(OperationError) in
                [.credentials(try keys.credentials(of: caller, lifetime: lifetime))]
            }
        }
    }

    private func assumeRole(_ form: QueryForm, _ caller: Caller) throws(OperationError) -> RequestedCall {
        try form.require(only: ["RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId", "Tags.member."])
        let arn = try form.text("RoleArn", 20...2048)
        let name = try form.text("RoleSessionName", 2...64, characters: "=,.@-_+")
        guard let arn, let name else {
            throw OperationError(.validation, "RoleArn and RoleSessionName are required.")
        }
        guard let role = RoleARN(arn) else { throw OperationError(.validation, "\(arn.prefix(128)) is invalid") }
        let lifetime = try form.seconds("DurationSeconds", 900...43_200) ?? 3600
        let externalID = try form.text("ExternalId", 2...1224, characters: "=,.@-_+:/")
        let tags = try form.tags()
        let policy = try form.text("Policy", 1...2048)
        if let policy {
            do throws(PolicyMistake) {
                _ = try Policy("Policy", policy)
            } catch {
                throw OperationError(.invalidArgument, "Policy: \(error)")
            }
        }
        var access = Access(.tokens, Action.assumeRole.rawValue)
        access.resources = [.role(arn)]
        access.tags = tags.map { MapEntry(key: $0.key, value: $0.value) }
        access.taggingOperation = "TagSession"
        access.context = ["sts:rolesessionname": name]
        if let externalID { access.context["sts:externalid"] = externalID }
        return call(access, caller) { () throws(OperationError) in
            let record: RoleRecord?
            do throws(DatabaseError) {
                record = try await store.role(account: role.account, name: role.name)
            } catch {
                throw OperationError(error)
            }
            // It was there a moment ago, when the call was allowed.
            guard let record else { throw OperationError(.accessDenied, "The role was removed while it was asked for.") }
            guard lifetime <= record.longestSession else {
                throw OperationError(
                    .validation, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
            }
            guard !caller.principal.isSession || lifetime <= 3600 else {
                throw OperationError(
                    .validation, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
            }
            let made = try keys.credentials(of: record, SessionTerms(lifetime: lifetime, name: name, policy: policy, tags: tags))
            let partition = arn.split(separator: ":")[1]
            return [
                .element(
                    "AssumedRoleUser",
                    [
                        .text("AssumedRoleId", "\(record.id):\(name)"),
                        .text("Arn", "arn:\(partition):sts::\(record.account):assumed-role/\(record.name)/\(name)"),
                    ]),
                .credentials(made),
            ]
        }
    }

    private func call(
        _ access: Access, _ caller: Caller, _ result: @escaping @Sendable () async throws(OperationError) -> [XML]
    ) -> RequestedCall {
        RequestedCall(access) { routed(access, caller, result) }
    }

    private func routed(
        _ access: Access, _ caller: Caller, _ result: @escaping @Sendable () async throws(OperationError) -> [XML]
    ) -> RoutedCall {
        let (name, requestID) = (access.operation, caller.requestID)
        return RoutedCall(
            resourceName: nil,
            answer: .bytes { () async throws(OperationError) in
                XML.element(
                    "\(name)Response",
                    [.element("\(name)Result", try await result()), .element("ResponseMetadata", [.text("RequestId", requestID)])]
                ).document
            })
    }
}

extension XML {
    fileprivate static func credentials(_ made: TemporaryCredentials) -> XML {
        .element(
            "Credentials",
            [
                .text("AccessKeyId", made.id), .text("SecretAccessKey", made.secret), .text("SessionToken", made.token),
                .text("Expiration", Date(timeIntervalSince1970: Double(made.expiresAt / 1000)).formatted(.iso8601)),
            ])
    }
}
