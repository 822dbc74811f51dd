/// Where a client can go on after a success of an operation, and what it takes along.
struct Link: Sendable {
    let name: String
    let target: OperationID
    /// Members of the target's input, and the runtime expressions of OpenAPI that tell their values.
    let body: [(member: String, expression: String)]

    init(_ target: OperationID, named name: String? = nil, _ body: KeyValuePairs<String, String>) {
        self.name = name ?? target.rawValue
        self.target = target
        self.body = body.map { (member: $0.key, expression: $0.value) }
    }

    /// Links to the operations of the control plane that work on what the input's member `subject` names, each with what of `body` its
    /// input has; but not to those that need a version, where `body` has none.
    static func toAll(on subject: String, _ body: KeyValuePairs<String, String>) -> [Link] {
        let hasVersion = body.contains { $0.key == "CurrentVersion" }
        return OperationID.allCases.filter { id in
            let input = id.contract.input
            return id.api == .controlPlane && input.hasMember(subject)
                && (hasVersion ? input.hasMember("CurrentVersion") : !input.requires("CurrentVersion"))
        }.map { id in Link(id, taking: body) }
    }

    private init(_ target: OperationID, taking body: KeyValuePairs<String, String>) {
        name = target.rawValue
        self.target = target
        let input = target.contract.input
        self.body = body.filter { input.hasMember($0.key) }.map { (member: $0.key, expression: $0.value) }
    }
}

extension Schema {
    /// Whether it is a structure with a required member of this name.
    fileprivate func requires(_ name: String) -> Bool { members.contains { $0.name == name && $0.isRequired } }
}
