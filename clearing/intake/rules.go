package intake

import (
	"context"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/transit"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Rules is what is done with the records of one topic. Rule fills the docket
// from the records alone, before the transaction; Within does it inside, where
// the answer depends on rows that other batches change. Exactly one is set.
type Rules struct {
	Rule   func(ctx context.Context, records []docket.Record, d *docket.Docket) error
	Within func(ctx context.Context, tx pgx.Tx, records []docket.Record, d *docket.Docket) error

	// Keys, where set, states what Within may post, so that it is looked up once, before the
	// transaction.
	Keys func(records []docket.Record, booking ledger.Day) []ledger.Key

	// Answer, where set, runs inside the transaction after the ledger has
	// decided; it stores what belongs to the rulings and returns messages for
	// the pump.
	Answer func(ctx context.Context, tx pgx.Tx, in Place, rulings []docket.Ruling) (Answers, error)

	// Still, where set, runs inside the transaction, keeps what others must know of the
	// batch and asks whether what Rule read before it holds; an error that is errMoved has
	// the batch judged again.
	Still func(ctx context.Context, tx pgx.Tx, d *docket.Docket) error

	// Tokens, where set, has what is cleared published, with tokens in place of cards.
	Tokens *keys.CardTokens

	// Same, where set, says whether two records under one identity are the same.
	Same func(standing, now []byte) bool

	// Refused is the reason of a chain that the ledger refused.
	Refused verdict.Reason

	// Follows names a topic whose records, as far as they were there when a
	// batch of this one is judged, are judged first.
	Follows string

	// Versions names the data that rules.
	Versions func() map[string]string
}

// Outgoing is a message that becomes true with the commit.
type Outgoing struct {
	Topic string
	Key   []byte
	Value []byte
}

func (o *Outgoing) mark() docket.Mark { return docket.MarkOf([]byte(o.Topic), o.Key, o.Value) }

// Place is a batch: its number in its stream.
type Place struct {
	Stream   string
	Sequence int64
}

// Answers are messages, and the marks of what was stored with them.
type Answers struct {
	Outgoing []Outgoing
	Stored   []docket.Mark
}

// Taps judges the tap topic. tokens serve one stream: make them for each.
func Taps(judge *transit.Judge, tokens *keys.CardTokens) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) error {
			return judge.Rule(records, d)
		},
		Same:     identity.SameTap,
		Versions: judge.Versions,
		Tokens:   tokens,
	}
}

// Loads judges the topic of written loads.
func Loads(judge *load.Judge, cards *registry.Registry, tokens *keys.CardTokens) Rules {
	return Rules{Rule: judge.Rule, Same: identity.SameLoad, Still: keepLoads, Versions: registryVersion(cards), Tokens: tokens}
}

// judge has the records judged, now or inside the transaction, with what was refused before
// as rejects or kept alone.
func (r Rules) judge(ctx context.Context, records []docket.Record, d *docket.Docket, batch *ledger.Batch, refused docket.Replacements) error {
	take := func() {
		d.Replace(refused)
		batch.Transfers, batch.Memos = d.Transfers, d.Memos
	}
	if r.Within == nil {
		if err := caught(func() error { return r.Rule(ctx, records, d) }); err != nil {
			return err
		}
		take()
		return nil
	}
	if r.Keys != nil {
		if err := caught(func() error {
			batch.Keys = r.Keys(records, batch.Day)
			return nil
		}); err != nil {
			return err
		}
	}
	batch.Prepare = func(ctx context.Context, tx pgx.Tx) error {
		d.Reset()
		if err := caught(func() error { return r.Within(ctx, tx, records, d) }); err != nil {
			return err
		}
		take()
		return nil
	}
	return nil
}

// publish stores what goes out with settled rulings, and says what was ruled.
func (r Rules) publish(ctx context.Context, tx pgx.Tx, stream string, d *docket.Docket, rulings []docket.Ruling, out *ledger.Outcome) ([]byte, error) {
	outgoing, err := rejectMessages(d, out)
	if err != nil {
		return nil, err
	}
	if r.Still != nil {
		if err := r.Still(ctx, tx, d); err != nil {
			return nil, err
		}
	}
	if r.Answer != nil {
		answers, err := r.Answer(ctx, tx, Place{stream, out.Sequence}, rulings)
		if err != nil {
			return nil, err
		}
		outgoing, d.Beside.Answers = append(outgoing, answers.Outgoing...), answers.Stored
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
		d.Beside.Outgoing[i] = outgoing[i].mark()
	}
	return d.EncodeNote(r.Versions())
}
