package server

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/cardos/keys"
	"citycard/clearing/cards"
	"citycard/clearing/intake"
	peopleapi "citycard/clearing/people/api"
	"citycard/clearing/quarantine"
	"citycard/clearing/registry"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// Program does the acts of the program on the books of a data directory, for the API.
type Program struct {
	Ledger *ledger.Ledger
	Dir    string
	Log    *slog.Logger
	// InEarnest refuses people of a demonstration, with whom the process would not start again.
	InEarnest bool
	// Hosts says whether a host is this process over a network; nil: it has no network.
	Hosts func(host string) bool
	// Full is told of an order that rules refuse because of so many on its day; nil: nobody.
	Full func(order *cards.Order, person string)
	// Persons are the keys of persons' data.
	Persons func(context.Context) (*keys.Held, error)
	// Inputs are what records are judged with.
	Inputs func(context.Context) (*Inputs, error)
	// Kafka connects to Kafka, until release is called.
	Kafka func(context.Context) (client *kgo.Client, release func(), err error)
}

// Acts are the acts as the API asks for them.
func (p *Program) Acts() peopleapi.Program {
	closing := make(chan struct{}, 1) // one after the other: another would do the same once more
	return peopleapi.Program{
		InEarnest: p.InEarnest,
		SealKey: func() (ed25519.PrivateKey, error) {
			key, err := ReadSealKey(p.Dir)
			return key, explained(err)
		},
		PermitKey: func() (ed25519.PrivateKey, error) {
			signer, err := ReadPublishKey(p.Dir)
			if err != nil {
				return nil, err
			}
			return signer.Key, nil
		},
		Judge: func(ctx context.Context, dry bool, each func(peopleapi.Judged)) error {
			return explained(p.judge(ctx, p.books(dry), each))
		},
		Seal: func(ctx context.Context, day ledger.Day, dry bool) (peopleapi.Sealed, error) {
			sealed, err := p.seal(ctx, p.books(dry), day)
			return sealed, explained(err)
		},
		Close: func(ctx, attended context.Context, what peopleapi.Closing, waits func(peopleapi.Waiting)) (peopleapi.Closed, error) {
			c, err := p.closing(attended, p.Ledger, what)
			if err != nil {
				return peopleapi.Closed{}, explained(err)
			}
			defer c.release()
			if err := c.await(attended, waits); err != nil {
				return peopleapi.Closed{}, explained(err)
			}
			select {
			case closing <- struct{}{}:
				defer func() { <-closing }()
			case <-attended.Done():
				return peopleapi.Closed{}, attended.Err()
			}
			closed, err := c.close(ctx)
			return closed, explained(err)
		},
		Preview: func(ctx context.Context, what peopleapi.Closing) (peopleapi.Preview, error) {
			c, err := p.closing(ctx, p.books(true), what)
			if err != nil {
				return peopleapi.Preview{}, explained(err)
			}
			defer c.release()
			preview, err := c.preview(ctx)
			return preview, explained(err)
		},
		Standing: p.standing,
	}
}

// books are the books, or such as roll everything back.
func (p *Program) books(dry bool) *ledger.Ledger {
	if !dry {
		return p.Ledger
	}
	return ledger.New(p.Ledger.Pool(), p.Ledger.Dialect(), ledger.WithRehearsal(), ledger.WithLog(p.Log))
}

// explained says to the API what kind of problem an error is, and what to do about it.
func explained(err error) error {
	for _, known := range []error{context.Canceled, ledger.ErrOutcomeUnknown, ledger.ErrUnavailable, ledger.ErrBusy} {
		if err == nil || errors.Is(err, known) {
			return err
		}
	}
	e := &peopleapi.Explained{Kind: peopleapi.Failed, What: err}
	switch service.ExitCode(err) {
	case service.ExitUsage:
		e.Kind = peopleapi.Invalid
	case service.ExitUnreachable:
		e.Kind = peopleapi.Unavailable
	case service.ExitNoBooks:
		e.Kind = peopleapi.NoBooks
	case service.ExitRefused:
		e.Kind = peopleapi.Refused
	}
	if f, ok := err.(*service.Failure); ok { // one inside another error is said whole
		e.Todo, e.What = f.Parts()
	}
	return e
}

// ofBooks does the same for an error of books that cannot be worked with, and leaves others alone.
func ofBooks(err error) error {
	if service.ExitCode(err) == service.ExitNoBooks {
		return explained(err)
	}
	return err
}

// judge judges the records of which two people have decided it, and passes on each outcome.
func (p *Program) judge(ctx context.Context, l *ledger.Ledger, each func(peopleapi.Judged)) error {
	in, err := p.Inputs(ctx)
	if err != nil {
		return err
	}
	zone, err := Zone(ctx, l)
	if err != nil {
		return err
	}
	topics, err := Rules(ctx, &books.Books{Ledger: l}, in, zone)
	if err != nil {
		return err
	}
	open, err := toJudge(ctx, l)
	if err != nil {
		return err
	}
	again := &intake.Again{Ledger: l, Rules: topics, Owner: OwnerName()}
	for _, r := range open {
		judged, stays, err := again.Judge(ctx, r)
		if err != nil && !stays {
			return err
		}
		outcome := peopleapi.Judged{Record: r.Name(), Verdict: judged, Stays: stays, Of: len(open)}
		if stays {
			outcome.Why = peopleapi.SaidOf(err)
		}
		each(outcome)
	}
	return nil
}

// toJudge reads the records that two people want judged. Lists of pensions come before the bank's
// answers to them, because of the order of the topics' names.
func toJudge(ctx context.Context, l *ledger.Ledger) (open []*quarantine.Record, err error) {
	decisions, err := quarantine.Decisions(ctx, l)
	if err != nil {
		return nil, err
	}
	const first, last ledger.Day = 19000101, 29991231
	err = quarantine.List(ctx, l, first, last, func(r *quarantine.Record) error {
		if r.Judged == "" && decisions[r.Decided()] != 0 {
			open = append(open, r)
		}
		return nil
	})
	slices.SortStableFunc(open, func(a, b *quarantine.Record) int {
		if a.Day != b.Day {
			return int(a.Day) - int(b.Day)
		}
		return strings.Compare(a.Stream, b.Stream)
	})
	return open, err
}

func (p *Program) seal(ctx context.Context, l *ledger.Ledger, day ledger.Day) (peopleapi.Sealed, error) {
	days, err := l.Days(ctx)
	if err == nil {
		err = OneOf(days, day)
	}
	if err != nil {
		return peopleapi.Sealed{}, err
	}
	closer, err := NewCloser(ctx, l, p.Dir)
	if err != nil {
		return peopleapi.Sealed{}, err
	}
	seal, err := closer.SealWith(ctx, p.Dir, day)
	if err != nil {
		return peopleapi.Sealed{}, err
	}
	return peopleapi.Sealed{Day: day, Streams: int(seal.Streams), Root: hex.EncodeToString(seal.Root[:]), Signer: hex.EncodeToString(seal.Signer)}, nil
}

// OneOf refuses a day that is not in the list and names the days in it; 0 passes.
func OneOf(days []ledger.DayStatus, day ledger.Day) error {
	if day == 0 || slices.ContainsFunc(days, func(d ledger.DayStatus) bool { return d.Day == day }) {
		return nil
	}
	there := language.Textf("there are none")
	if n := len(days); n > 0 {
		there = language.Textf("there are %s to %s, citycard day status lists them", days[0].Day, days[n-1].Day)
	}
	return service.Fail("the books have no day %s", day.String()).Todo("%w", there)
}

// program is that of a serving process.
func (c *Server) program(dir string, log *slog.Logger) *Program {
	return &Program{
		Ledger: c.Books.Ledger, Dir: dir, Log: log, InEarnest: !c.demo,
		Persons: func(context.Context) (*keys.Held, error) { return c.tacs.Held(), nil },
		Inputs:  func(context.Context) (*Inputs, error) { return c.Inputs, nil },
		Kafka:   func(context.Context) (*kgo.Client, func(), error) { return c.Admin, func() {}, nil },
	}
}

// Alone is the program of a command that serves the books to itself: with keys and Kafka of its own
// settings.
func (s *Settings) Alone(l *ledger.Ledger, log *slog.Logger) *Program {
	return &Program{
		Ledger: l, Dir: s.Data, Log: log,
		Persons: func(ctx context.Context) (*keys.Held, error) {
			return s.Held(ctx, s.Data, slog.New(slog.DiscardHandler))
		},
		Inputs: func(ctx context.Context) (*Inputs, error) {
			in := &Inputs{}
			if err := in.openKeys(ctx, s, s.Data, log); err != nil {
				return nil, err
			}
			edition, err := registry.NewStore(l.Pool()).Load(ctx)
			if err != nil {
				return nil, err
			}
			set, err := InForce(ctx, l)
			if err != nil {
				return nil, err
			}
			in.Registry, in.Rules = registry.New(edition), rules.NewShelf(set)
			return in, nil
		},
		Kafka: func(ctx context.Context) (*kgo.Client, func(), error) {
			if s.Kafka == "" {
				return nil, nil, service.Unreachable("nothing serves %s", s.Data).Todo("start citycard serve, or give --kafka")
			}
			options, err := s.Access.Options(s.Kafka)
			if err != nil {
				return nil, nil, service.Exit(service.ExitUsage, err)
			}
			client, err := broker.Connect(ctx, s.Kafka, 10*time.Second, log, options...)
			if err != nil {
				return nil, nil, service.Unreachable("cannot reach Kafka").Todo("start the broker or correct --kafka").Because(err)
			}
			return client, client.Close, nil
		},
	}
}
