package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/simulators/city"
	"citycard/simulators/network"
)

// issuing is the command `cardsim issue`.
type issuing struct {
	settings
	images string
	crowd  crowding
}

func issueCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim issue", flag.ContinueOnError)
	var c issuing
	c.register(flags)
	c.crowd.register(flags)
	flags.StringVar(&c.images, "images", "", "`DIR` of cards that went through a real reader already / 已个人化卡片目录")
	return &ffcli.Command{
		Name:       "issue",
		ShortUsage: "cardsim issue --keys FILE [flags]",
		ShortHelp:  "personalise the cards of a city in memory and write its registry / 发卡",
		LongHelp:   "With --direct, or above " + strconv.Itoa(directFrom) + " cards, only the registry is written: no chips are made, and no --keys are needed.",
		FlagSet:    flags,
		Exec:       c.exec,
	}
}

func (c *issuing) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if c.crowd.direct(c.cards) {
		return c.issueDirect()
	}
	store, err := c.store()
	if err != nil {
		return err
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
	state, already, err := c.issued(day)
	if err != nil {
		return err
	}
	if already {
		return service.Refuse(c.Data+" holds issued cards / 目录中已有发出的卡", "give another directory with --data", nil)
	}
	return issueCity(ctx, c.Data, c.images, state, store, newProgress(os.Stdout, time.Now))
}

// issueDirect writes the registry of a city of millions.
func (c *issuing) issueDirect() (err error) {
	if c.images != "" {
		return service.Exit(service.ExitUsage, errors.New("--images: not with --direct, which makes no cards / 直接生成时没有卡片"))
	}
	dir, err := c.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	day, err := c.midnight(time.Now())
	if err != nil {
		return err
	}
	already, err := c.crowd.issueCrowd(&c.settings, day, newProgress(os.Stdout, time.Now))
	if already {
		return service.Refuse(c.Data+" holds issued cards / 目录中已有发出的卡", "give another directory with --data", nil)
	}
	return err
}

// issueCity issues the cards and writes the registry.
func issueCity(ctx context.Context, dir, images string, state city.State, store *keys.Store, p *progress) error {
	n, err := network.Zhengzhou()
	if err != nil {
		return err
	}
	people, err := state.Population()
	if err != nil {
		return service.Fail("no such city / 没有这样的城市", "correct --cards", err)
	}
	if err := people.WriteRegistry(filepath.Join(dir, "registry"), n, store); err != nil {
		return service.Fail("registry not written / 登记文件未写入", "check the disk", err)
	}
	err = city.Issue(ctx, city.IssueOptions{Dir: dir, State: state, Population: people, Keys: store, Images: images, Progress: p.report})
	if err != nil {
		return err
	}
	return p.Err()
}
