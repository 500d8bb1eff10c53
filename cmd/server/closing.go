package server

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	peopleapi "citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

// aClose is one close of a day.
type aClose struct {
	closer  *Closer
	day     ledger.DayStatus
	cut     intake.Cut // what arrived before the day's end
	release func()
}

// closing finds the day to close, and what arrived before its end.
func (p *Program) closing(ctx context.Context, l *ledger.Ledger, what peopleapi.Closing) (*aClose, error) {
	zone, err := Zone(ctx, l)
	if err != nil {
		return nil, err
	}
	c := &aClose{}
	if c.closer, err = NewCloser(ctx, l, p.Dir); err != nil {
		return nil, err
	}
	client, release, err := p.Kafka(ctx)
	if err != nil {
		return nil, err
	}
	c.release = release
	end := func(day ledger.Day) time.Time { return day.Next().Time(zone).Add(what.Grace) }
	c.day, err = due(ctx, l, what.Day, func(day ledger.Day) bool { return time.Now().After(end(day)) })
	switch {
	case err != nil || c.day.State != ledger.DayOpen:
	case what.Day == 0:
		c.cut, err = intake.CutBefore(ctx, client, end(c.day.Day))
	default:
		c.cut, err = intake.CutNow(ctx, client)
	}
	if err != nil {
		release()
		return nil, err
	}
	return c, nil
}

// due is the day to close, and the day after it. The day to close is the named day, else the oldest
// day that is closing or over. So asking again never closes the next day as well.
func due(ctx context.Context, l *ledger.Ledger, named ledger.Day, over func(ledger.Day) bool) (ledger.DayStatus, error) {
	days, err := l.Days(ctx)
	if err != nil {
		return ledger.DayStatus{}, err
	}
	if err := OneOf(days, named); err != nil {
		return ledger.DayStatus{}, err
	}
	for _, d := range days {
		unfinished := d.State == ledger.DayOpen || d.State == ledger.DayClosing
		switch {
		case named == d.Day || named == 0 && (d.State == ledger.DayClosing || unfinished && over(d.Day)):
			if d.Next == 0 {
				d.Next = d.Day.Next()
			}
			return d, nil
		case unfinished && named != 0:
			return d, service.Refuse("day %s is not closed yet", d.Day.String()).Todo("close the days in their order")
		}
	}
	return ledger.DayStatus{}, service.Refuse("no day is over that was not closed").Todo("name the day with --day; citycard day status lists them")
}

// waitsEvery is how often a close says how far the streams are.
const waitsEvery = time.Second

// await waits until all has been cleared that arrived before the day's end.
func (c *aClose) await(ctx context.Context, waits func(peopleapi.Waiting)) error {
	if c.day.State != ledger.DayOpen {
		return nil
	}
	excluded, err := c.excluded(ctx)
	if err != nil {
		return err
	}
	var said time.Time
	return c.cut.Await(ctx, c.closer.Ledger, among(excluded), func(t intake.Through) {
		if now := time.Now(); len(t.Behind) > 0 && now.Sub(said) >= waitsEvery {
			said = now
			waits(peopleapi.Waiting{Done: t.Done, Total: t.Total, Behind: standing(t.Behind)})
		}
	})
}

// close closes the day.
func (c *aClose) close(ctx context.Context) (peopleapi.Closed, error) {
	r, err := c.closer.Close(ctx, c.day.Day, c.day.Next)
	if err != nil {
		return peopleapi.Closed{}, err
	}
	closed := peopleapi.Closed{Day: r.Day, Files: r.Files, Due: c.due(), Unpaid: c.unpaid(r.Unpaid), Quarantined: r.Quarantined}
	for _, u := range r.Without {
		closed.Without = append(closed.Without, dayclose.Standing{Stream: u.Stream, At: u.At, End: u.End})
	}
	closed.Uncounted = peopleapi.SaidOf(r.Uncounted)
	for _, n := range r.Counters.Found {
		closed.Findings += n
	}
	return closed, nil
}

// due is the value date of the day.
func (c *aClose) due() (d peopleapi.Due) {
	var err error
	if d.Day, err = c.closer.ValueDate(c.day.Day); err != nil {
		d = peopleapi.Due{Unknown: peopleapi.SaidOf(err)}
	}
	return d
}

func (c *aClose) unpaid(list []dayclose.Unpaid) (unpaid []peopleapi.Unpaid) {
	for _, u := range list {
		next := peopleapi.Unpaid{Account: u.Code, Fen: u.Fen}
		if !errors.As(u.Err, &next.Held) {
			next.Why = peopleapi.SaidOf(u.Err)
		}
		unpaid = append(unpaid, next)
	}
	return unpaid
}

// preview is what the close would wait for, pay and hold, given the present books.
func (c *aClose) preview(ctx context.Context) (p peopleapi.Preview, err error) {
	l := c.closer.Ledger
	p = peopleapi.Preview{Day: c.day.Day, State: c.day.State, Next: c.day.Next, Due: c.due()}
	if p.Excluded, err = c.excluded(ctx); err != nil {
		return p, err
	}
	through, err := c.cut.Through(ctx, l, among(p.Excluded))
	if err != nil {
		return p, err
	}
	p.Behind = standing(through.Behind)
	accounts, err := l.Accounts(ctx)
	if err != nil {
		return p, err
	}
	payments, unpaid, err := c.closer.Preview(ctx, c.day.Day, c.day.Next)
	for _, t := range payments {
		p.Payments = append(p.Payments, peopleapi.Payment{Debit: books.CodeOf(accounts, t.Debit), Credit: books.CodeOf(accounts, t.Credit), Fen: t.Amount})
	}
	p.Unpaid = c.unpaid(unpaid)
	return p, err
}

// standing is the request for those of the named streams that are behind.
func (p *Program) standing(ctx context.Context, what peopleapi.Closing, streams []string) (request dayclose.WithoutRequest, err error) {
	c, err := p.closing(ctx, p.Ledger, what)
	if err != nil {
		return request, explained(err)
	}
	defer c.release()
	named := among(streams)
	through, err := c.cut.Through(ctx, p.Ledger, func(s intake.Standing) bool { return !named(s) })
	request = dayclose.WithoutRequest{Day: c.day.Day, Streams: standing(through.Behind)}
	slices.SortFunc(request.Streams, func(a, b dayclose.Standing) int { return strings.Compare(a.Stream, b.Stream) })
	return request, explained(err)
}

// excluded lists the streams for which the close does not wait, as two people decided.
func (c *aClose) excluded(ctx context.Context) (names []string, err error) {
	var list []counters.Unread
	list, err = c.closer.Unread(ctx, c.day.Day)
	for _, u := range list {
		names = append(names, u.Stream)
	}
	return names, err
}

// among returns a condition for streams: one of the names is theirs or their topic's.
func among(names []string) func(intake.Standing) bool {
	return func(s intake.Standing) bool {
		return slices.Contains(names, s.Topic) || slices.Contains(names, s.Stream)
	}
}

func standing(behind []intake.Standing) (list []dayclose.Standing) {
	for _, s := range behind {
		list = append(list, dayclose.Standing{Stream: s.Stream, At: s.At, End: s.End})
	}
	return list
}
