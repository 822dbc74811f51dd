import Contract
import Identity
import Store

extension UpdateImageGenerationConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        let configuration = input.imageGenerationConfiguration
        try configuration?.check(region: call.caller.region)
        let isEnabled = configuration?.status == .enabled
        try await call.commit(key, .configured, needsRetention: isEnabled ? "image generation" : nil) { change throws(Store.Failure) in
            try await call.plane.store.setImageGeneration(
                key, configuration.map(ImageGenerationConfiguration.text), needsRetention: isEnabled, change)
        }
    }
}

extension ImageGenerationConfiguration {
    /// The rules that the reference states in prose. Reference, ImageGenerationConfiguration and ImageGenerationDestinationConfig.
    fileprivate func check(region: String) throws(OperationError) {
        guard destinationConfig.destinationRegion == region else {
            throw OperationError(
                .invalidArgument,
                "DestinationConfig.DestinationRegion is \(destinationConfig.destinationRegion): it must be the stream's own region, \(region)."
            )
        }
        guard samplingInterval >= 200 else {
            throw OperationError(.invalidArgument, "SamplingInterval is \(samplingInterval) ms: it must be at least 200.")
        }
        for entry in formatConfig ?? [] where entry.key == FormatConfigKey.jpegQuality.rawValue {
            guard let quality = Int(entry.value), (1...100).contains(quality) else {
                throw OperationError(
                    .invalidArgument, "FormatConfig.JPEGQuality is \(entry.value): it must be a whole number from 1 to 100.")
            }
        }
    }
}
