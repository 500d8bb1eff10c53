package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cmd/keyserver"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/simulators/city"
	"citycard/simulators/crowd"
	"citycard/simulators/plan"
	"citycard/terminals/counter"
)

// issuing is the command `cardsim issue`.
type issuing struct {
	settings
	images  string
	order   string
	service keyserver.ClientSettings
}

func issueCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim issue", flag.ContinueOnError)
	var c issuing
	c.register(flags)
	c.registerDirect(flags)
	flags.IntVar(&c.slots, "slots", 0, "`NUMBER` of slots of real readers for lanes, at which the first cards ride and nowhere else; lanes.json in the data directory has the lanes; 0: none")
	flags.StringVar(&c.images, "images", "", "`DIR` of cards that went through a real reader already")
	c.service.Register(flags)
	flags.StringVar(&c.order, "order", "", "`NAME` of the order in the key service's orders file, of samples")
	return &ffcli.Command{
		Name:       "issue",
		ShortUsage: "cardsim issue --keys FILE [flags]",
		ShortHelp:  "personalise the cards of a city in memory and write its registry",
		LongHelp: "With --direct, or above 200000 cards, only the registry is written: no chips are made, and no --keys are needed.\n" +
			"With --key-service the keys of cards come from there; those of the terminals' SAMs are of --keys, and of the same masters.",
		FlagSet: flags,
		Exec:    c.exec,
	}
}

func (c *issuing) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	var store *keys.Store
	switch {
	case !c.direct():
		if store, err = c.store(); err != nil {
			return err
		}
	case c.images != "":
		return service.Exit(service.ExitUsage, language.Textf("--images: not with --direct, which makes no cards"))
	}
	day, err := c.midnight(time.Now())
	if err != nil {
		return err
	}
	dir, err := c.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	var maker counter.Maker
	if c.service.Given() {
		client, err := c.service.Open()
		if err != nil {
			return err
		}
		defer client.Close()
		maker = counter.Maker{Issuer: client, Order: c.order}
	}
	_, _, already, err := c.issue(ctx, day, c.images, store, maker, newProgress(os.Stdout, time.Now))
	if already {
		return service.Refuse("%s holds issued cards", c.Data).Todo("give another directory with --data")
	}
	return err
}

// issue issues the city that the flags describe and writes its registry; already is true if the
// directory already holds that city.
func (s *settings) issue(ctx context.Context, day time.Time, images string, store *keys.Store, maker counter.Maker, p *progress) (c plan.City, town *plan.Town, already bool, err error) {
	town, files, err := s.town()
	if err != nil {
		return c, nil, false, err
	}
	c, already, err = s.issued(day, town)
	if err != nil || already {
		return c, town, already, err
	}
	if err := c.Check(); err != nil {
		refused := service.Fail("no such city").Todo("correct --cards").Because(err)
		if c.Direct() {
			refused = refused.Todo("correct --cards or --riders")
		}
		return c, nil, false, refused
	}
	if err := files.write(s.Data); err != nil {
		return c, nil, false, service.Fail("registry not written").Todo("check the disk").Because(err)
	}
	if c.Direct() {
		if err := crowd.Issue(s.Data, c, town, p.report); err != nil {
			return c, nil, false, service.Fail("registry not written").Todo("check the disk").Because(err)
		}
		return c, town, false, p.Err()
	}
	people, err := city.NewPopulation(c, town)
	if err != nil {
		return c, nil, false, err
	}
	if err := people.WriteRegistry(filepath.Join(s.Data, "registry"), store); err != nil {
		return c, nil, false, service.Fail("registry not written").Todo("check the disk").Because(err)
	}
	if err := city.Issue(ctx, city.IssueOptions{Dir: s.Data, Population: people, Keys: store, Maker: maker, Images: images, Progress: p.report}); err != nil {
		return c, nil, false, err
	}
	return c, town, false, p.Err()
}
