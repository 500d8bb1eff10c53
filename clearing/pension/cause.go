package pension

import "strings"

// Cause is why a bank returned a payment, as far as the office's next step
// depends on it.
type Cause string

// The causes named by a provincial pension centre and in practice. Banks have
// no common code list; what is not recognised is CauseOther.
const (
	CauseNoAccount      Cause = "no_account"      // account "0" or missing
	CauseAccountChanged Cause = "account_changed" // closed, lost, replaced
	CauseAbnormal       Cause = "abnormal"        // frozen, dormant
	CauseUnverified     Cause = "unverified"      // not verified by the central bank
	CauseNameMismatch   Cause = "name_mismatch"   // name or identity number differs
	CauseNotActivated   Cause = "not_activated"   // the card's bank function is off
	CauseOther          Cause = "other"
)

// CauseOf recognises a bank's word: one of the codes above, or a Chinese phrase
// that says the same. Anything else is CauseOther; the word itself stays in the
// record.
func CauseOf(word string) Cause {
	switch cause := Cause(word); cause {
	case CauseNoAccount, CauseAccountChanged, CauseAbnormal, CauseUnverified, CauseNameMismatch, CauseNotActivated:
		return cause
	}
	if word == "0" {
		return CauseNoAccount
	}
	for _, phrase := range []struct {
		text  string
		cause Cause
	}{
		{"账号为0", CauseNoAccount},
		{"账户变更", CauseAccountChanged},
		{"状态异常", CauseAbnormal},
		{"未核实", CauseUnverified},
		{"户名不符", CauseNameMismatch},
		{"证件号不符", CauseNameMismatch},
		{"未激活", CauseNotActivated},
	} {
		if strings.Contains(word, phrase.text) {
			return phrase.cause
		}
	}
	return CauseOther
}
