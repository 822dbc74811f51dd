import Contract
import Store

extension DescribeImageGenerationConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let text = try await call.configurations(key).imageGeneration
        return Output(imageGenerationConfiguration: try text.map(ImageGenerationConfiguration.stored))
    }
}
