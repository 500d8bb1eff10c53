package main

import (
	"context"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
	"citycard/cmd/service"
	"citycard/language"
)

func proposalCommand() *ffcli.Command {
	return group("proposal", "acts that take two people: what is proposed, and the decisions about it",
		"One person proposes, with the command of the act itself; somebody else approves or rejects it here. Both sign with\n"+
			"their keys what exactly is done. Nothing is done before the approval.",
		proposalListCommand(), proposalShowCommand(), proposalApproveCommand(), proposalRejectCommand(), proposalWithdrawCommand())
}

func proposalListCommand() *ffcli.Command {
	c := newCommand("proposal list", "[--all] [--kind KIND] [--unit UNIT]", "what waits for a decision", "")
	var f proposal.Filter
	c.flags.BoolVar(&f.All, "all", false, "also what was decided, and what has expired")
	c.flags.StringVar(&f.Kind, "kind", "", "only of this `kind`, such as \"account limit\"; empty: of every kind")
	unit := c.flags.String("unit", "", "only about the money or rows of this `unit`, such as issuer or operator:metro; empty: of every unit")
	c.check = func() (err error) {
		if *unit != "" {
			f.Unit, err = staff.ParseUnit(*unit)
		}
		return err
	}
	c.registerJSON(jsonLines)
	return c.asks(false, nil, func(ctx context.Context, client *api.Client) error {
		desk, err := openDesk(ctx, c, client)
		if err != nil {
			return err
		}
		err = list(c, waitingHeader, desk.cells, func(add func(proposalLine) error) error {
			return client.List(ctx, f, func(p *api.Proposal) error { return add(desk.line(p)) })
		})
		return refusedBy(language.Textf("they cannot be listed"), err)
	})
}

func proposalShowCommand() *ffcli.Command {
	n := newNumbered("show", "", "exactly what a proposal would do, or did",
		"Rows are shown with the state that each has and with what it becomes. The hash covers all of that, and not the\n"+
			"balances and the earlier proposals, which are shown beside it.")
	return n.asks(false, nil, func(ctx context.Context, client *api.Client) error {
		desk, err := openDesk(ctx, n.command, client)
		if err != nil {
			return err
		}
		view, err := client.Show(ctx, n.number)
		if err != nil {
			return refusedBy(language.Textf("it cannot be shown"), err)
		}
		return desk.print(view)
	})
}

func proposalApproveCommand() *ffcli.Command {
	n := newNumbered("approve", "--identity FILE [--hash HEX]", "do what somebody else proposed",
		"Shows exactly what would be done and asks. Without a terminal it wants the hash of what citycard proposal show has\n"+
			"shown. If something that the proposal acts on has another state by now, it is refused. May be repeated: nothing is\n"+
			"done twice, and the answer says what became of it.")
	of := n.registerIdentity()
	hash := n.flags.String("hash", "", "the `hash` of what was shown, in hexadecimal digits")
	return n.decides(of, func(ctx context.Context, desk *desk) (api.Outcome, error) {
		view, err := desk.client.Show(ctx, n.number)
		switch {
		case err != nil:
			return api.Outcome{}, err
		case view.State == proposal.Approved:
			return api.Outcome{Proposal: view.Proposal, Repeated: true}, nil
		}
		if err = waits(view); err == nil && *hash == "" {
			err = desk.ask(view, hash)
		}
		if err != nil {
			return api.Outcome{}, err
		}
		done, err := desk.client.Approve(ctx, n.number, *hash, view.Reason, n.dry)
		if err == nil && !n.dry && done.State != proposal.Approved {
			err = language.Textf("the server says that the proposal is not approved: %s", string(done.State))
		}
		return done, err
	}, func(done *api.Outcome) {
		for _, text := range done.Said {
			n.Print("%s", text)
		}
		switch {
		case done.Note == proposal.BookedBefore:
			n.Print("proposal %d: it was booked before, and nothing more was done", done.Number)
		case done.Repeated:
			n.Print("proposal %d was approved before, by %s; nothing more was done", done.Number, done.Decider)
		default:
			n.Print("proposal %d approved", done.Number)
		}
	})
}

// waits refuses a decision about a proposal that does not wait, and says what became of it: for
// such a one nothing is signed.
func waits(view *api.View) error {
	decided := &proposal.DecidedError{Number: view.Number, State: view.State, By: view.Decider, At: view.Expires}
	switch {
	case view.State == proposal.Waiting:
		return nil
	case view.State == proposal.Ended:
		decided.By = view.Proposer
	case view.DecidedAt != nil:
		decided.At = *view.DecidedAt
	}
	return service.Refuse("nothing is decided").Todo("citycard proposal list --all shows them").Because(decided)
}

// waiting asks for a proposal that waits for a decision.
func (d *desk) waiting(ctx context.Context, number int64) (*api.View, error) {
	view, err := d.client.Show(ctx, number)
	if err == nil {
		err = waits(view)
	}
	return view, err
}

// ask shows a proposal on a terminal and asks whether to approve it.
func (d *desk) ask(view *api.View, hash *string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return service.Refuse("nothing is decided").Todo("give --hash as citycard proposal show prints it").Because(language.Textf("here is no terminal to ask on"))
	}
	if err := d.print(view); err != nil {
		return err
	}
	*hash = view.Hash
	d.Say("type yes to approve it in the books %s:", d.books)
	return agreed(language.Textf("nothing is decided"))
}

func proposalRejectCommand() *ffcli.Command {
	n := newNumbered("reject", "--identity FILE --reason TEXT", "decide that a proposal is not done", "")
	of := n.registerIdentity()
	reason := n.flags.String("reason", "", "why, a `text` for who proposed it and for later")
	n.check = func() error {
		if *reason == "" {
			return language.Textf("--reason is missing: want why it is rejected")
		}
		return nil
	}
	return n.decides(of, func(ctx context.Context, desk *desk) (api.Outcome, error) {
		view, err := desk.waiting(ctx, n.number)
		if err != nil {
			return api.Outcome{}, err
		}
		return desk.client.Reject(ctx, n.number, view.Hash, *reason, n.dry)
	}, func(done *api.Outcome) { n.Print("proposal %d rejected", done.Number) })
}

func proposalWithdrawCommand() *ffcli.Command {
	n := newNumbered("withdraw", "--identity FILE", "take back what you proposed", "")
	of := n.registerIdentity()
	reason := n.flags.String("reason", "", "why, a `text` for later")
	return n.decides(of, func(ctx context.Context, desk *desk) (api.Outcome, error) {
		view, err := desk.waiting(ctx, n.number)
		if err != nil {
			return api.Outcome{}, err
		}
		return desk.client.Withdraw(ctx, n.number, view.Hash, *reason, n.dry)
	}, func(done *api.Outcome) { n.Print("proposal %d withdrawn", done.Number) })
}
