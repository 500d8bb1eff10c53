package outbox

import (
	"encoding/binary"
	"fmt"
)

// Limits of one record, in bytes.
const (
	maxTopic = 249     // Kafka's own limit of a topic name
	maxKey   = 1 << 10 // far above a card number or a token
	maxValue = 512 << 10
)

const recordHeader = 1 + 2 + 4

// Record is one message on its way to Kafka. One without a value ends what its key says in a
// compacted topic.
type Record struct {
	Topic string
	Key   []byte
	Value []byte
}

func (r Record) size() int { return recordHeader + len(r.Topic) + len(r.Key) + len(r.Value) }

func (r Record) validate() error {
	switch {
	case r.Topic == "" || len(r.Topic) > maxTopic:
		return fmt.Errorf("outbox: topic of %d bytes, want 1 to %d", len(r.Topic), maxTopic)
	case len(r.Key) > maxKey:
		return fmt.Errorf("outbox: key of %d bytes, at most %d", len(r.Key), maxKey)
	case len(r.Value) > maxValue:
		return fmt.Errorf("outbox: value of %d bytes, at most %d", len(r.Value), maxValue)
	}
	return nil
}

func appendRecord(dst []byte, r Record) []byte {
	dst = append(dst, byte(len(r.Topic)))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Key)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Value)))
	dst = append(dst, r.Topic...)
	dst = append(dst, r.Key...)
	return append(dst, r.Value...)
}

// orNone is a value that was read, nil if it is empty: Kafka would keep the key of an empty one in
// a compacted topic.
func orNone(value []byte) []byte {
	if len(value) == 0 {
		return nil
	}
	return value
}

// parseRecords reads the records that fill the payload: exactly count that are sent, and any number
// of local ones. The records alias the payload.
func parseRecords(payload []byte, count int) (records []Record, local []Local, err error) {
	if count > len(payload)/recordHeader {
		return nil, nil, fmt.Errorf("%d records do not fit %d bytes", count, len(payload))
	}
	records = make([]Record, 0, count)
	for len(payload) > 0 {
		if len(payload) < recordHeader {
			return nil, nil, fmt.Errorf("a record behind %d of %d is cut short", len(records), count)
		}
		topic := int(payload[0])
		key := int(binary.BigEndian.Uint16(payload[1:]))
		value := int(binary.BigEndian.Uint32(payload[3:]))
		payload = payload[recordHeader:]
		if len(payload) < topic+key+value {
			return nil, nil, fmt.Errorf("a record behind %d of %d: %d bytes, %d are left", len(records), count, topic+key+value, len(payload))
		}
		r := Record{
			Topic: string(payload[:topic]),
			Key:   payload[topic : topic+key : topic+key],
			Value: orNone(payload[topic+key : topic+key+value : topic+key+value]),
		}
		payload = payload[topic+key+value:]
		if r.Topic != "" {
			records = append(records, r)
			continue
		}
		l := Local{r.Key, r.Value}
		if err := l.validate(); err != nil {
			return nil, nil, err
		}
		local = append(local, l)
	}
	if len(records) != count {
		return nil, nil, fmt.Errorf("%d records, want %d", len(records), count)
	}
	return records, local, nil
}
