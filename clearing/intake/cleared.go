package intake

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
)

// clearedMessage gathers what a batch cleared into one message for the pump,
// which takes it apart again: one row a batch instead of one a tap.
func clearedMessage(d *docket.Docket, rulings []docket.Ruling, describe func(evidence []byte) (*message.Cleared, error)) ([]Outgoing, error) {
	batch := &message.ClearedBatch{Records: make([]*message.Cleared, 0, len(rulings))}
	for i := range rulings {
		r := &rulings[i]
		if r.Verdict != verdict.Cleared {
			continue
		}
		record, err := describe(d.Evidence(r))
		if err != nil {
			return nil, fmt.Errorf("describe a cleared record: %w", err)
		}
		record.Day, record.Purpose = d.Source.Day.String(), r.Purpose
		batch.Records = append(batch.Records, record)
	}
	if len(batch.Records) == 0 {
		return nil, nil
	}
	value, err := proto.Marshal(batch)
	if err != nil {
		return nil, fmt.Errorf("encode cleared records: %w", err)
	}
	return []Outgoing{{Topic: message.TopicCleared, Key: []byte{}, Value: value}}, nil
}

// describeTap says of a tap what may leave the house.
func describeTap(tokens *keys.CardTokens) func([]byte) (*message.Cleared, error) {
	return func(evidence []byte) (*message.Cleared, error) {
		var tap message.Tap
		if err := proto.Unmarshal(evidence, &tap); err != nil {
			return nil, err
		}
		debit := tap.GetDebit()
		return &message.Cleared{
			CardToken: token(tokens, debit.GetCard()), AmountFen: debit.GetAmountFen(), Time: debit.GetTime(), Terminal: debit.GetTerminal(),
			Line: tap.GetLine(), Station: tap.GetStation(), EntryStation: tap.GetEntryStation(), CardType: tap.GetCardType(),
		}, nil
	}
}

// describeLoad does so for a load.
func describeLoad(tokens *keys.CardTokens) func([]byte) (*message.Cleared, error) {
	return func(evidence []byte) (*message.Cleared, error) {
		var load message.Load
		if err := proto.Unmarshal(evidence, &load); err != nil {
			return nil, err
		}
		return &message.Cleared{
			CardToken: token(tokens, load.GetCard()), AmountFen: load.GetAmountFen(), Time: load.GetTime(), Terminal: load.GetTerminal(),
		}, nil
	}
}

func token(tokens *keys.CardTokens, card []byte) []byte {
	var asn [10]byte
	message.Fixed(asn[:], card)
	t := tokens.Token(asn)
	return t[:]
}
