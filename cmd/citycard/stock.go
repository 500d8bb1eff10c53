package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/clearing/stock"
	"citycard/cmd/service"
	"citycard/language"
)

func stockCommand() *ffcli.Command {
	return group("stock", "blank cards and SAMs in the stores of the issuer, of channels and of operators",
		"Pieces have the serials of their supplier. Two people receive them and move them; cards that were made leave stock with\n"+
			"citycard card issued.",
		stockReceiveCommand(), stockMoveCommand(), stockSpoiltCommand(), stockShowCommand(), stockCountCommand())
}

// storeOf reads the unit of a store.
func storeOf(text string) (people.Unit, error) {
	unit, err := people.ParseUnit(text)
	if err != nil {
		return "", service.Exit(service.ExitUsage, err)
	}
	return unit, nil
}

// pieces are the flags by which a command names pieces.
type pieces struct {
	kind    string
	serials string
}

func (p *pieces) register(c *command) {
	c.flags.StringVar(&p.kind, "kind", "card", "what they are: `card or sam`")
	c.flags.StringVar(&p.serials, "serials", "", "serials of the pieces, `FIRST-LAST`, one alone, or several with commas between")
}

func (p *pieces) read() (kind stock.Kind, ranges []stock.Range, err error) {
	if kind = stock.Kind(p.kind); !kind.Known() {
		return "", nil, language.Textf("--kind %q: want card or sam", p.kind)
	}
	if p.serials == "" {
		return "", nil, language.Textf("--serials is missing: want FIRST-LAST")
	}
	for text := range strings.SplitSeq(p.serials, ",") {
		r, err := stock.ParseRange(strings.TrimSpace(text))
		if err != nil {
			return "", nil, language.Textf("--serials: %w", err)
		}
		ranges = append(ranges, r)
	}
	return kind, ranges, nil
}

func stockReceiveCommand() *ffcli.Command {
	p := newProposing("stock receive", "--serials FIRST-LAST --product ID [--kind card] [--store UNIT]", "propose to take pieces in that came from their supplier",
		"Somebody else of the issuer approves it, who has looked at the pieces. Cards have the product as which they are to be\n"+
			"sold, for good: each blank is sold as that.")
	var of pieces
	of.register(p.command)
	product := p.flags.String("product", "", "`id` of the product as which cards are to be sold; a SAM has none")
	store := p.flags.String("store", "issuer", "`UNIT` in whose store they come: issuer, channel:ID or operator:ID")
	return proposes(p, stock.KindReceive, func(context.Context) (r stock.Receipt, err error) {
		r.Product = *product
		if r.Store, err = storeOf(*store); err == nil {
			r.Kind, r.Serials, err = of.read()
		}
		return r, err
	})
}

func stockMoveCommand() *ffcli.Command {
	p := newProposing("stock move", "--serials FIRST-LAST --from UNIT --to UNIT [--kind card]", "propose to give pieces to another store",
		"Who has them proposes it; somebody of the unit that gets them counts them, and approves. Until then they lie where they are.")
	var of pieces
	of.register(p.command)
	from := p.flags.String("from", "issuer", "`UNIT` in whose store they lie: issuer, channel:ID or operator:ID")
	to := p.flags.String("to", "", "`UNIT` that gets them")
	p.check = func() error {
		if *to == "" {
			return language.Textf("--to is missing: want the unit that gets them")
		}
		return nil
	}
	return proposes(p, stock.KindMove, func(context.Context) (r stock.Moving, err error) {
		if r.From, err = storeOf(*from); err == nil {
			r.To, err = storeOf(*to)
		}
		if err == nil {
			r.Kind, r.Serials, err = of.read()
		}
		return r, err
	})
}

func stockSpoiltCommand() *ffcli.Command {
	c := newCommand("stock spoilt", "--serials FIRST-LAST [--store UNIT] [--kind card] [--order NUMBER] --identity FILE --reason TEXT", "say that pieces are good for nothing any more",
		"They stay in the store as spoilt, and are counted. What a job of cards has spoilt, citycard card issued says.")
	c.registerJSON("print for machines")
	var of pieces
	of.register(c)
	store := c.flags.String("store", "issuer", "`UNIT` in whose store they lie: issuer, channel:ID or operator:ID")
	order := orderFlag(c)
	var by actor
	by.register(c)
	c.check = by.missing
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		unit, err := storeOf(*store)
		if err != nil {
			return err
		}
		kind, ranges, err := of.read()
		if err == nil && len(ranges) != 1 {
			err = language.Textf("--serials: want one range")
		}
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		done, err := client.SpoilStock(ctx, stock.Spoiling(unit, order(), kind, ranges[0]), by.reason, c.dry)
		if err != nil {
			return order.failed(err, language.Textf("nothing is done"))
		}
		if c.asJSON {
			return writeJSON(os.Stdout, done)
		}
		c.Print("spoilt: %d", done.Pieces)
		return nil
	})
}

// orderNumber gives the number of an order: the one of --order, or one of its own.
type orderNumber func() string

func orderFlag(c *command) orderNumber {
	own := rand.Text()
	number := c.flags.String("order", "", "`NUMBER` of the act, to give it again where it is not known whether it was done; empty: a new one")
	return func() string { return cmp.Or(*number, own) }
}

// failed says what became of an act, and how it is given again.
func (o orderNumber) failed(err error, nothing *language.Text) error {
	if unknownOutcome(err) {
		return service.Fail("it is not known whether it was done").Todo("give the command again with --order %s: it is done once", o()).Because(err)
	}
	return refusedBy(nothing, err)
}

// lotLine is a part of what is in stock, as it is printed.
type lotLine struct {
	Store   string `json:"store"`
	Kind    string `json:"kind"`
	Product string `json:"product,omitempty"`
	State   string `json:"state"`
	Serials string `json:"serials,omitempty"`
	Pieces  int64  `json:"pieces"`
}

const (
	lotHeader = "STORE\tKIND\tPRODUCT\tSTATE\tSERIALS\t>PIECES"
	sumHeader = "STORE\tKIND\tPRODUCT\tSTATE\t>PIECES"
)

func (l lotLine) cells(language.Language) []string {
	return []string{l.Store, l.Kind, l.Product, l.State, l.Serials, number(l.Pieces)}
}

func (l lotLine) sums(language.Language) []string {
	return []string{l.Store, l.Kind, l.Product, l.State, number(l.Pieces)}
}

func stockShowCommand() *ffcli.Command {
	c := newCommand("stock show", "[--store UNIT] [--kind card] [--ranges]", "what should lie in which store, and what became of the rest",
		"Who works for a channel or an operator sees its own store. Cards that were made count where their blanks lay.")
	c.registerJSON(jsonLines)
	store := c.flags.String("store", "", "only this `UNIT`")
	kind := c.flags.String("kind", "", "only `card or sam`; empty: both")
	ranges := c.flags.Bool("ranges", false, "each range of serials, not only how many there are")
	return c.asks(false, nil, func(ctx context.Context, client *api.Client) error {
		var lines []lotLine
		sums := map[lotLine]int64{}
		for _, k := range []stock.Kind{stock.Card, stock.SAM} {
			if *kind != "" && stock.Kind(*kind) != k {
				continue
			}
			err := client.Stock(ctx, k, people.Unit(*store), func(l api.StockLot) error {
				of := stock.Range{First: l.First, Last: l.Last}
				line := lotLine{Store: string(l.Store), Kind: string(k), Product: l.Product, State: string(l.State)}
				sums[line] += of.Pieces()
				line.Serials, line.Pieces = of.String(), of.Pieces()
				lines = append(lines, line)
				return nil
			})
			if err != nil {
				return refusedBy(language.Textf("nothing is shown"), err)
			}
		}
		if *ranges {
			return listAll(c, lotHeader, lotLine.cells, lines)
		}
		lines = slices.SortedFunc(maps.Keys(sums), func(a, b lotLine) int {
			return cmp.Or(cmp.Compare(a.Store, b.Store), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Product, b.Product), cmp.Compare(a.State, b.State))
		})
		for i := range lines {
			lines[i].Pieces = sums[lines[i]]
		}
		return listAll(c, sumHeader, lotLine.sums, lines)
	})
}

// countedIn reads a file of serials and ranges, one a line.
func countedIn(path string) (all []stock.Range, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" {
			continue
		}
		r, err := stock.ParseRange(text)
		if err != nil {
			return nil, language.Textf("line %d: %w", n, err)
		}
		all = append(all, r)
	}
	return all, lines.Err()
}

func stockCountCommand() *ffcli.Command {
	c := newCommand("stock count", "FILE [--store UNIT] [--kind card] [--order NUMBER] --identity FILE", "say what was counted in a store, and list what is missing and what should not be there",
		"FILE has the serials of all that lies there and is not spoilt, as a scanner gives them: one a line, or FIRST-LAST. The\n"+
			"count is kept and changes nothing; its exit code is 3 if something differs.")
	c.takesWords(1)
	c.registerJSON("print for machines")
	store := c.flags.String("store", "issuer", "`UNIT` whose store it is: issuer, channel:ID or operator:ID")
	kind := c.flags.String("kind", "card", "what was counted: `card or sam`")
	order := orderFlag(c)
	var by actor
	by.register(c)
	c.check = by.identity.check
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		unit, err := storeOf(*store)
		if err != nil {
			return err
		}
		counted, err := countedIn(c.arguments[0])
		if err != nil {
			return service.Refuse("nothing is counted").Todo("give a file with one serial a line").Because(err)
		}
		done, err := client.CountStock(ctx, unit, order(), stock.Kind(*kind), counted, by.reason, c.dry)
		if err != nil {
			return order.failed(err, language.Textf("nothing is counted"))
		}
		if c.asJSON {
			if err := writeJSON(os.Stdout, done); err != nil {
				return err
			}
		} else {
			c.Print("counted: %d; there should be: %d", done.Pieces, done.Expected)
			for _, r := range done.MissingRanges {
				c.Print("missing: %s", r.String())
			}
			for _, r := range done.ExtraRanges {
				c.Print("should not be there: %s", r.String())
			}
			if more := done.Missing + done.Extra - stock.Pieces(done.MissingRanges) - stock.Pieces(done.ExtraRanges); more > 0 {
				c.Print("and pieces more: %d", more)
			}
		}
		if done.Missing+done.Extra > 0 {
			return service.Exit(service.ExitFindings, language.Textf("pieces that are missing: %d; that should not be there: %d", done.Missing, done.Extra))
		}
		return nil
	})
}
