package intake

import (
	"context"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/pension"
	"citycard/clearing/registry"
	"citycard/clearing/transit"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Rules is what is done with the records of one partition; what holds for all records of a
// topic is its topic's (topicOf).
type Rules struct {
	// Rule judges a batch from its records alone, before the transaction, or begins with it and
	// leaves the rest to Judged.Within.
	Rule func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error)

	// Tokens, where set, has what is cleared published, with tokens in place of cards.
	Tokens *keys.CardTokens

	// Versions names the data that rules.
	Versions func() map[string]string
}

// Judged is what a judge has still to do about a batch inside its transaction, where it may run
// again. The zero value is nothing.
type Judged struct {
	// Within, where set, fills the docket where rulings depend on rows that other batches
	// change; Keys are those that it may pay under, looked up before the transaction.
	Keys   []ledger.Key
	Within func(ctx context.Context, tx pgx.Tx) error
	// Answer, where set, runs after the ledger has decided. It stores what belongs to the rulings,
	// asks whether what Rule read before still holds, and gives messages for the pump.
	Answer func(ctx context.Context, tx pgx.Tx, in docket.Place, rulings []docket.Ruling) (docket.Answers, error)
}

// topic is what holds for all records of an input topic.
type topic struct {
	// same, where set, says whether two records under one identity are the same.
	same func(standing, now []byte) bool
	// short is the reason of a request whose account holds too little; None where the money
	// of a record has moved already.
	short verdict.Reason
	// follows names a topic whose records, as far as they were there when a batch of this one
	// is judged, are judged first.
	follows string
}

func topicOf(name string) topic {
	switch name {
	case message.TopicTaps:
		return topic{same: identity.SameTap}
	case message.TopicLoads:
		return topic{same: identity.SameLoad}
	case message.TopicMedicalRequests, message.TopicPensionBatches:
		return topic{short: verdict.FundShort}
	case message.TopicPensionResults:
		return topic{follows: message.TopicPensionBatches}
	}
	return topic{}
}

// Taps judges the tap topic. tokens serve one stream: make them for each.
func Taps(judge *transit.Judge, tokens *keys.CardTokens) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			return Judged{}, judge.Rule(records, d)
		},
		Versions: judge.Versions,
		Tokens:   tokens,
	}
}

// Loads judges the topic of written loads.
func Loads(judge *load.Judge, cards *registry.Registry, tokens *keys.CardTokens) Rules {
	return Rules{
		Rule: func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			keep := func(ctx context.Context, tx pgx.Tx, _ docket.Place, _ []docket.Ruling) (docket.Answers, error) {
				return docket.Answers{}, load.Keep(ctx, tx, d)
			}
			return Judged{Answer: keep}, judge.Rule(ctx, records, d)
		},
		Versions: registryVersion(cards),
		Tokens:   tokens,
	}
}

// MedicalRequests judges the claims of hospitals, and answers each desk.
func MedicalRequests(judge *medical.Judge) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			batch := judge.Read(records, d)
			return Judged{Keys: batch.Keys(), Within: batch.Rule, Answer: batch.Answer}, nil
		},
		Versions: judge.Versions,
	}
}

// PensionBatches judges the lists of a payday.
func PensionBatches(judge *pension.Judge) Rules {
	return Rules{Rule: withOriginals(judge.RuleLists), Versions: judge.Versions}
}

// PensionResults judges what the bank says about a list.
func PensionResults(judge *pension.Judge) Rules {
	return Rules{Rule: withOriginals(judge.RuleReturns), Versions: registryVersion(judge.People)}
}

// withOriginals makes a Rule of a judge whose messages are kept as they came.
func withOriginals(rule func(ctx context.Context, records []docket.Record, d *docket.Docket) (pension.Originals, error)) func(context.Context, []docket.Record, *docket.Docket) (Judged, error) {
	return func(ctx context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
		originals, err := rule(ctx, records, d)
		return Judged{Answer: originals.Keep}, err
	}
}

func registryVersion(r *registry.Registry) func() map[string]string {
	return func() map[string]string { return map[string]string{"registry": r.Current().Version()} }
}

// judge has the records judged, now or inside the transaction, with what was refused before
// as rejects or kept alone.
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

// publish stores what goes out with the rulings, and says what was ruled.
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
	return d.EncodeNote(r.Versions())
}
