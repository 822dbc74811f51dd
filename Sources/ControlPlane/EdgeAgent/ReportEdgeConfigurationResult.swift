import Contract

extension ReportEdgeConfigurationResult: Rule {
    static func answer(_ input: Input, _ subject: EdgeAgentSubject, _ call: Call) async throws(OperationError) -> Output {
        try requireStorable(input.failedStatusDetails, "FailedStatusDetails")
        let event: EdgeStatusMachine.Event
        switch input.result {
        case .succeeded:
            guard input.failedStatusDetails == nil else {
                throw OperationError(.invalidArgument, "FailedStatusDetails goes with the result FAILED only.")
            }
            event = .succeeded
        case .failed: event = .failed
        }
        return Output(
            syncStatus: try await call.edgeEvent(event, details: input.failedStatusDetails, subject, revision: input.revision))
    }
}
