package pension

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
)

// Originals are the messages of a batch that were judged line by line. The journal has their
// lines; Keep stores the bytes that arrived. A message without lines is none of them.
type Originals struct {
	topic    string
	messages []original
}

// original is one message, with the range of its rulings in the docket.
type original struct {
	value    []byte
	from, to int
}

// Keep stores, in the batch's transaction, each message of which a line is not a duplicate. So
// what is booked in a batch is a line of a message that is kept with that batch, and bytes that
// bring nothing new are kept once.
func (o Originals) Keep(ctx context.Context, tx pgx.Tx, in docket.Place, rulings []docket.Ruling) (docket.Answers, error) {
	var hashes, values [][]byte
	var positions []int32
	var marks []docket.Mark
	kept := map[[sha256.Size]byte]bool{}
	for _, m := range o.messages {
		if !slices.ContainsFunc(rulings[m.from:m.to], func(r docket.Ruling) bool { return r.Verdict != verdict.Duplicate }) {
			continue
		}
		hash := sha256.Sum256(m.value)
		if kept[hash] {
			continue
		}
		kept[hash] = true
		hashes, values, positions = append(hashes, hash[:]), append(values, m.value), append(positions, int32(len(marks)))
		marks = append(marks, docket.MarkOf([]byte(o.topic), hash[:], m.value))
	}
	if len(marks) == 0 {
		return docket.Answers{}, nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO pension_originals (hash, stream, sequence, position, topic, value)
		SELECT h, $1, $2, n, $3, v FROM unnest($4::BYTEA[], $5::INT4[], $6::BYTEA[]) AS u (h, n, v)`,
		in.Stream, in.Sequence, o.topic, hashes, positions, values)
	if err != nil {
		return docket.Answers{}, fmt.Errorf("pension: store messages as they came: %w", err)
	}
	return docket.Answers{Originals: marks}, nil
}

// Lines reads a message of a topic and gives its lines, each as the journal has it.
func Lines(topic string, value []byte) ([][]byte, error) {
	switch topic {
	case message.TopicPensionBatches:
		var list message.PensionBatch
		if err := proto.Unmarshal(value, &list); err != nil {
			return nil, fmt.Errorf("pension: decode a list: %w", err)
		}
		return listLines(&list)
	case message.TopicPensionResults:
		var result message.PensionResult
		if err := proto.Unmarshal(value, &result); err != nil {
			return nil, fmt.Errorf("pension: decode a bank's answer: %w", err)
		}
		return resultLines(&result)
	}
	return nil, fmt.Errorf("pension: topic %q has no lists", topic)
}

// listLines encodes each line as a list of its own: what is booked for it, and hashed.
func listLines(l *message.PensionBatch) ([][]byte, error) {
	return encoded(l.GetLines(), func(line *message.PensionLine) *message.PensionBatch {
		return &message.PensionBatch{Batch: l.GetBatch(), Month: l.GetMonth(), Payday: l.GetPayday(), Lines: []*message.PensionLine{line}, Payment: stated(l.GetPayment())}
	})
}

// resultLines does so for a bank's answer.
func resultLines(r *message.PensionResult) ([][]byte, error) {
	return encoded(r.GetReturns(), func(line *message.PensionReturn) *message.PensionResult {
		return &message.PensionResult{Batch: r.GetBatch(), Month: r.GetMonth(), Returns: []*message.PensionReturn{line}, Payment: stated(r.GetPayment())}
	})
}

func encoded[L any, M proto.Message](lines []L, alone func(L) M) ([][]byte, error) {
	all := make([][]byte, len(lines))
	for i, line := range lines {
		var err error
		if all[i], err = (proto.MarshalOptions{Deterministic: true}).Marshal(alone(line)); err != nil {
			return nil, fmt.Errorf("pension: encode line %d: %w", i, err)
		}
	}
	return all, nil
}

// stated is a payment's number as a line has it: the first may be stated as 0 or 1 and is the
// same.
func stated(payment uint32) uint32 {
	if payment == 1 {
		return 0
	}
	return payment
}
