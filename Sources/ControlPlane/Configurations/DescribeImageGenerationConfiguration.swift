import Contract
import Store

extension DescribeImageGenerationConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .describeImageGenerationConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        let text = try await call.configurations(subject).imageGeneration
        return Output(imageGenerationConfiguration: try text.map(ImageGenerationConfiguration.stored))
    }
}
