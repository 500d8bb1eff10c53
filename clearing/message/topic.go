package message

// Topics of the message log (docs/architecture.md). Taps and loads are keyed by
// card number, medical and pension messages by person token or batch.
const (
	TopicTaps            = "taps"
	TopicLoads           = "loads"
	TopicMedicalRequests = "medical.requests"
	TopicPensionBatches  = "pension.batches"
	TopicPensionResults  = "pension.results"
	TopicRejectsTransit  = "rejects.transit" // of taps
	TopicRejectsLoads    = "rejects.loads"
	TopicRejectsMedical  = "rejects.medical" // of claims, whole
	TopicRejectsPension  = "rejects.pension" // of payment lists and the bank's answers, line by line
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
// the order in which it became true; those of hospitals are beside them.
func OutputTopics() []string {
	return []string{TopicRejectsTransit, TopicRejectsLoads, TopicRejectsMedical, TopicRejectsPension, TopicCleared}
}

// RejectsOf is the topic for rejects of an input topic: who may read the one need not be
// shown the other. Empty for any other topic.
func RejectsOf(input string) string {
	switch input {
	case TopicTaps:
		return TopicRejectsTransit
	case TopicLoads:
		return TopicRejectsLoads
	case TopicMedicalRequests:
		return TopicRejectsMedical
	case TopicPensionBatches, TopicPensionResults:
		return TopicRejectsPension
	}
	return ""
}

// MedicalResultsOf is the topic of the answers to one hospital's desks, for that hospital
// alone to read.
func MedicalResultsOf(hospital string) string { return "medical.results." + hospital }

// StateTopics are the topics that state how things are: the last message of a key counts.
func StateTopics() []string { return []string{TopicFares, TopicRegistry, TopicHotlist} }

// ActTopic is the act by which the ledger's audit has an input topic as it was first seen:
// another id or partition count means other data.
const ActTopic = "first seen topic"

// TopicFound is what the audit has of it, and clearing's table topics.
type TopicFound struct {
	Topic      string `json:"topic"`
	ID         string `json:"id"` // in hexadecimal
	Partitions int64  `json:"partitions"`
}
