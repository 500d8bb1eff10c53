package api_test

import (
	"crypto/sha256"
	"fmt"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
)

// bankWords is a file of the bank about a card, with a sequence.
func bankWords(number string, sequence int) []byte {
	text := fmt.Sprintf("number,state,day,sequence\n%s,active,20260105,%d\n", number, sequence)
	return fmt.Appendf(nil, "%ssha256,1,%x\n", text, sha256.Sum256([]byte(text)))
}

// takesBank has somebody take a file of the bank.
func (r *realm) takesBank(id string, sequence int) api.Kind {
	r.Helper()
	content := bankWords(blank(0), sequence)
	file, err := cards.ReadBankFile(content)
	r.must(err)
	kind, _ := send(r, "/v1/cards/bank", api.BankWords{Content: string(content), Signed: r.sign(id, r.statement(id, cards.ActBank, file.What(), "daily"))})
	return kind
}

// answersOfBank has a file of the bank taken, and refused.
func (w *town) answersOfBank(count, refused func(string, error)) {
	w.Helper()
	taken, err := w.client("ann").TakeBank(w.Context(), bankWords(blank(0), 1), "daily", false)
	count("take-bank-file", err)
	if taken.Rows != 1 || taken.Done+len(taken.Rejects) != 1 || taken.Number != 1 {
		w.Errorf("taken: %+v", taken)
	}
	_, err = w.client("cara").TakeBank(w.Context(), bankWords(blank(0), 2), "daily", false)
	refused("take-bank-file", err)
}
