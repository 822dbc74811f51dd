import Contract
import Identity
import Store

extension GetDataEndpoint: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let stream = try await call.stream(key)
        guard !stream.isDeleting else { throw .streamNotFound }
        let endpoints = call.plane.rules.endpoints
        switch input.apiName {
        case .putMedia, .getMedia:
            return Output(dataEndpoint: try await call.address(endpoints.data, of: key, role: "media", receiving: stream.arn))
        case .listFragments, .getMediaForFragmentList, .getHLSStreamingSessionURL, .getDASHStreamingSessionURL, .getClip, .getImages:
            return Output(dataEndpoint: try await call.address(endpoints.archive, of: key, role: "archive"))
        }
    }
}
