public import Contract
public import SQL
public import Store

extension OperationError {
    /// What the store could not do. Nothing was changed, unless the outcome of a commit is unknown, which repeating the call settles.
    public init(_ error: DatabaseError) {
        switch error.kind {
        case .unavailable, .overloaded, .conflict, .outcomeUnknown:
            self = .unavailable(error.description)
        case .constraint, .mistake: self = .internalFailure(error.description)
        }
    }

    /// The resource does not exist or, for operations that need it so, is not active any more. The text for streams is the real service's.
    public static func notFound(_ kind: ResourceKind) -> OperationError {
        OperationError(.resourceNotFound, "The requested \(kind.rawValue) is not found or not active.")
    }

    public static let streamNotFound = notFound(.stream)
    public static let channelNotFound = notFound(.channel)
}
