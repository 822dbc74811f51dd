public import Contract
public import SQL

extension OperationError {
    /// What the store could not do. Nothing was changed, unless the outcome of a commit is unknown, which repeating the call settles.
    public init(_ error: DatabaseError) {
        switch error.kind {
        case .unavailable, .overloaded, .conflict, .outcomeUnknown:
            self.init(.serviceUnavailable, "The service is temporarily unavailable. Try again.", privateContext: error.description)
        case .constraint, .mistake:
            self.init(
                .internalFailure, "The request cannot be processed because of an internal failure.", privateContext: error.description)
        }
    }
}
