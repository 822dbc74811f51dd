public import SQL

extension Store {
    /// Every statement there is, so that tests can prepare and explain each on both engines.
    public static let statements: [StatementText] =
        [confirmStatement.text, ResourceStatements.lockUsage.text, ResourceStatements.usage.text] + ResourceStatements.stream.all
        + ResourceStatements.channel.all + StreamStatements.all + ChannelStatements.all + EdgeStatements.all + EventStatements.all
        + TaskStatements.all + MutationStatements.all + AccessKeyStatements.all + UserStatements.all + RoleStatements.all
        + GrantStatements.all
        + ThingStatements.all
        + InstanceStatements.all
        + DestinationStatements.all + DeliveryStatements.all + ClockRepairStatements.all + MediaStatements.all
        + MediaEventStatements.all
        + ImageWorkStatements.all
        + SignalingStatements.all
        + PackObjectStatements.all
        + AuditStatements.all
        + SealedStatements.all
}
