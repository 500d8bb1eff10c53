package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/registry"
	"citycard/cmd/observe"
	"citycard/cmd/service"
)

// registryPoll is how often a process looks for a newer registry.
const registryPoll = 2 * time.Second

// readFounding reads the registry's files where there is no database yet, so that
// a mistake in them shows before anything is started.
func (in *inputs) readFounding(s *settings, dir string) error {
	if s.database != "" {
		return nil
	}
	if _, err := os.Stat(observe.PrivateDir(dir)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return in.readDraft(s.registryPath(dir))
}

func (in *inputs) readDraft(dir string) (err error) {
	if in.founding, err = registry.Read(dir, nil); err != nil {
		return service.Fail("the registry in "+dir+" cannot be used / 登记表有误", "correct the files named; \"cardsim issue\" makes one to try", err)
	}
	return nil
}

// openRegistry loads the registry, which the files found in an empty database,
// opens the accounts that it calls for, and follows it from then on.
func (c *center) openRegistry(ctx context.Context, s *settings, dir string, stack *service.Stack, log *slog.Logger) error {
	store := registry.NewStore(c.books.Pool())
	edition, err := store.Load(ctx)
	if errors.Is(err, registry.ErrEmpty) {
		edition, err = c.foundRegistry(ctx, store, s.registryPath(dir), log)
	}
	if err != nil {
		return err
	}
	c.registry, c.founding = registry.New(edition), nil
	if err := c.adopt(ctx, edition); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.registry.Follow(running, store, registryPoll, c.adopt, log)
	}()
	stack.Push("registry", func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
	return nil
}

// foundRegistry makes the files the founding change. Of two processes that do so
// at once one is first, and the other takes what it founded.
func (c *center) foundRegistry(ctx context.Context, store *registry.Store, dir string, log *slog.Logger) (*registry.Edition, error) {
	if c.founding == nil {
		if err := c.readDraft(dir); err != nil {
			return nil, err
		}
	}
	err := store.Found(ctx, c.founding, registry.Act{Person: c.owner, At: time.Now()})
	if errors.Is(err, registry.ErrFounded) {
		return store.Load(ctx)
	}
	if err != nil {
		return nil, err
	}
	log.Info("registry founded", "directory", dir, "rows", c.founding.Rows())
	return c.founding.Edition(), nil
}

// adopt opens the accounts that rows of the registry call for, and books what they
// bring along: in a stream of the edition's, whose list is always the same.
func (c *center) adopt(ctx context.Context, rows *registry.Edition) error {
	if err := c.books.OpenAccounts(ctx, chart.Accounts(rows)); err != nil {
		return fmt.Errorf("open the chart of accounts: %w", err)
	}
	openings := chart.Openings(rows)
	if len(openings) == 0 {
		return nil
	}
	return c.postList(ctx, "openings/"+rows.Version(), c.owner, openings)
}
