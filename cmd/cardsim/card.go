package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/simulators/vcard"
)

// virtualCard is the command `cardsim card`.
type virtualCard struct {
	service.Common
	recipe
	profiles list
	images   list
	seed     uint64
	slots    list
	describe bool
	commands bool
}

// list is a flag that may be given several times, or once with commas.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, strings.Split(value, ",")...)
	return nil
}

// at is the i-th value, the last one if there are fewer, or the default if there is none.
func (l list) at(i int, otherwise string) string {
	if len(l) == 0 {
		return otherwise
	}
	return l[min(i, len(l)-1)]
}

const cardHelp = `Profiles of cards that look lived with: tunion, city-union, ssc-v1, ssc-v2, ssc-v3, dual, psam.
city-union is a tunion card that also has an application of the older city union, with a number of
its own: programs that know both show that one first. All have the same test keys, so that the psam
serves the others, and the PIN 123456. Blank cards as they come from the maker: transit, ssc,
blank-ssc-v1, blank-dual.

Images lie in --data where that is given; the directory is then the program's own. An image that
exists is used whatever the profile says; one that does not is made when the card is put in. It is
written again with each change, before the card answers: no killed program takes back what a card
has answered. Several slots: give --vpcd once for each, with --profile and --image in the same order.

Without --commands the cards stay in their readers until the program is stopped. With --commands
each line of standard input is answered by one line on standard output, "ok" or "error: TEXT"; the
end of input takes the cards out. A number before a command names the slot, 1 where there is none:

  [N] insert PROFILE IMAGE SEED   a card into the reader; - for no image
  [N] remove                      out again, and saved
  [N] back                        the card that was there last, in again
  [N] swap PROFILE IMAGE SEED     remove and insert
  [N] tear before|after           the next command that changes the card loses power, before or
                                  after the change, and the card is out; then remove, back
  [N] describe                    what is on the card, as one line of JSON
  quit`

func cardCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim card", flag.ContinueOnError)
	var c virtualCard
	c.Register(flags)
	flags.Var(&c.profiles, "profile", "`KIND` of a new card, see above; tunion where not given")
	flags.Var(&c.images, "image", "`FILE` that holds the card, written with each change; made where it is missing")
	flags.Uint64Var(&c.seed, "seed", 1, "`NUMBER` that a new card follows from")
	flags.StringVar(&c.date, "date", "20261120", "`YYYYMMDD` on which a new card is looked at: its last journey is of that day")
	flags.StringVar(&c.side, "interface", "", "`SIDE` of a dual card: contactless, contact")
	flags.BoolVar(&c.macFirst, "prove-mac-first", false, "GET TRANSACTION PROVE gives MAC2 before TAC")
	flags.Var(&c.slots, "vpcd", "`HOST:PORT` of the virtual reader's slot, "+vcard.FirstSlot+" where not given")
	flags.BoolVar(&c.describe, "describe", false, "print what is on the card as JSON and end; needs no reader")
	flags.BoolVar(&c.commands, "commands", false, "take commands from standard input")
	return &ffcli.Command{
		Name:       "card",
		ShortUsage: "cardsim card [flags]",
		ShortHelp:  "put virtual cards into vpcd readers",
		LongHelp:   cardHelp,
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			return c.run(ctx, os.Stdin, os.Stdout)
		},
	}
}

func (c *virtualCard) run(ctx context.Context, in io.Reader, out io.Writer) (failed error) {
	if err := c.check(); err != nil {
		return err
	}
	if c.Data != "" {
		dir, err := service.OpenClosedDir(c.Data, dataPurpose)
		if err != nil {
			return err
		}
		defer func() { failed = errors.Join(failed, dir.Close()) }()
		c.dir = dir.Path
	}
	if c.describe {
		image, err := c.place(c.images.at(0, ""))
		if err != nil {
			return err
		}
		card, _, err := c.take(ctx, c.profiles.at(0, defaultProfile), image, c.seed)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(card.Describe())
	}
	if len(c.slots) == 0 {
		c.slots = list{vcard.FirstSlot}
	}
	r := newRack(c.recipe, c.slots)
	if c.commands {
		return r.obey(ctx, in, out)
	}
	return c.stay(ctx, r, c.Logger())
}

// stay puts a card into every slot until the program is stopped or all are out.
func (c *virtualCard) stay(ctx context.Context, r *rack, log *slog.Logger) error {
	for i, s := range r.slots {
		// A new card for each slot: neighbours differ by their seed.
		err := s.insert(ctx, r.recipe, c.profiles.at(i, defaultProfile), c.imageOf(i), c.seed+uint64(i))
		if err != nil {
			return r.leave(err)
		}
		log.Info("card is in the reader", "vpcd", s.address, "profile", s.card.Profile().String())
	}
	for _, s := range r.slots {
		select {
		case <-ctx.Done():
		case <-s.slot.Done():
			log.Warn("the card left the reader", "vpcd", s.address)
		}
	}
	if err := r.leave(nil); err != nil {
		return service.Fail("the card left the reader").Todo("is pcscd still running?").Because(err)
	}
	return nil
}

// imageOf is the image of a slot; no two slots share one.
func (c *virtualCard) imageOf(i int) string {
	if i >= len(c.images) {
		return ""
	}
	return c.images[i]
}

// check refuses settings with which no card can be made.
func (c *virtualCard) check() error {
	if _, err := time.Parse("20060102", c.date); err != nil {
		return service.Fail("%q is no date", c.date).Todo("give --date YYYYMMDD")
	}
	if c.side != "" && c.side != "contact" && c.side != "contactless" {
		return service.Fail("no interface %q", c.side).Todo("give --interface contactless or contact")
	}
	if len(c.images) > max(len(c.slots), 1) || len(c.profiles) > max(len(c.slots), 1) {
		return service.Fail("more cards than slots").Todo("give --vpcd once for each card")
	}
	return nil
}
