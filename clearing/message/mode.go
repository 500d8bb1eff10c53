package message

import "slices"

// ModesKey is the Kafka key of the record that topic modes has beside its publication. MostModes
// and ModesLimit are how many modes, or issuers, and how many bytes it may have.
const (
	ModesKey   = "modes"
	MostModes  = 1000
	ModesLimit = 512 << 10
)

// ServiceModes are the modes, in the order of their numbers.
func ServiceModes() []ServiceMode {
	return []ServiceMode{
		ServiceMode_SERVICE_MODE_TRAIN_FAULT, ServiceMode_SERVICE_MODE_NO_ORDER, ServiceMode_SERVICE_MODE_NO_TIME,
		ServiceMode_SERVICE_MODE_NO_FARE, ServiceMode_SERVICE_MODE_NO_DATE, ServiceMode_SERVICE_MODE_EMERGENCY,
	}
}

// ServiceModeCodes are what the modes are called in files and commands, in the same order.
func ServiceModeCodes() []string {
	return []string{"train_fault", "no_order", "no_time", "no_fare", "no_date", "emergency"}
}

// Code is what a mode is called in files and commands; of an unknown one, its number.
func (m ServiceMode) Code() string {
	if i := slices.Index(ServiceModes(), m); i >= 0 {
		return ServiceModeCodes()[i]
	}
	return m.String()
}

// ExitsWithoutEntry are what may become of a card that has not entered, in the order of their
// numbers, as files and commands call them.
func ExitsWithoutEntry() []string { return []string{"", "refused", "free", "lowest", "highest"} }

// Code is what files and commands call it.
func (e ExitWithoutEntry) Code() string {
	if codes := ExitsWithoutEntry(); e >= 0 && int(e) < len(codes) {
		return codes[e]
	}
	return e.String()
}
