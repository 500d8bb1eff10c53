package intake

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/transit"
	"citycard/clearing/transit/exits"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Rules says how the records of one partition are judged. What is the same for all records of a
// topic is in its topic (topicOf).
type Rules struct {
	// Rule judges a batch by its records alone, before the transaction, or does a first part of it
	// and leaves the rest to Judged.Within.
	Rule func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error)

	// Tokens, when set, makes cleared records be published, with tokens in place of card numbers.
	Tokens *keys.CardTokens
}

// Judged is the rest of a judge's work on a batch inside the transaction, where it may run more
// than once. The zero value does nothing.
type Judged struct {
	// Within, when set, fills the docket if rulings depend on rows that other batches change. Keys
	// are the keys under which it may pay; they are looked up before the transaction.
	Keys   []ledger.Key
	Within func(ctx context.Context, tx pgx.Tx) error
	// Answer, where set, runs after the ledger has decided. It stores the rows that belong to the
	// rulings, checks whether what Rule has read is still true, and returns messages for the pump.
	Answer func(ctx context.Context, tx pgx.Tx, in docket.Place, rulings []docket.Ruling) (docket.Answers, error)
}

// topic is what holds for all records of an input topic.
type topic struct {
	// same, where set, says whether two records under one identity are the same.
	same func(standing, now []byte) bool
	// short is the reason for refusing a request whose account holds too little; None if the money
	// of a record has moved already.
	short verdict.Reason
	// follows names another topic. Its records that are there when a batch of this topic is judged
	// are judged first.
	follows string
}

func topicOf(name string) topic {
	switch name {
	case message.TopicTaps:
		return topic{same: identity.SameTap}
	case message.TopicTapsUnconfirmed:
		return topic{same: identity.SameUnconfirmed}
	case message.TopicExitTickets:
		return topic{same: identity.SameExitTicket}
	case message.TopicLoads:
		return topic{same: identity.SameLoad}
	case message.TopicMedicalRequests, message.TopicPensionBatches:
		return topic{short: verdict.FundShort}
	case message.TopicPensionResults:
		return topic{follows: message.TopicPensionBatches}
	}
	return topic{}
}

// While judges only while something holds; the batch waits otherwise.
func (r Rules) While(holds func() error) Rules {
	judge := r.Rule
	r.Rule = func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
		if err := holds(); err != nil {
			return Judged{}, err
		}
		return judge(ctx, records, d)
	}
	return r
}

// Taps judges the tap topic. tokens serve one stream: make them for each.
func Taps(judge *transit.Judge, codes *unconfirmed.Codes, tokens *keys.CardTokens) Rules {
	return Rules{
		Rule: func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			lost, err := codes.Now(ctx)
			if err != nil {
				return Judged{}, err
			}
			still := func(ctx context.Context, tx pgx.Tx, _ docket.Place, _ []docket.Ruling) (docket.Answers, error) {
				return docket.Answers{}, errors.Join(codes.Still(ctx, tx, lost), newest(ctx, tx, d))
			}
			return Judged{Answer: still}, judge.Rule(ctx, records, lost, d)
		},
		Tokens: tokens,
	}
}

// errOutdated: the batch waits until this process follows.
var errOutdated = errors.New("the registry has a version that this process has not taken up yet")

// newest makes sure that a docket which is right under the newest registry alone was judged by it.
func newest(ctx context.Context, tx pgx.Tx, d *docket.Docket) error {
	if d.Newest == 0 {
		return nil
	}
	follows, err := registry.Follows(ctx, tx, d.Newest)
	if err == nil && follows {
		err = errOutdated
	}
	return err
}

// UnconfirmedTaps keeps taps without a TAC.
func UnconfirmedTaps(judge *unconfirmed.Judge) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			judge.Rule(records, d)
			keep := func(ctx context.Context, tx pgx.Tx, _ docket.Place, _ []docket.Ruling) (docket.Answers, error) {
				return docket.Answers{}, unconfirmed.Keep(ctx, tx, d)
			}
			return Judged{Answer: keep}, nil
		},
	}
}

// ExitTickets keeps what desks say of exit tickets.
func ExitTickets(judge *exits.Judge) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			judge.Rule(records, d)
			return Judged{}, nil
		},
	}
}

// Loads judges the topic of written loads.
func Loads(judge *load.Judge, tokens *keys.CardTokens) Rules {
	return Rules{
		Rule: func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			keep := func(ctx context.Context, tx pgx.Tx, _ docket.Place, _ []docket.Ruling) (docket.Answers, error) {
				return docket.Answers{}, load.Keep(ctx, tx, d)
			}
			return Judged{Answer: keep}, judge.Rule(ctx, records, d)
		},
		Tokens: tokens,
	}
}

// MedicalRequests judges the claims of hospitals, and answers each desk.
func MedicalRequests(judge *medical.Judge) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			batch := judge.Read(records, d)
			return Judged{Keys: batch.Keys(), Within: batch.Rule, Answer: batch.Answer}, nil
		},
	}
}

// PensionBatches judges the lists of a payday.
func PensionBatches(judge *pension.Judge) Rules {
	return Rules{Rule: withOriginals(judge.RuleLists)}
}

// PensionResults judges what the bank says about a list.
func PensionResults(judge *pension.Judge) Rules {
	return Rules{Rule: withOriginals(judge.RuleReturns)}
}

// withOriginals makes a Rule of a judge whose messages are kept as they came.
func withOriginals(rule func(ctx context.Context, records []docket.Record, d *docket.Docket) (pension.Originals, error)) func(context.Context, []docket.Record, *docket.Docket) (Judged, error) {
	return func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
		originals, err := rule(ctx, records, d)
		return Judged{Answer: originals.Keep}, err
	}
}

// judge judges the records, now or inside the transaction. Postings that were refused before become
// rejects or are kept alone.
func (r Rules) judge(ctx context.Context, records []docket.Record, d *docket.Docket, batch *ledger.Batch, refused docket.Replacements) (judged Judged, err error) {
	take := func() {
		d.Replace(refused)
		batch.Transfers, batch.Memos = d.Transfers, d.Memos
	}
	err = caught(func() error {
		judged, err = r.Rule(ctx, records, d)
		return err
	})
	if err != nil {
		return Judged{}, err
	}
	if judged.Within == nil {
		take()
		return judged, nil
	}
	batch.Keys = judged.Keys
	batch.Prepare = func(ctx context.Context, tx pgx.Tx) error {
		d.Reset()
		if err := caught(func() error { return judged.Within(ctx, tx) }); err != nil {
			return err
		}
		take()
		return nil
	}
	return judged, nil
}

// publish stores the outgoing messages of the rulings, and returns the batch's note.
func (r Rules) publish(ctx context.Context, tx pgx.Tx, stream string, d *docket.Docket, judged Judged, rulings []docket.Ruling, out *ledger.Outcome) ([]byte, error) {
	outgoing, err := rejectMessages(d, out)
	if err != nil {
		return nil, err
	}
	if judged.Answer != nil {
		answers, err := judged.Answer(ctx, tx, docket.Place{Stream: stream, Sequence: out.Sequence}, rulings)
		if err != nil {
			return nil, err
		}
		outgoing = append(outgoing, answers.Outgoing...)
		d.Beside.Answers, d.Beside.Originals = answers.Stored, answers.Originals
	}
	if r.Tokens != nil {
		cleared, err := clearedMessage(d, rulings, r.Tokens)
		if err != nil {
			return nil, err
		}
		outgoing = append(outgoing, cleared...)
	}
	if err := store(ctx, tx, stream, out.Sequence, outgoing); err != nil {
		return nil, err
	}
	d.Beside.Outgoing = make([]docket.Mark, len(outgoing))
	for i := range outgoing {
		d.Beside.Outgoing[i] = outgoing[i].Mark()
	}
	return d.EncodeNote()
}
