package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// topUpProgram is `cardterm counter top-up`.
type topUpProgram struct {
	counterProgram
	amount yuanValue
	yes    bool
	dry    bool
}

func counterTopUpCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter top-up", flag.ContinueOnError)
	p := &topUpProgram{counterProgram: newCounterProgram()}
	p.LogLevel = 4 // warnings; what was done is on standard output
	p.registerCounter(flags, 10*time.Second)
	flags.Var(&p.amount, "amount", "`YUAN` that the customer has paid")
	flags.BoolVar(&p.yes, "yes", false, "do not ask")
	flags.BoolVar(&p.dry, "dry-run", false, "show what would be done, and ask for no money")
	return &ffcli.Command{
		Name: "top-up", ShortUsage: "cardterm counter top-up --amount YUAN [flags]", ShortHelp: "put money that was paid on the card in the reader",
		LongHelp: "Shows the card and the amount, asks, and loads that card alone. The order is on the disk before its money is asked\n" +
			"for. If the card is pulled, or the counter stops, cardterm counter resolve finishes the order with the same card.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *topUpProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if p.amount.fen == 0 {
		return service.Exit(service.ExitUsage, service.Fail("how much?").Todo("give --amount YUAN"))
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), true)
	if err != nil {
		return err
	}
	if _, open := t.drawer.Shift(); p.centre.server != "" && open && !p.dry {
		if err := t.signedIn(ctx, stack); err != nil {
			return err
		}
	}
	s, at, err := t.look(ctx, p.wait)
	if err != nil {
		return counterError(err)
	}
	if err := t.loadable(&s, at); err != nil {
		return err
	}
	offer := loaded{Card: s.Number(), Fen: p.amount.fen, Balance: s.Transit.BalanceFen + int32(p.amount.fen)}
	if p.dry {
		return p.say(os.Stdout, &offer)
	}
	if !p.yes {
		if err := p.agree(&offer); err != nil {
			return err
		}
	}
	load, err := t.topUp(ctx, &s, p.amount.fen)
	if err != nil {
		return counterError(err)
	}
	t.printReceipt(ctx, load.GetOrder())
	return p.say(os.Stdout, loadedOf(load, t.said(ctx)))
}

// loadable refuses a card that cannot be loaded here, before any money is asked for.
func (t *till) loadable(s *counter.Seen, at time.Time) error {
	nothing := service.Refuse("nothing was done")
	switch {
	case s.Transit == nil:
		return nothing.Because(card.ErrNotTransit)
	case len(s.Open) > 0:
		return nothing.Todo("give cardterm counter resolve with this card").Because(counter.ErrOpen)
	}
	if found := s.Findings(at, t.till.city); len(found) > 0 && (s.Transit.Expiry < at.Format("20060102") || !s.Transit.Enabled || t.elsewhere(s)) {
		return nothing.Because(found[0])
	}
	return nil
}

// elsewhere reports whether the card is another city's.
func (t *till) elsewhere(s *counter.Seen) bool {
	return t.till.city != "" && s.Transit.City != t.till.city
}

// topUp puts an amount on the card that was seen.
func (t *till) topUp(ctx context.Context, s *counter.Seen, fen uint32) (load *message.Load, err error) {
	if err := t.room(); err != nil {
		return nil, err
	}
	if err := t.mayTake(); err != nil {
		return nil, err
	}
	order, err := t.number(t.now())
	if err != nil {
		return nil, err
	}
	if err := t.drawer.Took(t.own(order), int64(fen)); err != nil {
		return nil, err
	}
	err = t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) (err error) {
		load, err = t.desk.TopUp(ctx, held, counter.Ask{Order: order, Card: s.ID, Fen: fen}, t.now())
		return err
	})
	if err != nil && !errors.As(err, new(*counter.OpenError)) { // nothing was booked
		err = errors.Join(err, t.drawer.Gave(t.own(order), int64(fen)))
	}
	return load, err
}

// mayTake refuses cash at a counter of a centre which nobody answers for: it takes a shift, and who
// has opened it.
func (t *till) mayTake() error {
	if t.centre.server == "" {
		return nil
	}
	shift, open := t.drawer.Shift()
	nothing := service.Refuse("nothing was done")
	switch {
	case !open:
		return nothing.Todo("give cardterm counter shift open").Because(counter.ErrNoShift)
	case t.office == nil:
		return nothing.Todo("sign in").Because(language.Textf("nobody is signed in"))
	case t.office.person.ID != shift.By:
		return nothing.Todo("close it, and open one of your own").Because(language.Textf("shift %d is of %s", shift.Number, shift.By))
	}
	return t.closing()
}

// loaded is a load as JSON.
type loaded struct {
	Done    bool   `json:"done"`
	Sent    bool   `json:"sent"` // the brokers have it; else it waits on the disk
	Order   string `json:"order,omitempty"`
	Card    string `json:"card"` // masked
	Fen     uint32 `json:"amount_fen"`
	Balance int32  `json:"balance_fen"`

	receipt string
}

func loadedOf(l *message.Load, sent bool) *loaded {
	return &loaded{receipt: l.GetOrder(), Done: true, Sent: sent, Order: l.GetOrder(), Card: maskedCard(l.GetCard()), Fen: l.GetAmountFen(), Balance: l.Own()}
}

// say prints what was done, or would be.
func (p *counterProgram) say(out io.Writer, k *loaded) error {
	if p.json {
		return printJSON(out, k)
	}
	if !k.Done {
		p.Print("card %s would get %s yuan, and hold %s", k.Card, yuan(k.Fen), yuan(k.Balance))
		return p.Printed()
	}
	p.Print("card %s has got %s yuan by order %s; it holds %s", k.Card, yuan(k.Fen), k.Order, yuan(k.Balance))
	if !k.Sent {
		p.Say("its record waits on the disk; a counter that runs with --kafka sends it")
	}
	return p.Printed()
}

// agree asks on a terminal.
func (p *counterProgram) agree(k *loaded) error {
	p.Say("card %s gets %s yuan, and holds %s then", k.Card, yuan(k.Fen), yuan(k.Balance))
	return p.confirmed()
}

// confirmed asks whether it is to be done.
func (p *counterProgram) confirmed() error {
	nothing := service.Refuse("nothing was done")
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return nothing.Todo("give --yes").Because(language.Textf("here is no terminal to ask on"))
	}
	p.Say("type yes to do it:")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if word := strings.TrimSpace(answer); err != nil || word != "yes" && word != "是" {
		return nothing.Because(language.Textf("the answer was no"))
	}
	return nil
}

// resolveProgram is `cardterm counter resolve`.
type resolveProgram struct{ counterProgram }

func counterResolveCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter resolve", flag.ContinueOnError)
	p := &resolveProgram{newCounterProgram()}
	p.LogLevel = 4
	p.registerCounter(flags, 10*time.Second)
	return &ffcli.Command{
		Name: "resolve", ShortUsage: "cardterm counter resolve [flags]", ShortHelp: "finish the open orders of the card in the reader",
		LongHelp: "The card tells by its counter, its log and its codes whether it has the money. If it has not, the same order is asked\n" +
			"for again and written. The money is given back only where this says so.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *resolveProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), true)
	if err != nil {
		return err
	}
	all, err := t.resolveAll(ctx)
	for _, r := range all {
		if r.Load != nil {
			t.printReceipt(ctx, r.Receipt())
		}
	}
	if failed := p.resolved(all, t.said(ctx)); failed != nil {
		return errors.Join(counterError(err), failed)
	}
	if len(all) == 0 && err == nil && !p.json {
		p.Print("nothing is open, and nothing waits for the card")
		return p.Printed()
	}
	return counterError(err)
}

// resolveAll finishes the orders of the card in the reader, and writes what waits for it.
func (t *till) resolveAll(ctx context.Context) ([]counter.Resolved, error) {
	all, err := t.resolve(ctx)
	if err != nil {
		return all, err
	}
	s, _, err := t.look(ctx, t.wait)
	if err != nil {
		return all, err
	}
	written, err := t.writeWaiting(ctx, &s)
	return append(all, written...), err
}

// resolve finishes the orders of the card in the reader.
func (t *till) resolve(ctx context.Context) (all []counter.Resolved, err error) {
	err = t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) (err error) {
		all, err = t.desk.Resolve(ctx, held, t.now())
		return err
	})
	for _, r := range all {
		switch {
		case r.Placer != "":
		case r.Outcome == counter.NotBooked || r.Outcome == counter.GivenBack && t.centre.server == "":
			err = errors.Join(err, t.drawer.Gave(t.own(r.Order), int64(r.Fen)))
		case r.Outcome == counter.GivenBack: // its cash is in the drawer until it is given back
			err = errors.Join(err, t.drawer.Wrote(t.own(r.Order)))
		}
	}
	return all, err
}

// resolvedOrder is an order that was resolved, as JSON.
type resolvedOrder struct {
	Order   string          `json:"order"`
	Fen     uint32          `json:"amount_fen"`
	Outcome counter.Outcome `json:"outcome"`
	Logged  bool            `json:"in_card_log,omitempty"`
	Sent    bool            `json:"sent,omitempty"`
	Balance int32           `json:"balance_fen,omitempty"`
}

func (p *counterProgram) resolved(all []counter.Resolved, sent bool) error {
	lines := make([]resolvedOrder, 0, len(all))
	for _, r := range all {
		lines = append(lines, resolvedOrder{r.Order, r.Fen, r.Outcome, r.Logged, sent && r.Load != nil, r.Load.Own()})
		if !p.json {
			p.Print("%w", outcomeText(&r))
		}
	}
	if p.json {
		return printJSON(os.Stdout, lines)
	}
	return p.Printed()
}

// outcomeText says what became of an order, and what to do.
func outcomeText(r *counter.Resolved) *language.Text {
	switch r.Outcome {
	case counter.WasWritten:
		return language.Textf("order %s: the card has the %s yuan already; nothing is given back", r.Order, yuan(r.Fen))
	case counter.WrittenNow:
		return language.Textf("order %s: the card did not have the %s yuan, and has them now", r.Order, yuan(r.Fen))
	case counter.Waited:
		return waitingText(r.Load)
	case counter.Ended:
		return language.Textf("order %s: the %s yuan wait for the card no more; nobody has paid them here", r.Order, yuan(r.Fen))
	case counter.Elsewhere:
		return language.Textf("order %s: the %s yuan go on waiting, another load of the card comes first; nobody has paid them here", r.Order, yuan(r.Fen))
	case counter.GivenBack:
		return language.Textf("order %s: the centre has given the %s yuan back to the channel: give them to the customer (cardterm counter shift give-back --load %[1]s)", r.Order, yuan(r.Fen))
	case counter.NotBooked:
		return language.Textf("order %s: the %s yuan were never taken: give them back to the customer", r.Order, yuan(r.Fen))
	}
	if r.Logged {
		return language.Textf("order %s: the card's log has the %s yuan, and it can prove them no more: give nothing back, and tell the clearing centre the order", r.Order, yuan(r.Fen))
	}
	return language.Textf("order %s: the card can no longer tell of the %s yuan: give nothing back, and ask the clearing centre with the order", r.Order, yuan(r.Fen))
}
