package card_test

import (
	"bytes"
	"errors"
	"testing"

	"citycard/cardos/chip"
	"citycard/terminals/card"

	"citycard/simulators/specimen"
)

// stubborn is a card that answers commands which begin so in its own way, or not at all.
type stubborn struct {
	*chip.Chip
	begin, answer []byte
}

var errAway = errors.New("no answer came")

func (s stubborn) Transmit(c context, command []byte) ([]byte, error) {
	if !bytes.HasPrefix(command, s.begin) {
		return s.Chip.Transmit(c, command)
	}
	if s.answer == nil {
		return nil, errAway
	}
	return s.answer, nil
}

// A card that has paid and refuses to prove it, or whose log cannot be read, will never tell more:
// that is too late. One that gives no answer may do so the next time.
func TestCardsThatDoNotTell(t *testing.T) {
	prove, log := []byte{0x80, 0x5A}, []byte{0x00, 0xB2}
	for name, test := range map[string]struct {
		begin, answer []byte
		want          error
	}{
		"the proof is unknown":    {prove, []byte{0x6D, 0x00}, card.ErrTooLate},
		"the proof is refused":    {prove, []byte{0x69, 0x85}, card.ErrTooLate},
		"the proof is of another": {prove, []byte{0x94, 0x06}, card.ErrTooLate},
		"the proof is short":      {prove, []byte{1, 2, 3, 0x90, 0x00}, card.ErrTooLate},
		"the log is refused":      {log, []byte{0x6A, 0x82}, card.ErrTooLate},
		"the log is short":        {log, []byte{0, 7, 0x90, 0x00}, card.ErrTooLate},
		"the log is empty":        {log, []byte{0x6A, 0x83}, card.ErrTooLate},
		"no answer to the proof":  {prove, nil, errAway},
		"no answer to the log":    {log, nil, errAway},
	} {
		t.Run(name, func(t *testing.T) {
			for _, used := range []int{0, 1} {
				held := made(t, specimen.Transit)
				p := openPurse(t, held)
				m := module(t, made(t, specimen.PSAM))
				tap, err := p.Pay(t.Context(), m, purchase(100))
				if err != nil {
					t.Fatal(err)
				}
				for range used {
					if _, err := p.Pay(t.Context(), m, purchase(1)); err != nil {
						t.Fatal(err)
					}
				}
				tap.Debit.Tac = nil
				found, err := card.Resolve(t.Context(), stubborn{held, test.begin, test.answer}, m, &card.UnknownError{Tap: tap})
				want := test.want
				if used > 0 && bytes.Equal(test.begin, prove) {
					want = card.ErrTooLate // its counter says so before
				}
				if found != nil || !errors.Is(err, want) || errors.Is(err, card.ErrTooLate) != (want == card.ErrTooLate) || errors.Is(err, card.ErrNotPaid) {
					t.Errorf("used %d times since: %v, %v, want %v", used, found, err, want)
				}
			}
		})
	}
}
