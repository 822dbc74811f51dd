import HTTPTypes

extension HTTPField.Name {
    static let requestID = known("x-amzn-RequestId")
    static let errorType = known("x-amzn-ErrorType")
    static let invocationID = known("amz-sdk-invocation-id")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is not the name of a header") }
        return name
    }
}
