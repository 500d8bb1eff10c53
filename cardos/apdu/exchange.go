package apdu

import (
	"context"

	"citycard/language"
)

// Card is anything that answers APDUs: a card in a PC/SC reader, a chip in
// memory, a SAM. Transmit takes a raw command and returns the raw answer with
// SW1 SW2 at its end. An error means that no answer came; whether the card
// executed the command is then unknown.
type Card interface {
	Transmit(ctx context.Context, command []byte) ([]byte, error)
}

// errEndless is returned when a card keeps saying that more data waits.
var errEndless = language.Textf("card never ends its answer")

// Bounds for one exchange: a card that answers more is broken or hostile.
const (
	maxRounds = 64
	maxAnswer = 65536
)

// Exchange sends a command and returns the answer's data. It follows 61xx with
// GET RESPONSE and repeats once with the right length after 6Cxx, as T=0 cards
// want it. Any status word other than 9000 is returned as a *StatusError,
// together with the data that came with it. Errors of the transport are
// wrapped; a card that never ends its answer is an error; an answer shorter than a status
// word is ErrMalformed.
func Exchange(ctx context.Context, card Card, cmd Command) ([]byte, error) {
	data, status, err := send(ctx, card, cmd)
	if err != nil {
		return nil, err
	}
	if n, ok := status.exactLength(); ok {
		again := cmd
		again.Le = n
		if data, status, err = send(ctx, card, again); err != nil {
			return nil, err
		}
	}
	n, more := status.IsMoreData()
	for round := 0; more; round++ {
		if round == maxRounds || len(data)+n > maxAnswer {
			return nil, language.Textf("command %X: %d rounds of GET RESPONSE, %d bytes: %w", cmd.Header(), round, len(data), errEndless)
		}
		var part []byte
		if part, status, err = send(ctx, card, GetResponse(n)); err != nil {
			return nil, err
		}
		if exact, ok := status.exactLength(); ok {
			if part, status, err = send(ctx, card, GetResponse(exact)); err != nil {
				return nil, err
			}
		}
		data = append(data, part...)
		n, more = status.IsMoreData()
	}
	if status != OK {
		return data, &StatusError{Header: cmd.Header(), Status: status}
	}
	return data, nil
}

// send does one round trip and splits the answer.
func send(ctx context.Context, card Card, cmd Command) ([]byte, Status, error) {
	raw, err := cmd.Encode()
	if err != nil {
		return nil, 0, err
	}
	answer, err := card.Transmit(ctx, raw)
	if err != nil {
		return nil, 0, language.Textf("command %X: %w", cmd.Header(), err)
	}
	data, status, err := SplitAnswer(answer)
	if err != nil {
		return nil, 0, language.Textf("command %X: %w", cmd.Header(), err)
	}
	return data, status, nil
}

// SplitAnswer splits an answer into data and status word. The data's capacity equals its length, so
// that appending to it never overwrites the answer.
func SplitAnswer(answer []byte) ([]byte, Status, error) {
	n := len(answer)
	if n < 2 || n > maxAnswer+2 {
		return nil, 0, language.Textf("answer of %d bytes, want 2..%d: %w", n, maxAnswer+2, ErrMalformed)
	}
	return answer[: n-2 : n-2], Status(answer[n-2])<<8 | Status(answer[n-1]), nil
}
