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
	TopicFares           = "fares"
)

// InputTopics are the topics that clearing consumes.
func InputTopics() []string {
	return []string{TopicTaps, TopicLoads, TopicMedicalRequests, TopicPensionBatches, TopicPensionResults}
}

// OutputTopics are the topics that clearing writes.
func OutputTopics() []string {
	return []string{TopicMedicalResults, TopicRejects, TopicFares}
}
