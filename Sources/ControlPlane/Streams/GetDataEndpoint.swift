import Contract
import Store

extension GetDataEndpoint: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .getDataEndpoint)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
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
