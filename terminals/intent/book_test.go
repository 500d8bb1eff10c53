package intent_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func morning() time.Time {
	return time.Date(2026, 11, 24, 8, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

func gateIn() intent.Place {
	return intent.Place{Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_ENTRY, Line: 1, Station: 5}
}

func bus() intent.Place {
	return intent.Place{Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 9, Vehicle: "A1"}
}

// lane is a lane's outbox and book.
type lane struct {
	*testing.T
	dir     string
	brokers []string
	here    intent.Place
	out     *outbox.Log
	book    *intent.Book
}

func open(t *testing.T, here intent.Place) *lane {
	t.Helper()
	l := &lane{T: t, dir: filepath.Join(t.TempDir(), "outbox"), here: here}
	l.start()
	t.Cleanup(func() { must(t, l.out.Close()) })
	return l
}

func (l *lane) start() {
	l.Helper()
	var err error
	l.out, err = outbox.Open(l.dir)
	must(l.T, err)
	l.book, err = intent.Open(l.out, l.here)
	must(l.T, err)
}

// again ends the program without a word, and starts it again.
func (l *lane) again() {
	l.Helper()
	must(l.T, l.out.Close())
	l.start()
}

// count is how many records have been sent to a topic, once all are.
func (l *lane) count(topic string) (n int) {
	l.Helper()
	for _, r := range l.sent() {
		if r.Topic == topic {
			n++
		}
	}
	return n
}

func passenger(t *testing.T, seed uint64) (*chip.Chip, *card.Purse) {
	t.Helper()
	held, err := specimen.New(t.Context(), specimen.Transit, seed, morning())
	must(t, err)
	held.PowerOn()
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	return held, p
}

// tap is a payment of a card at a place, without its TAC.
func tap(p *card.Purse, here intent.Place, sequence uint32, at time.Time) *message.Tap {
	id, signed := p.ID(), bcd.Time(at)
	return &message.Tap{
		Mode: here.Mode, Movement: here.Movement, Line: here.Line, Station: here.Station, Vehicle: here.Vehicle, CardCounter: sequence,
		Debit: &message.Debit{Card: id.ASN[:], Issuer: id.Issuer[:], Type: 9, AmountFen: 200, Terminal: []byte{0x49, 0x10, 0, 0, 0, 1}, TerminalSequence: sequence, Time: signed[:]},
	}
}

// tear begins a payment whose outcome is not known.
func (l *lane) tear(t *message.Tap) {
	l.Helper()
	must(l.T, l.book.Begin(t))
	must(l.T, l.book.End(nil, fmt.Errorf("served: %w", &card.UnknownError{Tap: t, Err: errors.New("gone")})))
}

// paid, unpaid and other are what a card may tell.
func paid(_ context.Context, _ apdu.Card, open *card.UnknownError) (*message.Tap, error) {
	t := proto.CloneOf(open.Tap)
	t.Debit.Tac = []byte{1, 2, 3, 4}
	return t, nil
}

func unpaid(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error) { return nil, nil }

func fails(err error) func(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error) {
	return func(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error) { return nil, err }
}

// What the card tells, and what comes of it: at the lane, on the topics, after a restart.
func TestSettle(t *testing.T) {
	reset := errors.New("the card was reset")
	for name, test := range map[string]struct {
		resolve                  func(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error)
		taps, unconfirmed, ended int
		open                     int
		passage                  bool
		err                      error
	}{
		"paid":            {paid, 1, 0, 1, 0, true, nil},
		"not paid":        {unpaid, 0, 0, 0, 1, false, nil},
		"paid elsewhere":  {fails(fmt.Errorf("%w; %w", card.ErrTooLate, card.ErrNotPaid)), 0, 0, 0, 1, false, nil},
		"used since":      {fails(card.ErrTooLate), 0, 1, 0, 0, false, nil},
		"gone once again": {fails(reset), 0, 0, 0, 1, false, reset},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, gateIn())
			held, p := passenger(t, 1)
			l.tear(tap(p, gateIn(), 7, morning()))
			l.again()
			s, err := l.book.Settle(t.Context(), held, morning().Add(time.Minute), test.resolve)
			if !errors.Is(err, test.err) || (s.Passage != nil) != test.passage || len(s.Paid) != test.taps {
				t.Fatalf("%+v, %v", s, err)
			}
			for range 2 {
				if n := l.count(message.TopicTaps); n != test.taps {
					t.Errorf("%d taps", n)
				}
				if n := l.count(message.TopicTapsUnconfirmed); n != test.unconfirmed {
					t.Errorf("%d unconfirmed taps", n)
				}
				if n := l.count(message.TopicIntents); n != 1+test.ended {
					t.Errorf("%d records of intents, want %d", n, 1+test.ended)
				}
				if c := l.book.Counts(); c != (intent.Counts{Open: test.open, Unconfirmed: test.unconfirmed}) {
					t.Errorf("%+v", c)
				}
				l.again()
			}
		})
	}
}

// That a card has not paid, or can no longer prove it, ends an intent only once the same card makes
// a payment which the SAM confirms, with the counter of the intent or a later one. A double that
// knows the number and the counter alone ends nothing, and the card itself is settled afterwards.
func TestDenied(t *testing.T) {
	broken := &sam.Error{Err: errors.New("the SAM does not answer")}
	late := fails(card.ErrTooLate)
	elsewhere := fails(fmt.Errorf("%w; %w", card.ErrTooLate, card.ErrNotPaid))
	for name, test := range map[string]struct {
		says    func(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error)
		card    uint64
		counter uint32
		err     error
		ended   bool
	}{
		"it pays":                       {unpaid, 1, 7, nil, true},
		"it pays later":                 {elsewhere, 1, 9, nil, true},
		"it pays, and proves no more":   {late, 1, 9, nil, true},
		"a double proves no more":       {late, 1, 0, sam.ErrForged, false},
		"it pays with an older counter": {unpaid, 1, 6, nil, false},
		"another card pays":             {unpaid, 2, 7, nil, false},
		"the SAM does not confirm":      {unpaid, 1, 7, broken, false},
		"it is a forgery":               {unpaid, 1, 0, sam.ErrForged, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := open(t, gateIn())
			held, p := passenger(t, 1)
			_, pays := passenger(t, test.card)
			l.tear(tap(p, gateIn(), 7, morning()))
			s, err := l.book.Settle(t.Context(), held, morning().Add(time.Second), test.says)
			must(t, err)
			want := intent.Counts{Open: 1}
			if s.Lost == 1 {
				want = intent.Counts{Unconfirmed: 1}
			}
			if s.Denied+s.Lost != 1 || l.book.Counts() != want || l.count(message.TopicTapsUnconfirmed) != s.Lost {
				t.Fatalf("%+v, %+v", s, l.book.Counts())
			}
			var next *message.Tap
			if test.counter > 0 {
				next = tap(pays, gateIn(), test.counter, morning().Add(time.Second))
				next.Debit.TerminalSequence = 99
				must(t, l.book.Begin(next))
				next.Debit.Tac = []byte{1, 2, 3, 4}
			}
			must(t, l.book.End(next, test.err))
			l.again()
			if test.ended {
				want = intent.Counts{}
			}
			if c := l.book.Counts(); c != want {
				t.Errorf("%+v, want %+v", c, want)
			}
			if n := l.count(message.TopicIntents); (n == 2) != test.ended {
				t.Errorf("%d records of intents", n)
			}
			if s, err = l.book.Settle(t.Context(), held, morning().Add(2*time.Second), paid); err != nil || (len(s.Paid) == 1) == test.ended {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// A payment that was begun and not ended is open after a restart, and told once; one that was not
// made is over, also after a stop in order.
func TestRestart(t *testing.T) {
	l := open(t, gateIn())
	_, p := passenger(t, 1)
	must(t, l.book.Begin(tap(p, gateIn(), 1, morning())))
	must(t, l.book.End(nil, errors.New("the card refuses")))
	if c := l.book.Counts(); c != (intent.Counts{}) {
		t.Errorf("after a refusal: %+v", c)
	}
	must(t, l.book.Close())
	l.again()
	if c, n := l.book.Counts(), l.count(message.TopicIntents); c != (intent.Counts{}) || n != 0 {
		t.Errorf("after a stop in order: %+v, %d told", c, n)
	}
	must(t, l.book.Begin(tap(p, gateIn(), 2, morning())))
	for range 3 {
		l.again()
		if c, n := l.book.Counts(), l.count(message.TopicIntents); c != (intent.Counts{Open: 1}) || n != 1 {
			t.Errorf("after a crash: %+v, %d told", c, n)
		}
	}
}

// Which settled payment is the passage for which the card is there now.
func TestPassage(t *testing.T) {
	out, far := gateIn(), gateIn()
	out.Movement, far.Station = message.Movement_MOVEMENT_EXIT, 6
	patient := out
	patient.Within = time.Hour
	other, nameless := bus(), bus()
	other.Vehicle, nameless.Vehicle = "A2", ""
	for name, test := range map[string]struct {
		at, here intent.Place
		after    time.Duration
		settled  bool
		passage  bool
		entry    bool
	}{
		"the gate":                       {gateIn(), gateIn(), time.Second, true, true, false},
		"the gate, in the evening":       {gateIn(), gateIn(), 10 * time.Hour, true, false, true},
		"a gate out":                     {gateIn(), out, time.Second, true, false, false},
		"another station":                {gateIn(), far, time.Second, false, false, false},
		"the bus":                        {bus(), bus(), time.Minute, true, true, false},
		"the bus, on the way back":       {bus(), bus(), time.Hour, true, false, false},
		"another bus of the line":        {bus(), other, time.Minute, true, false, false},
		"a bus that does not know which": {nameless, nameless, time.Minute, true, false, false},
		"a gate, of a payment on a bus":  {bus(), gateIn(), time.Minute, false, false, false},
		"the gate out":                   {out, out, 9 * time.Minute, true, true, false},
		"the gate out, in the evening":   {out, out, 10 * time.Hour, true, false, false},
		"the gate out that says an hour": {out, patient, 50 * time.Minute, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			held, p := passenger(t, 1)
			i := &message.Intent{Tap: tap(p, test.at, 7, morning()), State: message.IntentState_INTENT_STATE_OPEN}
			value, err := proto.Marshal(i)
			must(t, err)
			l := open(t, test.here)
			must(t, l.book.Heard(message.IntentKey(i.GetTap().GetDebit()), value))
			s, err := l.book.Settle(t.Context(), held, morning().Add(test.after), paid)
			must(t, err)
			if len(s.Paid) == 1 != test.settled || (s.Passage != nil) != test.passage || (s.Entry != nil) != test.entry {
				t.Errorf("%+v", s)
			}
			if test.settled && (l.count(message.TopicTaps) != 1 || l.count(message.TopicIntents) != 1) {
				t.Errorf("a tap and the end of the intent are to be sent: %v", l.sent())
			}
		})
	}
}

// A neighbour's payment is known until the topic says that it is over; one's own that a neighbour
// has settled is over as well.
func TestNeighbours(t *testing.T) {
	l := open(t, gateIn())
	held, p := passenger(t, 1)
	_, q := passenger(t, 2)
	encode := func(m *message.Tap, state message.IntentState) (key, value []byte) {
		value, err := proto.Marshal(&message.Intent{Tap: m, State: state})
		must(t, err)
		return message.IntentKey(m.GetDebit()), value
	}
	theirs, value := encode(tap(q, gateIn(), 3, morning()), message.IntentState_INTENT_STATE_OPEN)
	must(t, l.book.Heard(theirs, value))
	must(t, l.book.Heard(theirs, value))
	mine := tap(p, gateIn(), 4, morning())
	l.tear(mine)
	key, value := encode(mine, message.IntentState_INTENT_STATE_OPEN)
	must(t, l.book.Heard(key, value))
	if c := l.book.Counts(); c != (intent.Counts{Open: 1, Others: 1}) {
		t.Errorf("%+v", c)
	}
	if err := l.book.Heard(theirs, []byte("no intent")); err == nil {
		t.Error("what is no intent is taken")
	}
	must(t, l.book.Heard(theirs, nil))
	must(t, l.book.Heard(key, nil))
	s, err := l.book.Settle(t.Context(), held, morning(), fails(errors.New("asked")))
	must(t, err)
	if c := l.book.Counts(); c != (intent.Counts{}) || len(s.Paid) != 0 {
		t.Errorf("%+v, %+v", c, s)
	}
	must(t, l.book.Close())
	if local := l.out.Locals(); len(local) != 0 {
		t.Errorf("%d local records after the end", len(local))
	}
	// While a card is told to pay, no word of others ends its intent.
	must(t, l.book.Begin(tap(p, gateIn(), 5, morning())))
	must(t, l.book.Heard(message.IntentKey(tap(p, gateIn(), 5, morning()).GetDebit()), nil))
	must(t, l.book.Close())
	if local := l.out.Locals(); len(local) != 1 {
		t.Errorf("%d local records of a payment in progress", len(local))
	}
	for i := range uint32(1000) {
		must(t, l.book.Heard(encode(tap(q, gateIn(), i, morning()), message.IntentState_INTENT_STATE_OPEN)))
	}
	if c := l.book.Counts(); c.Others != 256 {
		t.Errorf("of a thousand %d are known, want 256", c.Others)
	}
	l.book.Forget()
	if c := l.book.Counts(); c.Others != 0 {
		t.Errorf("%+v", c)
	}
}

// An old intent goes up once, and its card is settled afterwards all the same.
func TestUnconfirmed(t *testing.T) {
	l := open(t, gateIn())
	held, p := passenger(t, 1)
	l.tear(tap(p, gateIn(), 1, morning()))
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{24*time.Hour - time.Second, 0}, {24 * time.Hour, 1}, {48 * time.Hour, 0}, {-48 * time.Hour, 0}} {
		l.again()
		if n, err := l.book.Raise(morning().Add(test.after), 24*time.Hour); err != nil || n != test.want {
			t.Errorf("after %s: %d went up, %v", test.after, n, err)
		}
	}
	if c := l.book.Counts(); c != (intent.Counts{Unconfirmed: 1}) {
		t.Errorf("%+v", c)
	}
	var up *message.Tap
	for _, r := range l.sent() {
		if r.Topic == message.TopicTapsUnconfirmed {
			m, err := message.CheckUnconfirmed(r.Value)
			must(t, err)
			number, err := tunion.Number([10]byte(m.GetDebit().GetCard()))
			must(t, err)
			if up = m; string(r.Key) != number {
				t.Errorf("its key is %s", r.Key)
			}
		}
	}
	s, err := l.book.Settle(t.Context(), held, morning().Add(72*time.Hour), paid)
	must(t, err)
	if len(s.Paid) != 1 || l.count(message.TopicTapsUnconfirmed) != 1 {
		t.Fatalf("%+v, %d unconfirmed", s, l.count(message.TopicTapsUnconfirmed))
	}
	if s.Paid[0].Debit.Tac = nil; !proto.Equal(s.Paid[0], up) {
		t.Errorf("unconfirmed %v, the tap %v", up, s.Paid[0])
	}
}

// A book that is full gives up the oldest, and says so: one that is unconfirmed already ends
// without a word, others go up. None is dropped in silence.
func TestFull(t *testing.T) {
	l := open(t, gateIn())
	_, p := passenger(t, 1)
	for i := range uint32(2 * intent.Most) {
		l.tear(tap(p, gateIn(), i, morning().Add(time.Duration(i)*time.Minute)))
		if i == 2 { // two are unconfirmed
			_, err := l.book.Raise(morning().Add(24*time.Hour+time.Minute), 24*time.Hour)
			must(t, err)
		}
	}
	c := l.book.Counts()
	if c.Open+c.Unconfirmed != intent.Most || len(l.out.Locals()) != intent.Most {
		t.Errorf("%+v, %d local records", c, len(l.out.Locals()))
	}
	if n := l.count(message.TopicTapsUnconfirmed); n != intent.Most {
		t.Errorf("%d are unconfirmed, want %d", n, intent.Most)
	}
	if n := l.count(message.TopicIntents); n != 3*intent.Most {
		t.Errorf("%d records of intents, want %d begun and %d over", n, 2*intent.Most, intent.Most)
	}
	l.again()
	if again := l.book.Counts(); again != c {
		t.Errorf("%+v, before the restart %+v", again, c)
	}
}

// A tap that cannot become a record is refused before the card is told to pay.
func TestBeginRefuses(t *testing.T) {
	l := open(t, gateIn())
	_, p := passenger(t, 1)
	bad := tap(p, gateIn(), 1, morning())
	bad.Debit.Card[0] = 0xAB
	if err := l.book.Begin(bad); err == nil || len(l.out.Locals()) != 0 {
		t.Errorf("%v", err)
	}
	must(t, l.out.Close())
	if err := l.book.Begin(tap(p, gateIn(), 1, morning())); err == nil {
		t.Error("a closed outbox keeps an intent")
	}
	l.start()
}
