import Contract
import Store

extension GetDataEndpoint: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> StreamSubject {
        try StreamSubject(name: input.streamName, arn: input.streamARN, caller, .getDataEndpoint)
    }

    static func answer(_ input: Input, _ subject: StreamSubject, _ call: Call) async throws(OperationError) -> Output {
        guard try await !call.stream(subject).isDeleting else { throw .streamNotFound }
        let endpoints = call.plane.rules.endpoints
        switch input.apiName {
        case .putMedia, .getMedia:
            return Output(dataEndpoint: try call.address(endpoints.data))
        case .listFragments, .getMediaForFragmentList, .getHLSStreamingSessionURL, .getDASHStreamingSessionURL, .getClip, .getImages:
            return Output(dataEndpoint: try call.address(endpoints.archive))
        }
    }
}

extension Call {
    /// An advertised address, as this caller is to be told it.
    func address(_ address: AdvertisedEndpoints.Address) throws(OperationError) -> String {
        switch address {
        case .fixed(let url): return url
        case .echo:
            guard let origin = caller.origin else {
                throw OperationError(
                    .invalidArgument, "The request has no Host header, and this deployment advertises the host that was called.")
            }
            return origin
        }
    }
}
