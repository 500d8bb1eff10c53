package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

	staff "citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/cmd/books"
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
	return c.reads(func(ctx context.Context, b *books.Books) error {
		desk, err := openDesk(ctx, c, nil, b)
		if err != nil {
			return err
		}
		return list(c, waitingHeader, desk.cells, func(add func(proposalLine) error) error {
			return desk.office.List(ctx, f, func(p *proposal.Proposal) error { return add(desk.line(p)) })
		})
	})
}

func proposalShowCommand() *ffcli.Command {
	n := newNumbered("show", "", "exactly what a proposal would do, or did",
		"Rows are shown with the state that each has and with what it becomes. The hash covers all of that, and not the\n"+
			"balances and the earlier proposals, which are shown beside it.")
	return n.reads(func(ctx context.Context, b *books.Books) error {
		desk, err := openDesk(ctx, n.command, nil, b)
		if err != nil {
			return err
		}
		view, err := desk.office.Show(ctx, n.number)
		if err != nil {
			return proposalRefusal(language.Textf("it cannot be shown"), err)
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
	var done *proposal.Outcome
	return n.decides(of, func(ctx context.Context, desk *desk) (*proposal.Proposal, error) {
		if *hash == "" {
			if err := desk.ask(ctx, n.number, hash); err != nil {
				return nil, err
			}
		}
		var err error
		if done, err = desk.office.Approve(ctx, n.number, *hash, desk.sign); err != nil {
			return nil, err
		}
		return done.Proposal, nil
	}, func(p *proposal.Proposal) {
		for _, text := range done.Said {
			n.Print("%w", text)
		}
		switch {
		case p.Note == proposal.BookedBefore:
			n.Print("proposal %d: it was booked before, and nothing more was done", p.Number)
		case done.Repeated:
			n.Print("proposal %d was approved before, by %s; nothing more was done", p.Number, p.Decider)
		default:
			n.Print("proposal %d approved", p.Number)
		}
	})
}

// ask shows a proposal on a terminal and asks whether to approve it.
func (d *desk) ask(ctx context.Context, number int64, hash *string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return &proposal.Refusal{Text: language.Textf("here is no terminal to ask on"), Todo: language.Textf("give --hash as citycard proposal show prints it")}
	}
	view, err := d.office.Show(ctx, number)
	if err != nil {
		return err
	}
	if err := d.print(view); err != nil {
		return err
	}
	*hash = hex.EncodeToString(view.Hash[:])
	if view.State != proposal.Waiting {
		return nil // the office says what became of it
	}
	d.Say("type yes to approve it:")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	if word := strings.TrimSpace(answer); word != "yes" && word != "是" {
		return &proposal.Refusal{Text: language.Textf("the answer was no")}
	}
	return nil
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
	return n.decides(of, func(ctx context.Context, desk *desk) (*proposal.Proposal, error) {
		return desk.office.Reject(ctx, n.number, *reason, desk.sign)
	}, func(p *proposal.Proposal) { n.Print("proposal %d rejected", p.Number) })
}

func proposalWithdrawCommand() *ffcli.Command {
	n := newNumbered("withdraw", "--identity FILE", "take back what you proposed", "")
	of := n.registerIdentity()
	reason := n.flags.String("reason", "", "why, a `text` for later")
	return n.decides(of, func(ctx context.Context, desk *desk) (*proposal.Proposal, error) {
		return desk.office.Withdraw(ctx, n.number, *reason, desk.sign)
	}, func(p *proposal.Proposal) { n.Print("proposal %d withdrawn", p.Number) })
}
