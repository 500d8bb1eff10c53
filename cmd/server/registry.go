package server

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/load"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// registryPoll is how often a process looks for a newer registry.
const registryPoll = 2 * time.Second

// readFounding reads the registry's files if there is no database yet, so that a mistake in them is
// found before anything starts.
func (in *Inputs) readFounding(s *Settings, dir string) error {
	if s.Database != "" {
		return nil
	}
	if _, err := os.Stat(books.PrivateDir(dir)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return in.readDraft(s.registryPath(dir), in.first.Loads)
}

// ReadChange reads a change from files and, before the change is proposed, tries to close a day
// with it, so that the change cannot block a later close.
func ReadChange(dir string, base *index.Edition, purses *load.Rules) (*registry.Draft, error) {
	draft, err := boundsOf(purses).Read(dir, base)
	return closing(draft, err)
}

// boundsOf are the bounds of purses that were taken over, and of what terminals are told. What was
// over a day ago is over in each zone.
func boundsOf(purses *load.Rules) registry.Bounds {
	return registry.Bounds{
		PurseFen: func(day ledger.Day) ledger.Fen {
			return max(purses.PurseMaximum(rulefile.StartOf(day)), purses.PurseMaximum(rulefile.EndOf(day)))
		},
		At: index.MomentAt(time.Now().AddDate(0, 0, -1)),
	}
}

// registryKind is the kind of proposal that changes the registry, by the rules in force now.
func registryKind(l *ledger.Ledger) proposal.Kind {
	return registry.ChangeKind(l, func(ctx context.Context, files registry.Files) (*registry.Draft, error) {
		base, err := registry.NewStore(l.Pool()).Load(ctx)
		if err != nil && !errors.Is(err, registry.ErrEmpty) {
			return nil, err
		}
		set, err := InForce(ctx, l)
		if err != nil {
			return nil, err
		}
		draft, err := boundsOf(set.Loads).ReadFiles(files, base)
		return closing(draft, err)
	})
}

func closing(draft *registry.Draft, err error) (*registry.Draft, error) {
	if err != nil {
		return nil, err
	}
	if err := dayclose.Rehearse(draft.Edition()); err != nil {
		return nil, language.Textf("no day could be closed with it: %w", err)
	}
	return draft, nil
}

func (in *Inputs) readDraft(dir string, purses *load.Rules) (err error) {
	if in.founding, err = ReadChange(dir, nil, purses); err != nil {
		return BadFiles(service.Fail("the registry in %s cannot be used", dir).Todo(`correct the files named; "cardsim issue" makes one to try`), err)
	}
	return nil
}

// Founds is the step of the start that reads or founds the registry.
func (in *Inputs) Founds() books.Running {
	if in.founding == nil {
		return books.Running{Doing: "loading the registry, or founding it", Long: true}
	}
	return books.Running{Doing: "founding the registry", Long: true}
}

// BadFiles adds what is wrong with the files of a registry, each fault in a line of its own.
func BadFiles(f *service.Failure, err error) error {
	if many := (*registry.ImportError)(nil); errors.As(err, &many) {
		return f.BecauseOf(many.Count(), many.Lines())
	}
	return f.Because(err)
}

// openRegistry loads the registry and opens the accounts that it needs; from then on it follows the
// registry's changes. In an empty database the registry is founded from the files.
func (c *Server) openRegistry(ctx context.Context, s *Settings, dir string, stack *service.Stack, log *slog.Logger) error {
	store := registry.NewStore(c.Books.Pool())
	edition, err := store.Load(ctx)
	if errors.Is(err, registry.ErrEmpty) {
		edition, err = c.foundRegistry(ctx, store, s.registryPath(dir), log)
	}
	if err != nil {
		return err
	}
	c.Registry, c.founding = registry.New(edition), nil
	adopt := c.adopt(log)
	if err := adopt(ctx, edition); err != nil {
		return err
	}
	stack.Go(ctx, "registry", func(ctx context.Context) { c.Registry.Follow(ctx, store, registryPoll, adopt, log) })
	return nil
}

// foundRegistry makes the files the founding change. If two processes do so at once, one is first
// and the other uses its result.
func (c *Server) foundRegistry(ctx context.Context, store *registry.Store, dir string, log *slog.Logger) (*index.Edition, error) {
	if c.founding == nil {
		if err := c.readDraft(dir, c.Rules.Current().Loads); err != nil {
			return nil, err
		}
	}
	err := store.Found(ctx, c.founding, ledger.Approval{First: c.Owner, At: time.Now()})
	if errors.Is(err, registry.ErrFounded) {
		return store.Load(ctx)
	}
	if err != nil {
		return nil, err
	}
	log.Info("registry founded", "directory", dir, "rows", c.founding.Rows())
	return c.founding.Edition(), nil
}

// adopt opens the accounts that rows of the registry need, and books the opening balances of these
// rows. A balance that cannot be booked is reported at every start until a change corrects it.
func (c *Server) adopt(log *slog.Logger) func(context.Context, *index.Edition) error {
	return func(ctx context.Context, rows *index.Edition) error {
		return chart.Adopt(ctx, c.Books.Ledger, c.Owner, rows, func(opening ledger.Transfer, err error) {
			log.Error("an opening balance of the registry is not booked: correct its row by a change, or its account, and start again",
				"registry", rows.Version(), "of", openingOf(opening), "fen", int64(opening.Amount), "day", opening.Day, "error", err)
		})
	}
}

// openingOf names a purse by the end of its number, a person by the token.
func openingOf(opening ledger.Transfer) string {
	number := hex.EncodeToString([]byte(opening.Subject))
	if opening.Credit == ledger.IDOfCode(chart.Float) {
		return "purse " + tunion.Masked(number)
	}
	return "person " + number
}
