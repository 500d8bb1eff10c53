package intake

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
)

// clearedMessage gathers what a batch cleared into one message for the pump,
// which takes it apart again: one row a batch instead of one a tap.
func clearedMessage(d *docket.Docket, rulings []docket.Ruling, describe func(evidence []byte) (*message.Cleared, error)) ([]Outgoing, error) {
	day := d.Source.Day.String()
	var value []byte
	for i := range rulings {
		r := &rulings[i]
		if r.Verdict != verdict.Cleared {
			continue
		}
		record, err := describe(d.Evidence(r))
		if err != nil {
			return nil, fmt.Errorf("describe a cleared record: %w", err)
		}
		record.Day, record.Purpose = day, r.Purpose
		value = protowire.AppendTag(value, batchRecords, protowire.BytesType)
		value = protowire.AppendVarint(value, uint64(proto.Size(record)))
		if value, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(value, record); err != nil {
			return nil, fmt.Errorf("encode a cleared record: %w", err)
		}
	}
	if len(value) == 0 {
		return nil, nil
	}
	return []Outgoing{{Topic: message.TopicCleared, Key: []byte{}, Value: value}}, nil
}

// Fields of ClearedBatch and of Cleared.
const (
	batchRecords     protowire.Number = 1
	clearedCardToken protowire.Number = 1
)

// eachCleared calls fn for each record of a ClearedBatch, as it is encoded, with its
// card's token. Nothing is decoded that is only passed on.
func eachCleared(batch []byte, fn func(record, token []byte)) error {
	for len(batch) > 0 {
		record, rest, err := nextBytes(batch, batchRecords)
		if err != nil {
			return err
		}
		token, _, err := nextBytes(record, clearedCardToken)
		if err != nil {
			return err
		}
		fn(record, token)
		batch = rest
	}
	return nil
}

// nextBytes reads on to the next field of a number and of bytes.
func nextBytes(b []byte, want protowire.Number) (value, rest []byte, err error) {
	for len(b) > 0 {
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, nil, protowire.ParseError(tag)
		}
		n := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if n < 0 {
			return nil, nil, protowire.ParseError(n)
		}
		field := b[tag : tag+n]
		b = b[tag+n:]
		if number == want && kind == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(field)
			return value, b, nil
		}
	}
	return nil, nil, nil
}

// describeTap says of a tap what may leave the house. What is returned is good until
// the next call.
func describeTap(tokens *keys.CardTokens) func([]byte) (*message.Cleared, error) {
	var tap message.Tap
	return func(evidence []byte) (*message.Cleared, error) {
		if err := proto.Unmarshal(evidence, &tap); err != nil {
			return nil, err
		}
		debit := tap.GetDebit()
		return &message.Cleared{
			CardToken: token(tokens, debit.GetCard(), debit.GetIssuer()), AmountFen: debit.GetAmountFen(), Time: debit.GetTime(), Terminal: debit.GetTerminal(),
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
			CardToken: token(tokens, load.GetCard(), load.GetIssuer()), AmountFen: load.GetAmountFen(), Time: load.GetTime(), Terminal: load.GetTerminal(),
		}, nil
	}
}

func token(tokens *keys.CardTokens, card, issuer []byte) []byte {
	var id keys.CardID
	message.Fixed(id.ASN[:], card)
	message.Fixed(id.Issuer[:], issuer)
	t := tokens.Token(id)
	return t[:]
}
