package message

// Topics of the message log (docs/architecture.md). Taps, confirmed or not, and loads are keyed by
// card number, exit tickets by desk, medical and pension messages by person token or batch.
const (
	TopicTaps            = "taps"
	TopicLoads           = "loads"
	TopicMedicalRequests = "medical.requests"
	TopicPensionBatches  = "pension.batches"
	TopicPensionResults  = "pension.results"
	TopicRejectsTransit  = "rejects.transit" // of taps, confirmed or not, and exit tickets
	TopicRejectsLoads    = "rejects.loads"
	TopicRejectsMedical  = "rejects.medical" // of claims, whole
	TopicRejectsPension  = "rejects.pension" // of payment lists and the bank's answers, line by line
	TopicCleared         = "cleared"
	TopicFares           = "fares"
	TopicRegistry        = "registry"
	TopicHotlist         = "hotlist"
	// TopicIntents has the payments whose outcome a lane does not know, for the other lanes of its
	// station; the key is that of IntentKey. Lanes alone write and read it.
	TopicIntents = "intents"
	// TopicTapsUnconfirmed has taps without a TAC, of payments whose outcome has been unknown for
	// long; CheckUnconfirmed has the rules. They say that a card may have paid, and move no money.
	TopicTapsUnconfirmed = "taps.unconfirmed"
	// TopicExitTickets has what desks say of exit tickets, under the number of the desk's SAM;
	// CheckExitTicket has the rules. They move no money.
	TopicExitTickets = "exit.tickets"
	// TopicModes has the service modes that are in force or to come, in one record under ModesKey.
	TopicModes = "modes"
	// TopicAcks has what each lane says that it follows.
	TopicAcks = "acks"
)

// RecordLimit is the most bytes a tap, a load or a claim may have; a real one has some 150. A
// longer record is refused as a whole, so that the books keep what a terminal said and nothing that
// somebody added to it.
const RecordLimit = 4 << 10

// InputTopics are the topics that clearing consumes.
func InputTopics() []string {
	return []string{TopicTaps, TopicTapsUnconfirmed, TopicExitTickets, TopicLoads, TopicMedicalRequests, TopicPensionBatches, TopicPensionResults}
}

// OutputTopics are the topics of clearing's results, with messages in the order of their commits.
// The topics of hospitals are not among them.
func OutputTopics() []string {
	return []string{TopicRejectsTransit, TopicRejectsLoads, TopicRejectsMedical, TopicRejectsPension, TopicCleared}
}

// RejectsOf is the topic for rejects of an input topic. There is one for each, since a reader of
// one need not be allowed to read another. Empty for any other topic.
func RejectsOf(input string) string {
	switch input {
	case TopicTaps, TopicTapsUnconfirmed, TopicExitTickets:
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

// StateTopics are the topics whose messages state a current value: the last message of a key
// counts.
func StateTopics() []string {
	return []string{TopicFares, TopicRegistry, TopicHotlist, TopicModes, TopicIntents, TopicAcks}
}

// ActTopic is the audit's act that keeps an input topic as it was first seen: another id or
// partition count means other data.
const ActTopic = "first seen topic"

// TopicFound is the content of that audit entry, and of a row of clearing's table topics.
type TopicFound struct {
	Topic      string `json:"topic"`
	ID         string `json:"id"` // in hexadecimal
	Partitions int64  `json:"partitions"`
}
