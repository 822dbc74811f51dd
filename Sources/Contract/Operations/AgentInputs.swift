// The inputs that an edge agent sends. A server only decodes them, so their initialisers stay in here.

extension FetchEdgeConfigurations.Input {
    /// What an agent asks. `heldConfigurations` are at most 5000; `waitTimeInSeconds` is 0 to 20.
    public static func make(hubDeviceArn: String, heldConfigurations: [HeldEdgeConfiguration]?, waitTimeInSeconds: Int?) -> Self {
        Self(heldConfigurations: heldConfigurations, hubDeviceArn: hubDeviceArn, waitTimeInSeconds: waitTimeInSeconds)
    }
}

extension AcknowledgeEdgeConfiguration.Input {
    /// That an agent has a configuration, or has learnt that it is to be deleted.
    public static func make(hubDeviceArn: String, streamARN: String, revision: String) -> Self {
        Self(hubDeviceArn: hubDeviceArn, revision: revision, streamARN: streamARN)
    }
}

extension ReportEdgeConfigurationResult.Input {
    /// How it went. `failure` says why it failed, in 1 to 1024 Unicode scalars; nil where it succeeded.
    public static func make(hubDeviceArn: String, streamARN: String, revision: String, failure: String?) -> Self {
        Self(
            failedStatusDetails: failure, hubDeviceArn: hubDeviceArn, result: failure == nil ? .succeeded : .failed, revision: revision,
            streamARN: streamARN)
    }
}

extension ReportEdgeAgentStatus.Input {
    /// How the jobs of a stream went: of the recorder, the uploader or both.
    public static func make(
        hubDeviceArn: String, streamARN: String, recorderStatus: AgentJobStatus?, uploaderStatus: AgentJobStatus?
    ) -> Self {
        Self(hubDeviceArn: hubDeviceArn, recorderStatus: recorderStatus, streamARN: streamARN, uploaderStatus: uploaderStatus)
    }
}
