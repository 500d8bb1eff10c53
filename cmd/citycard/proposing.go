package main

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/release"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// proposer is a command that proposes an act which takes two people. To make a command propose:
//
//   - the act gets a proposal.Kind (see that package) in the list of server.Proposals, and its row
//     of clearing/people/policy.json names the kind in place of "names";
//   - the command begins with newProposing in place of newCommand and ends with proposes, which
//     makes the request from the flags. The flags --identity and --reason come with it; --by and
//     --and go. Help and docs say what is proposed; docs/people.md lists the kind;
//   - --dry-run works by itself: the proposal is rolled back. Its row in dry_run_test.go begins
//     with two spaces (it prints times) and has --identity {ann}; the row behind it approves, with
//     --hash {hash}. The act itself is tested where it stands, with a ledger.Approval;
//   - a testscript lets two people act with two lines: see staffed.
type proposer struct {
	*command
	key    *identityFlags
	reason string
}

func newProposing(name, usage, short, long string) *proposer {
	p := &proposer{command: newCommand(name, usage+" --identity FILE --reason TEXT", short, long)}
	p.registerJSON("print for machines")
	p.key = p.registerIdentity()
	p.flags.StringVar(&p.reason, "reason", "", "why, a `text` for who approves it and for later")
	return p
}

// proposes makes the command propose what the request says, and print it as it is shown to who
// approves it.
func proposes[T any](p *proposer, kind string, request func(context.Context, *books.Books) (T, error)) *ffcli.Command {
	check := p.check
	p.check = func() error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		return p.complete()
	}
	return p.changes(func(ctx context.Context, b *books.Books) error {
		asked, err := request(ctx, b)
		if err != nil {
			return err
		}
		return propose(ctx, p, b, kind, asked)
	})
}

// complete says what is missing for a proposal.
func (p *proposer) complete() error {
	if p.reason == "" {
		return language.Textf("--reason is missing: want why, for who approves it")
	}
	return p.key.check()
}

func propose[T any](ctx context.Context, p *proposer, b *books.Books, kind string, request T) error {
	body, err := proposal.Body(request)
	if err != nil {
		return err
	}
	desk, err := openDesk(ctx, p.command, p.key, b)
	if err != nil {
		return err
	}
	defer desk.close()
	view, err := desk.office.Propose(ctx, kind, body, p.reason, desk.sign)
	if err != nil {
		return proposalRefusal(language.Textf("nothing is proposed"), err)
	}
	if err := desk.print(view); err != nil || p.asJSON {
		return err
	}
	p.Print("proposal %d waits for somebody else: citycard proposal approve %[1]d", view.Number)
	return nil
}

// desk is where one person proposes and decides.
type desk struct {
	*command
	office *proposal.Office
	zone   zoned
	sign   proposal.Sign
	close  func()
}

// openDesk opens the identity of who acts. A desk for looking has no identity.
func openDesk(ctx context.Context, c *command, of *identityFlags, b *books.Books) (*desk, error) {
	zone, err := (&rules.Store{Ledger: b.Ledger}).Zone(ctx)
	if errors.Is(err, rules.ErrEmpty) { // people come before rules
		zone, err = new(service.Zone).Location(), nil
	}
	if err != nil {
		return nil, err
	}
	office, err := server.Proposals(b.Ledger)
	d := &desk{command: c, office: office, zone: zoned{zone}, close: func() {}}
	if err != nil || of == nil {
		return d, err
	}
	d.sign, d.close, err = of.open(ctx, d.office.People)
	return d, err
}

// proposalRefusal says why something was not proposed or decided, and what to do.
func proposalRefusal(what *language.Text, err error) error {
	var stale *proposal.StaleError
	var own *proposal.Refusal
	var person *staff.Refusal
	var denied *staff.DeniedError
	var released *release.Refusal
	switch {
	case errors.Is(err, ledger.ErrOutcomeUnknown):
		return service.Fail("it is not known whether it was done").Todo("repeat the command: it says what became of it; citycard proposal list --all shows it, too").Because(err)
	case errors.Is(err, ledger.ErrUnavailable), errors.Is(err, ledger.ErrBusy):
		return service.Fail("%w", what).Todo("try again").Because(err)
	}
	var todo *language.Text
	known := true
	switch {
	case errors.As(err, &stale):
		todo = language.Textf("look at it with citycard proposal show %d, and propose it again", stale.Number)
	case errors.As(err, &own):
		todo = own.Todo
	case errors.As(err, &person):
		todo = person.Todo
	case errors.As(err, &released):
		todo = released.Todo
	case errors.As(err, &denied):
		todo = language.Textf("ask somebody who may")
	case errors.Is(err, proposal.ErrNone), errors.As(err, new(*proposal.DecidedError)):
		todo = language.Textf("citycard proposal list --all shows them")
	case errors.Is(err, proposal.ErrProposer), errors.Is(err, proposal.ErrNotOwn), errors.Is(err, proposal.ErrReject), errors.Is(err, proposal.ErrAltered):
	case errors.Is(err, proposal.ErrHash):
		todo = language.Textf("look at it with citycard proposal show, and give the hash that stands there")
	default:
		known = errors.As(err, new(*language.Text))
	}
	if !known {
		return err
	}
	refused := service.Refuse("%w", what)
	if todo != nil {
		refused = refused.Todo("%w", todo)
	}
	return refused.Because(err)
}

// numbered is a command about one proposal, which is its argument.
type numbered struct {
	*command
	number int64
}

func newNumbered(name, usage, short, long string) *numbered {
	n := &numbered{command: newCommand("proposal "+name, "NUMBER "+usage, short, long)}
	n.registerJSON("print for machines")
	n.takes = func(given []string) (err error) {
		if len(given) != 1 {
			return service.Exit(service.ExitUsage, language.Textf("%d arguments, want %d: %s", len(given), 1, n.cli.ShortUsage))
		}
		if n.number, err = strconv.ParseInt(given[0], 10, 64); err != nil || n.number < 1 {
			return service.Exit(service.ExitUsage, language.Textf("proposal %q: want its number, as citycard proposal list shows it", given[0]))
		}
		return nil
	}
	return n
}

// decides makes the command decide about its proposal with a person's key.
func (n *numbered) decides(of *identityFlags, decide func(context.Context, *desk) (*proposal.Proposal, error), said func(*proposal.Proposal)) *ffcli.Command {
	check := n.check
	n.check = func() error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		return of.check()
	}
	return n.changes(func(ctx context.Context, b *books.Books) error {
		desk, err := openDesk(ctx, n.command, of, b)
		if err != nil {
			return err
		}
		defer desk.close()
		p, err := decide(ctx, desk)
		if err != nil {
			return proposalRefusal(language.Textf("nothing is decided"), err)
		}
		if n.asJSON {
			return writeJSON(os.Stdout, desk.line(p))
		}
		said(p)
		return nil
	})
}
