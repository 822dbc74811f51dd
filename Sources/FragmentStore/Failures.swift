public import SQL

/// Why no session begins.
public enum SessionRefusal: Error, Sendable {
    /// There is no such stream, or it is DELETING.
    case notFound
    /// The account stores as much as it may.
    case quota
    /// As many sessions of the stream live as may.
    case tooManySessions
    /// The disk's reserve is reached, or the disk has failed. The text is for operators.
    case disk(String)
    case database(DatabaseError)
}

/// Why a fragment is not stored, and none will be in this session.
public enum IngestFailure: Error, Sendable, Hashable {
    /// A newer session of the stream has begun a fragment.
    case fenced
    /// The stream is DELETING, or gone: 4008.
    case streamGone
    /// The account stores as much as it may: 5001.
    case quota
    /// The disk is full or has failed: 5001. The text is for operators.
    case archival(String)
    /// The database did not do its part: 5000. The text is for operators.
    case `internal`(String)
}

/// Why something cannot be read.
public enum ReadFailure: Error, Sendable {
    /// The stream is not there any more, or DELETING.
    case streamGone
    /// The fragment expired or was dropped since it was found.
    case fragmentGone
    /// What is on the disk is not what was written. The text is for operators.
    case damaged(String)
    /// The disk does not answer, or the pack is another instance's. The text is for operators.
    case disk(String)
    case database(DatabaseError)
}
