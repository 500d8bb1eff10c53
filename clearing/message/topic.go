package message

// Topics of the message log (docs/architecture.md). Taps and loads are keyed by
// card number, medical and pension messages by person token or batch.
const (
	TopicTaps            = "taps"
	TopicLoads           = "loads"
	TopicMedicalRequests = "medical.requests"
	TopicMedicalResults  = "medical.results"
	TopicPensionBatches  = "pension.batches"
	TopicPensionResults  = "pension.results"
	TopicRejects         = "rejects"
	TopicCleared         = "cleared"
	TopicFares           = "fares"
	TopicRegistry        = "registry"
	TopicHotlist         = "hotlist"
)

// RecordLimit is the most bytes a tap, a load or a claim may have; a real one has
// some 150. What is longer is refused whole, so that the books keep what a
// terminal said and not what somebody added to it.
const RecordLimit = 4 << 10

// InputTopics are the topics that clearing consumes.
func InputTopics() []string {
	return []string{TopicTaps, TopicLoads, TopicMedicalRequests, TopicPensionBatches, TopicPensionResults}
}

// OutputTopics are the topics in which clearing says what it has ruled, each message in
// the order in which it became true.
func OutputTopics() []string {
	return []string{TopicMedicalResults, TopicRejects, TopicCleared}
}

// StateTopics are the topics that state how things are: the last message of a key counts.
func StateTopics() []string { return []string{TopicFares, TopicRegistry, TopicHotlist} }
