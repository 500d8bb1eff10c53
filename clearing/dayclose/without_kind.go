package dayclose

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/counters"
	"citycard/clearing/message"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// WithoutName is the kind of proposal by which a day is closed without streams that stand.
const WithoutName = "day close without"

// WithoutRequest asks for a day to be closed without streams that make no progress.
type WithoutRequest struct {
	Day     ledger.Day `json:"day"`
	Streams []Standing `json:"streams"` // by name, each once
}

// Standing is a stream with its position and with the partition's end, which it does not reach.
type Standing struct {
	Stream string `json:"stream"` // topic/partition
	At     int64  `json:"at"`
	End    int64  `json:"end"`
}

// WithoutKind is the kind of proposal by which a day is closed without streams that stand. What two
// people approve is that the close does not wait for them. The close comes afterwards, by itself,
// once everything else is cleared, which may take long; it reads in the audit what is approved.
func WithoutKind(l *ledger.Ledger) proposal.Kind {
	c := &Closer{Ledger: l}
	return proposal.Of(WithoutName, func(ctx context.Context, r WithoutRequest) (*proposal.Change, error) {
		return c.showWithout(ctx, r)
	}, func(ctx context.Context, r WithoutRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		check := by.Check
		by.Check = func(ctx context.Context, tx pgx.Tx) error {
			if err := r.stand(ctx, tx); err != nil {
				return err
			}
			return check(ctx, tx)
		}
		if err := c.Without(ctx, r.unread(), by); err != nil {
			return proposal.Result{}, err
		}
		return proposal.Saying(language.Textf("the close of day %s does not wait for %d streams: citycard day close", r.Day.String(), len(r.Streams))), nil
	})
}

// WithoutEntry is what the audit has of such an approval: an entry for each stream that it did not
// have before.
func WithoutEntry() proposal.Entry {
	fits := proposal.FitsOf(WithoutName, func(r WithoutRequest, shown *proposal.Change) (*proposal.Change, error) {
		if len(shown.Rows) == 0 {
			return nil, fmt.Errorf("its change has no rows")
		}
		return r.change(shown.Rows[0].State), r.validate()
	})
	return proposal.Entry{Kind: WithoutName, Fits: fits, Says: func(body json.RawMessage, change *proposal.Change, said []string, _ []bool) error {
		r, err := proposal.ReadRequest[WithoutRequest](body)
		if err == nil {
			err = fits(body, change)
		}
		if err != nil {
			return err
		}
		signed := map[string]bool{}
		for _, u := range r.unread() {
			signed[u.String()] = true
		}
		for _, text := range said {
			if !signed[text] {
				return fmt.Errorf("it says %q, which was not signed, or says it twice", text)
			}
			delete(signed, text)
		}
		return nil
	}}
}

func (r *WithoutRequest) unread() (list []counters.Unread) {
	for _, s := range r.Streams {
		list = append(list, counters.Unread{Day: r.Day, Stream: s.Stream, At: s.At, End: s.End})
	}
	return list
}

// validate refuses a request that is not written in the one form, or that names what is no stream
// of records.
func (r *WithoutRequest) validate() error {
	if len(r.Streams) == 0 {
		return &proposal.Refusal{Text: language.Textf("no stream stands"), Todo: language.Textf("close the day: citycard day close")}
	}
	last := ""
	for _, s := range r.Streams {
		topic, partition, _ := strings.Cut(s.Stream, "/")
		n, err := strconv.ParseInt(partition, 10, 32)
		switch {
		case err != nil, s.Stream != fmt.Sprintf("%s/%d", topic, n), n < 0, !slices.Contains(message.InputTopics(), topic), s.Stream <= last, s.At < 0, s.At >= s.End:
			return &proposal.Refusal{
				Text: language.Textf("%q at %d of %d is no stream that stands, or is not in its place", s.Stream, s.At, s.End), Todo: language.Textf("propose it with citycard day close --without"),
			}
		}
		last = s.Stream
	}
	return nil
}

// stand refuses what is not as it was shown: the day, which stays locked, and each position.
func (r *WithoutRequest) stand(ctx context.Context, tx pgx.Tx) error {
	day, err := ledger.LockDay(ctx, tx, r.Day)
	if err != nil {
		return err
	}
	if day.State != ledger.DayOpen {
		return r.closed(day.State)
	}
	return r.still(ctx, tx)
}

// still refuses a stream that has another position than was shown.
func (r *WithoutRequest) still(ctx context.Context, tx pgx.Tx) error {
	for _, s := range r.Streams {
		next, err := ledger.NextIn(ctx, tx, s.Stream)
		if err != nil {
			return err
		}
		if next != s.At {
			return s.moves(next)
		}
	}
	return nil
}

func (r *WithoutRequest) closed(state ledger.DayState) error {
	return &proposal.Refusal{Text: language.Textf("day %s is %s, expected open", r.Day.String(), string(state)), Todo: language.Textf("citycard day status lists the days")}
}

func (s *Standing) moves(next int64) error {
	return &proposal.Refusal{
		Text: language.Textf("%s does not stand: it was at %d and is at %d", s.Stream, s.At, next), Todo: language.Textf("close the day without waiting for less, or propose it again"),
	}
}

// showWithout shows the day with its state and with how often it was reopened, and each stream with
// its position: a proposal is not approved for a later close of the day, nor for a stream that
// moves.
func (c *Closer) showWithout(ctx context.Context, r WithoutRequest) (*proposal.Change, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	days, err := c.Ledger.Days(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(days, func(d ledger.DayStatus) bool { return d.Day == r.Day })
	switch {
	case at < 0:
		return nil, &proposal.Refusal{Text: language.Textf("the books have no day %s", r.Day.String()), Todo: language.Textf("citycard day status lists them")}
	case days[at].State != ledger.DayOpen:
		return nil, r.closed(days[at].State)
	}
	if err := c.Ledger.Look(ctx, func(tx pgx.Tx) error { return r.still(ctx, tx) }); err != nil {
		return nil, err
	}
	n, err := c.round(ctx, r.Day)
	if err != nil {
		return nil, err
	}
	return r.change(reopenState(ledger.DayOpen, n)), nil
}

// change is what the request does to its day, which is at a state.
func (r *WithoutRequest) change(state string) *proposal.Change {
	rows := []proposal.Row{proposal.RowOf("day", r.Day.String(), state).
		Alters("waits for", "every stream", fmt.Sprintf("all but %d", len(r.Streams)))}
	for _, s := range r.Streams {
		rows = append(rows, proposal.RowOf("stream", s.Stream, fmt.Sprintf("at %d", s.At)).Alters("waited for", fmt.Sprintf("to %d", s.End), "no"))
	}
	return &proposal.Change{Unit: people.Issuer, Rows: rows, Effects: []proposal.Effect{
		proposal.Effectf("the next citycard day close closes the day once all other streams are cleared; what these hold is booked in the day in which it is read"),
		proposal.Effectf("the findings of day %s have no gaps of these streams", r.Day.String()),
	}}
}
