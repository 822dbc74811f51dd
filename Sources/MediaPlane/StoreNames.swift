import FragmentStore

// Both what a producer sends and what is stored of it have these names; where both are at hand, the store's are called so.
typealias StoredTrackSet = TrackSet
typealias StoredStart = FragmentStart
typealias StoredEnd = FragmentEnd
