package intake

import (
	"context"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/load"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
)

// Rules is what is done with the records of one topic. Rule fills the docket
// from the records alone, before the transaction; Within does it inside, where
// the answer depends on rows that other batches change. Exactly one is set.
type Rules struct {
	Rule   func(ctx context.Context, records []docket.Record, d *docket.Docket) error
	Within func(ctx context.Context, tx pgx.Tx, records []docket.Record, d *docket.Docket) error

	// Answer, where set, runs inside the transaction after the ledger has
	// decided; it stores what belongs to the rulings and returns messages for
	// the pump.
	Answer func(ctx context.Context, tx pgx.Tx, rulings []docket.Ruling) ([]Outgoing, error)

	// Still, where set, runs inside the transaction, keeps what others must know of the
	// batch and asks whether what Rule read before it holds; an error that is errMoved has
	// the batch judged again.
	Still func(ctx context.Context, tx pgx.Tx, d *docket.Docket) error

	// Describe, where set, says what of a cleared record may leave the house; the
	// pump publishes it.
	Describe func(evidence []byte) (*message.Cleared, error)

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

// Taps judges the tap topic. tokens serve one stream: make them for each.
func Taps(judge *transit.Judge, tokens *keys.CardTokens) Rules {
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) error {
			return judge.Rule(records, d)
		},
		Versions: judge.Versions,
		Describe: describeTap(tokens),
	}
}

// Loads judges the topic of written loads.
func Loads(judge *load.Judge, cards *registry.Registry, tokens *keys.CardTokens) Rules {
	return Rules{Rule: judge.Rule, Still: keepLoads, Versions: registryVersion(cards), Describe: describeLoad(tokens)}
}
