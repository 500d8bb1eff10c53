package intake

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
)

// clearedBytes is about how long one cleared record is in its batch.
const clearedBytes = 128

// clearedMessage gathers the cleared records of a batch into one message for the pump, which splits
// it again. So there is one row for each batch instead of one for each tap. The judge has decoded
// each record already.
func clearedMessage(d *docket.Docket, rulings []docket.Ruling, tokens *keys.CardTokens) ([]docket.Outgoing, error) {
	value := make([]byte, 0, clearedBytes*len(rulings))
	var record message.Cleared
	var token [16]byte
	record.Day = d.Source.Day.String()
	for i := range rulings {
		r := &rulings[i]
		if r.Verdict != verdict.Cleared {
			continue
		}
		if r.Record == nil {
			return nil, errors.New("a cleared record came without what it says")
		}
		var id keys.CardID
		card, issuer := r.Record.Publish(&record)
		message.Fixed(id.ASN[:], card)
		message.Fixed(id.Issuer[:], issuer)
		token = tokens.Token(id)
		record.CardToken, record.Purpose = token[:], r.Purpose
		value = protowire.AppendTag(value, message.ClearedRecords, protowire.BytesType)
		value = protowire.AppendVarint(value, uint64(proto.Size(&record)))
		var err error
		if value, err = (proto.MarshalOptions{UseCachedSize: true}).MarshalAppend(value, &record); err != nil {
			return nil, fmt.Errorf("encode a cleared record: %w", err)
		}
	}
	if len(value) == 0 {
		return nil, nil
	}
	return []docket.Outgoing{{Topic: message.TopicCleared, Key: []byte{}, Value: value}}, nil
}
