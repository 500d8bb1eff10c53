package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
	"citycard/cmd/service"
	"citycard/language"
)

// proposer is a command that proposes an act which takes two people. To make a command propose:
//
//   - the act gets a proposal.Kind (see that package) in the list of server.Proposals, and its row
//     of clearing/people/policy.json names the kind;
//   - the command begins with newProposing in place of newCommand and ends with proposes, which
//     makes the request from the flags and asks the server (see asks). What only the books know,
//     such as the rows that match, the kind completes (proposal.Completed). The flags --identity,
//     --reason and --server come with it; --by, --and and --db go. Help and docs say what is
//     proposed; docs/people.md lists the kind;
//   - --dry-run works by itself: the proposal is rolled back. Its row in dry_run_test.go begins
//     with two spaces (it prints times) and has --identity {ann}; the row behind it approves, with
//     --hash {hash}. The act itself is tested where it stands, with a ledger.Approval;
//   - a testscript lets two people act with two lines: see staffed.
type proposer struct {
	*command
	key    *identityFlags
	reason string
	// completes is set where the server makes the request of what is asked for: such as of the rows
	// that match. Who proposes then sees it before it is signed.
	completes bool
}

func newProposing(name, usage, short, long string) *proposer {
	p := &proposer{command: newCommand(name, usage+" --identity FILE --reason TEXT", short, long)}
	p.registerJSON("print for machines")
	p.key = p.registerIdentity()
	p.flags.StringVar(&p.reason, "reason", "", "why, a `text` for who approves it and for later")
	return p
}

// proposes makes the command propose what the request says, and print it as it is shown to who
// approves it. The request says what the flags say; what the books know is added by the server
// (proposal.Completed).
func proposes[T any](p *proposer, kind string, request func(context.Context) (T, error)) *ffcli.Command {
	check := p.check
	p.check = func() error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		return p.complete()
	}
	return p.asks(true, p.key, func(ctx context.Context, client *api.Client) error {
		asked, err := request(ctx)
		if err != nil {
			return err
		}
		return propose(ctx, p, client, kind, asked)
	})
}

// complete says what is missing for a proposal.
func (p *proposer) complete() error {
	if p.reason == "" {
		return language.Textf("--reason is missing: want why, for who approves it")
	}
	return p.key.check()
}

func propose[T any](ctx context.Context, p *proposer, client *api.Client, kind string, asked T) error {
	body, err := proposal.Body(asked)
	if err != nil {
		return err
	}
	nothing := language.Textf("nothing is proposed")
	desk, err := openDesk(ctx, p.command, client)
	if err != nil {
		return err
	}
	draft, err := client.Draft(ctx, kind, body, p.reason, p.completes, p.dry)
	if err != nil {
		return refusedBy(nothing, err)
	}
	for _, text := range draft.Said {
		p.Say("%s", text)
	}
	if p.completes && !p.dry {
		if err := p.sees(desk, draft); err != nil {
			return err
		}
	}
	view, err := client.Propose(ctx, draft, p.dry)
	if unknownOutcome(err) {
		return service.Fail("it is not known whether it was proposed").Todo("look with citycard proposal list, and propose it again only if it is not there").Because(err)
	}
	if err != nil {
		return refusedBy(nothing, err)
	}
	if err := desk.print(view); err != nil || p.asJSON {
		return err
	}
	p.Print("proposal %d waits for somebody else: citycard proposal approve %[1]d", view.Number)
	return nil
}

// sees shows on a terminal what the server has made of what was asked for, before it is signed.
func (p *proposer) sees(desk *desk, draft *api.View) error {
	if p.asJSON || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	if err := desk.print(draft); err != nil {
		return err
	}
	p.Say("type yes to sign it and propose it:")
	return agreed(language.Textf("nothing is proposed"))
}

// agreed reads the answer to a question on the terminal.
func agreed(nothing *language.Text) error {
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	if word := strings.TrimSpace(answer); word != "yes" && word != "是" {
		return service.Refuse("%w", nothing).Because(language.Textf("the answer was no"))
	}
	return nil
}

// desk prints proposals.
type desk struct {
	*command
	client *api.Client
	zone   zoned
	books  string // their identity
}

func openDesk(ctx context.Context, c *command, client *api.Client) (*desk, error) {
	books, zone, err := booksOf(ctx, client)
	return &desk{c, client, zone, books}, err
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
func (n *numbered) decides(of *identityFlags, decide func(context.Context, *desk) (api.Outcome, error), said func(*api.Outcome)) *ffcli.Command {
	check := n.check
	n.check = func() error {
		if check != nil {
			if err := check(); err != nil {
				return err
			}
		}
		return of.check()
	}
	return n.asks(true, of, func(ctx context.Context, client *api.Client) error {
		desk, err := openDesk(ctx, n.command, client)
		if err != nil {
			return err
		}
		done, err := decide(ctx, desk)
		if err != nil {
			return refusedBy(language.Textf("nothing is decided"), err)
		}
		if n.asJSON {
			return writeJSON(os.Stdout, desk.line(&done.Proposal))
		}
		said(&done)
		return nil
	})
}
