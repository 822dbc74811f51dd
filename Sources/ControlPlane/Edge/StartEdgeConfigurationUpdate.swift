import Contract
import Identity
import Store

extension StartEdgeConfigurationUpdate: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        let key = try call.stream(named: input.streamName, arn: input.streamARN)
        try call.reach(hubDeviceARN: input.edgeConfig.hubDeviceArn)
        return key
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let wanted = input.edgeConfig
        try wanted.recorderConfig.scheduleConfig?.check("RecorderConfig")
        try wanted.uploaderConfig?.scheduleConfig.check("UploaderConfig")
        try await start(wanted, key, call)
        let stream = try await call.stream(key)
        let found = try await call.plane.ask { store throws(Store.Failure) in
            try await store.edgeConfiguration(key, streamARN: stream.arn)
        }
        // What this call has set, whatever the agent has said since. Where the call is repeated, others may have replaced or deleted it.
        return Output(
            creationTime: found.map { Timestamp(millisecondsSinceEpoch: $0.creationTime) }, edgeConfig: wanted, failedStatusDetails: nil,
            lastUpdatedTime: found.map { Timestamp(millisecondsSinceEpoch: $0.lastUpdatedTime) }, streamARN: stream.arn,
            streamName: stream.name, syncStatus: .syncing)
    }

    private static func start(_ wanted: EdgeConfig, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        let (plane, configuration) = (call.plane, EdgeConfig.text(of: wanted))
        try await call.attempt("The edge configuration of the stream \(key.name)") { () async throws(OperationError) -> Attempt<Void> in
            let outcome = try await plane.ask { store throws(Store.Failure) in
                try await store.startEdgeConfigurationUpdate(
                    key, hubDeviceARN: wanted.hubDeviceArn, configuration: configuration, revision: Token.random(),
                    timeout: plane.rules.edgeTimeout, call.newChange())
            }
            switch outcome {
            case .accepted: return .done(())
            case .streamNotFound: throw .streamNotFound
            case .refused(let stream, let found):
                guard stream.status == .active else { return .hindered(key, status: stream.status) }
                guard stream.dataRetentionInHours > 0 else { throw .noDataRetention(key.name, "an edge configuration") }
                guard let found else { return .overtaken }
                guard EdgeStatusMachine.next(found.status, .updateAccepted) != .refused else { throw .edgeConfigurationBusy(found) }
                guard found.hubDeviceARN == wanted.hubDeviceArn else {
                    throw OperationError(
                        .resourceInUse,
                        "The edge configuration of the stream \(key.name) is with \(found.hubDeviceARN): delete it before another device gets it."
                    )
                }
                return .overtaken
            }
        }
    }
}

extension ScheduleConfig {
    /// Refuses an expression that is no Quartz expression. `owner` is the structure that holds the schedule, for messages.
    fileprivate func check(_ owner: String) throws(OperationError) {
        do throws(QuartzExpression.Fault) {
            _ = try QuartzExpression(scheduleExpression)
        } catch {
            throw OperationError(
                .invalidArgument, "\(owner).ScheduleConfig.ScheduleExpression is not a Quartz cron expression: \(error.reason).")
        }
    }
}
