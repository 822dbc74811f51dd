import Contract
import Store

extension ReportEdgeAgentStatus: Rule {
    static func answer(_ input: Input, _ subject: EdgeAgentSubject, _ call: Call) async throws(OperationError) {
        guard input.recorderStatus != nil || input.uploaderStatus != nil else {
            throw OperationError(.invalidArgument, "RecorderStatus or UploaderStatus is required: report at least one.")
        }
        let recorder = try input.recorderStatus?.report("RecorderStatus")
        let uploader = try input.uploaderStatus?.report("UploaderStatus")
        let isKept = try await call.plane.ask { store throws(Store.Failure) in
            try await store.reportEdgeJobs(
                subject.key, streamARN: subject.streamARN, hubDeviceARN: subject.hubDeviceARN, recorder: recorder, uploader: uploader)
        }
        guard isKept else { throw .edgeConfigurationNotFound(subject.key.name) }
    }
}

extension AgentJobStatus {
    /// As the store keeps it. `member` is what holds it, for messages.
    fileprivate func report(_ member: String) throws(OperationError) -> EdgeRecord.JobReport {
        try requireStorable(jobStatusDetails, "\(member).JobStatusDetails")
        return EdgeRecord.JobReport(
            status: status.rawValue, details: jobStatusDetails, collectedAt: lastCollectedTime?.millisecondsSinceEpoch)
    }
}
