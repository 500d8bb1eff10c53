package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/chip"
	"citycard/cmd/service"
	"citycard/simulators/city"
	"citycard/simulators/vcard"
)

// virtualCard is the command `cardsim card`.
type virtualCard struct {
	service.Common
	profile  string
	image    string
	seed     uint64
	vpcd     string
	describe bool
	commands bool
}

func cardCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim card", flag.ContinueOnError)
	var c virtualCard
	c.Register(flags)
	flags.StringVar(&c.profile, "profile", "transit", "`KIND` of a new card: transit, ssc / 新卡类型")
	flags.StringVar(&c.image, "image", "", "`FILE` that holds the card; made at the end where it is missing / 卡映像文件")
	flags.Uint64Var(&c.seed, "seed", 1, "`NUMBER` that a new card's chip follows from / 随机种子")
	flags.StringVar(&c.vpcd, "vpcd", vcard.FirstSlot, "`HOST:PORT` of the virtual reader's slot / 虚拟读卡器地址")
	flags.BoolVar(&c.describe, "describe", false, "print what is on the card and end / 打印卡内容")
	flags.BoolVar(&c.commands, "commands", false, "take `insert PROFILE IMAGE SEED`, `remove`, `quit` from standard input / 由标准输入控制")
	return &ffcli.Command{
		Name:       "card",
		ShortUsage: "cardsim card [flags]",
		ShortHelp:  "put a virtual card into a vpcd reader / 将虚拟卡插入虚拟读卡器",
		LongHelp: "Without --commands the card stays in the reader until the program is stopped, and is then\n" +
			"saved to --image. With --commands each line of standard input is answered by one line on\n" +
			"standard output, `ok` or `error: TEXT`; the end of input takes the card out.",
		FlagSet: flags,
		Exec:    c.exec,
	}
}

func (c *virtualCard) exec(ctx context.Context, args []string) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if c.commands {
		return c.obey(ctx, os.Stdin, os.Stdout)
	}
	card, err := takeCard(c.profile, c.image, c.seed)
	if err != nil {
		return err
	}
	if c.describe {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(card.Describe())
	}
	s := slot{slot: vcard.NewSlot(c.vpcd)}
	if err := s.insert(ctx, card, c.image); err != nil {
		return noReader(c.vpcd, err)
	}
	c.Logger().Info("card is in the reader", "vpcd", c.vpcd, "profile", card.Profile().String())
	select {
	case <-ctx.Done():
	case <-s.slot.Done():
	}
	if err := s.remove(); err != nil {
		return service.Fail("the card left the reader", "is pcscd still running?", err)
	}
	return nil
}

// takeCard opens the image, or makes a blank card where there is none.
func takeCard(profile, image string, seed uint64) (*chip.Chip, error) {
	if image != "" {
		card, err := city.OpenChip(image)
		if err == nil {
			return card, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, service.Fail("card image not usable", "give another file with --image", err)
		}
	}
	switch profile {
	case chip.Transit.String():
		return chip.NewTransit(seed), nil
	case chip.SocialSecurity.String():
		return chip.NewSocialSecurity(seed), nil
	}
	return nil, service.Fail(fmt.Sprintf("no card of profile %q", profile), "give --profile transit or ssc", nil)
}

func noReader(address string, err error) error {
	if errors.Is(err, vcard.ErrNoReader) {
		return service.Fail("no virtual reader at "+address, "start pcscd with vsmartcard-vpcd, or correct --vpcd", err)
	}
	return err
}

// slot is a reader's slot and the card in it.
type slot struct {
	slot  *vcard.Slot
	card  *chip.Chip
	image string
}

func (s *slot) insert(ctx context.Context, card *chip.Chip, image string) error {
	if err := s.slot.Insert(ctx, card); err != nil {
		return err
	}
	s.card, s.image = card, image
	return nil
}

// remove takes the card out and saves it.
func (s *slot) remove() error {
	if s.card == nil {
		return vcard.ErrEmpty
	}
	card, image := s.card, s.image
	s.card = nil
	err := s.slot.Remove()
	card.PowerOff()
	if image == "" {
		return err
	}
	return errors.Join(err, city.SaveChip(image, card))
}

// obey follows the commands of its input until quit or the end of input.
func (c *virtualCard) obey(ctx context.Context, in io.Reader, out io.Writer) error {
	s := &slot{slot: vcard.NewSlot(c.vpcd)}
	lines := make(chan string)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
		failed <- scanner.Err()
	}()
	for {
		select {
		case <-ctx.Done():
			return s.leave(nil)
		case line, open := <-lines:
			if !open {
				return s.leave(<-failed)
			}
			again, err := s.command(ctx, line)
			answer := "ok"
			if err != nil {
				answer = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
			}
			if _, err := fmt.Fprintln(out, answer); err != nil {
				return s.leave(err)
			}
			if !again {
				return s.leave(nil)
			}
		}
	}
}

// leave takes out what is still in the reader.
func (s *slot) leave(err error) error {
	if s.card == nil {
		return err
	}
	return errors.Join(err, s.remove())
}

// command does what one line says; again is false after quit.
func (s *slot) command(ctx context.Context, line string) (again bool, err error) {
	words := strings.Fields(line)
	switch {
	case len(words) == 4 && words[0] == "insert":
		seed, err := strconv.ParseUint(words[3], 10, 64)
		if err != nil {
			return true, fmt.Errorf("seed %q is no number", words[3])
		}
		card, err := takeCard(words[1], words[2], seed)
		if err != nil {
			return true, err
		}
		return true, s.insert(ctx, card, words[2])
	case len(words) == 1 && words[0] == "remove":
		return true, s.remove()
	case len(words) == 1 && words[0] == "quit":
		return false, s.leave(nil)
	}
	return true, fmt.Errorf("%q: want insert PROFILE IMAGE SEED, remove or quit", line)
}
