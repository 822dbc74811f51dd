public import SQL

extension Store {
    /// Every statement there is, so that tests can prepare and explain each on both engines.
    public static let statements: [StatementText] =
        [pingStatement.text] + StreamStatements.all + TagStatements.all + EventStatements.all + TaskStatements.all + MutationStatements.all
        + AccessKeyStatements.all
}
