package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/simulators/pcscd"
	"citycard/simulators/plan"
)

// order is one card to be personalised, as cardsim writes it and cardterm reads it. Only these two
// know its content beyond the kind.
type order struct {
	Kind   string `json:"kind"`
	line   []byte
	number int
}

// issued is cardterm's answer to an order.
type issued struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

// slotsPerReader is how many slots a virtual reader has.
const slotsPerReader = 2

// issuePCSC personalises the first cards through the real PC/SC stack: cardsim
// puts blank cards into the virtual readers, cardterm writes them through pcscd.
// The images are left in dir, one file a card. The readers stay for the rides.
func (d *demo) issuePCSC(ctx context.Context, dir string) (err error) {
	d.daemon, err = pcscd.Ensure(ctx, d.log, plan.MetroSlots/slotsPerReader)
	if err != nil {
		return service.Fail("no PC/SC service").Todo("install it (%s), or leave the leg out with --no-pcsc", pcscd.Install).Because(err)
	}
	d.stack.Push("pcscd", func(context.Context) error { return d.daemon.Close() })
	return d.issueThroughReaders(ctx, d.daemon, dir)
}

// readerTaps is how many taps are made at the readers: with few slots fewer, so that the day does
// not wait for them.
func (d *demo) readerTaps() int { return d.taps * len(d.daemon.Slots) / plan.MetroSlots }

func (d *demo) issueThroughReaders(ctx context.Context, daemon *pcscd.Daemon, dir string) error {
	if err := durable.MkdirAll(dir); err != nil {
		return err
	}
	orders, err := d.orders(ctx)
	if err != nil {
		return err
	}
	phase := d.progress.Phase("issue through PC/SC", int64(len(orders)))
	group, inner := errgroup.WithContext(ctx)
	for slot := range daemon.Slots {
		group.Go(func() error {
			desk := &readerDesk{demo: d, daemon: daemon, slot: slot, dir: dir}
			return desk.issue(inner, orders, func() { phase.Add(1) })
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	phase.Done()
	d.report.PCSCCards = len(orders)
	return nil
}

// orders asks cardsim for the orders of the city's first cards.
func (d *demo) orders(ctx context.Context) ([]order, error) {
	var orders []order
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardsim", Name: "cardsim orders", Log: d.log,
		Args: []string{
			"orders", "--seed", d.seedText(), "--cards", strconv.Itoa(d.cards), "--count", strconv.Itoa(d.pcsc),
			"--day", d.day.String(), "--zone", d.Zone.String(), "--language", d.childLanguage(),
		},
		Line: func(line []byte) error {
			o := order{number: len(orders), line: append([]byte(nil), line...)}
			if err := json.Unmarshal(line, &o); err != nil {
				return language.Textf("order %d: %w", o.number, err)
			}
			orders = append(orders, o)
			return nil
		},
	})
	if err != nil {
		return nil, service.Fail("cannot start cardsim").Todo("build all three programs: make build").Because(err)
	}
	if err := child.Wait(); err != nil {
		return nil, err
	}
	if len(orders) != d.pcsc {
		return nil, language.Textf("cardsim gave %d orders, want %d", len(orders), d.pcsc)
	}
	return orders, nil
}

// readerDesk is one virtual reader with the program on each of its two sides.
type readerDesk struct {
	*demo
	daemon *pcscd.Daemon
	slot   int
	dir    string
}

// issue carries out the orders of this reader; the readers share the orders in turn.
func (r *readerDesk) issue(ctx context.Context, orders []order, counted func()) (err error) {
	reader, readerSays, err := r.talk(ctx, "cardsim", "card", "--vpcd", r.daemon.Slots[r.slot], "--commands")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, reader.Stop(context.WithoutCancel(ctx)))
		}
	}()
	counter, counterSays, err := r.talk(ctx, "cardterm", "issue", "--reader", pcscd.Name(r.slot), "--demo",
		"--keys", r.KeyPath(r.demo.dir.Path), "--data", r.demo.dir.Join(fmt.Sprintf("counter-%d", r.slot)))
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, counter.Stop(context.WithoutCancel(ctx)))
		}
	}()

	torn := false
	for _, o := range orders {
		if o.number%len(r.daemon.Slots) != r.slot {
			continue
		}
		for blank := 1; ; blank++ {
			spoilt, err := r.make(ctx, reader, readerSays, counter, counterSays, o)
			if err != nil {
				return err
			}
			if spoilt == "" {
				break
			}
			if blank == blankTries {
				return language.Textf("order %d through reader %d: %s", o.number, r.slot, spoilt)
			}
			torn = true
			r.log.Warn("a blank card is spoilt; another one is taken", "order", o.number, "reader", r.slot, "because", spoilt)
		}
		counted()
	}
	err = errors.Join(counter.CloseStdin(), reader.CloseStdin())
	// A counter's exit code says too that an order has failed, for which another blank was taken.
	if ended := counter.Wait(); !torn {
		err = errors.Join(err, ended)
	}
	return errors.Join(err, reader.Wait())
}

// make carries out an order with a blank card, and says why the card is spoilt if it is.
func (r *readerDesk) make(ctx context.Context, reader *service.Child, readerSays <-chan string, counter *service.Child, counterSays <-chan string, o order) (spoilt string, err error) {
	image := filepath.Join(r.dir, fmt.Sprintf("%d.img", o.number))
	put := fmt.Sprintf("insert %s %s %d", o.Kind, image, r.seed+uint64(o.number))
	if _, err := exchange(ctx, reader, readerSays, []byte(put)); err != nil {
		return "", err
	}
	answer, err := exchange(ctx, counter, counterSays, o.line)
	for n := 1; errors.Is(err, errNoAnswer) && n < holdTries; n++ {
		if answer, err = r.holdAgain(ctx, reader, readerSays, counter, counterSays); err != nil && !errors.Is(err, errNoAnswer) {
			return "", err
		}
	}
	if err != nil {
		return "", err
	}
	var result issued
	if err := json.Unmarshal([]byte(answer), &result); err != nil {
		return "", language.Textf("order %d through reader %d: %s", o.number, r.slot, answer)
	}
	_, err = exchange(ctx, reader, readerSays, []byte("remove"))
	if result.OK || ctx.Err() != nil {
		return "", err
	}
	spoilt = firstNonEmpty(result.Error, answer)
	if err != nil { // it had left the reader by itself
		spoilt += "; " + err.Error()
	}
	return spoilt, os.Remove(image)
}

func firstNonEmpty(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// talk starts a program that answers each line with a line.
func (r *readerDesk) talk(ctx context.Context, program string, args ...string) (*service.Child, <-chan string, error) {
	says := make(chan string, 16)
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: program, Name: fmt.Sprintf("%s, reader %d", program, r.slot), Args: append(args, "--language", r.childLanguage()),
		Env: r.daemon.Environment(), Log: r.log,
		Line: func(line []byte) error {
			select {
			case says <- string(line):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
	if err != nil {
		return nil, nil, service.Fail("cannot start %s", program).Todo("build all three programs: make build").Because(err)
	}
	return child, says, nil
}

// answerLimit is how long a reader may take for one card.
const answerLimit = 10 * time.Second

// holdTries is how often a card is held to a reader that does not answer.
const holdTries = 3

// blankTries is how many blanks an order may take: a reader's fault in the middle spoils one.
const blankTries = 3

// errNoAnswer: the other side says nothing.
var errNoAnswer = language.Textf("no answer within %s", answerLimit)

// holdAgain takes the card out and holds it to the reader again. pcscd, which asks a virtual reader
// a few times a second, does not see that a card is another one if it comes at once.
func (r *readerDesk) holdAgain(ctx context.Context, reader *service.Child, readerSays <-chan string, counter *service.Child, counterSays <-chan string) (string, error) {
	if _, err := exchange(ctx, reader, readerSays, []byte("remove")); err != nil {
		return "", err
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Second):
	}
	if _, err := exchange(ctx, reader, readerSays, []byte("back")); err != nil {
		return "", err
	}
	return await(ctx, counter, counterSays)
}

// exchange sends a line and waits for the answer.
func exchange(ctx context.Context, child *service.Child, says <-chan string, line []byte) (string, error) {
	if err := child.Send(line); err != nil {
		return "", err
	}
	return await(ctx, child, says)
}

// await waits for an answer.
func await(ctx context.Context, child *service.Child, says <-chan string) (string, error) {
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	select {
	case answer := <-says:
		if strings.HasPrefix(answer, "error") {
			return "", errors.New(answer)
		}
		return answer, nil
	case <-child.Done():
		return "", errors.Join(language.Textf("ended before it answered"), child.Wait())
	case <-limit.C:
		return "", errNoAnswer
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
