package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/cmd/demostaff"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/simulators/city"
	"citycard/simulators/pcscd"
	"citycard/terminals/counter"
)

const (
	// clerk serves at all counters.
	clerk = "mia"
	// certificate is that of all holders, and shownFile has it for the counters.
	certificate = "410101195001010018"
	shownFile   = "certificate"
)

// tills are the counters at readers: what should be in their drawers, and in the books.
type tills struct {
	products *cards.Rule

	mu       sync.Mutex
	begun    bool
	cash     map[string]ledger.Fen // by counter
	deposits ledger.Fen            // that are held
}

// openTills learns what is sold.
func (d *demo) openTills(ctx context.Context) error {
	set, err := server.InForce(ctx, d.base.Books.Ledger)
	if err != nil {
		return err
	}
	zone, err := server.Zone(ctx, d.base.Books.Ledger)
	if err != nil {
		return err
	}
	d.tills = &tills{products: set.Products.On(ledger.DayOf(time.Now().In(zone))), cash: map[string]ledger.Fen{}}
	return nil
}

// answer says to cardsim what became of what it asked for.
func answer(child *service.Child, id int, failed error) error {
	done := struct {
		ID    int    `json:"id"`
		Error string `json:"error,omitempty"`
	}{ID: id}
	if failed != nil {
		done.Error = failed.Error()
	}
	line, err := json.Marshal(&done)
	if err != nil {
		return err
	}
	return child.Send(line)
}

// atTill does what is wanted at a counter, by a run of cardterm as the clerk types it.
func (d *demo) atTill(ctx context.Context, ask *city.Ask) error {
	amount := ledger.Fen(ask.Fen)
	switch ask.Act {
	case city.OpenShift:
		if err := d.begin(ctx, ask.Counter.Channel); err != nil {
			return err
		}
		_, err := d.counter(ctx, ask, "shift", "open", "--start", "0")
		return err
	case city.Sell:
		return d.sell(ctx, ask)
	case city.TopUp:
		if _, err := d.counter(ctx, ask, "top-up", "--amount", amount.String(), "--yes"); err != nil {
			return err
		}
		d.tills.took(ask, amount, 0)
	case city.TornTopUp:
		if said, err := d.counter(ctx, ask, "top-up", "--amount", amount.String(), "--yes"); err == nil || !strings.Contains(err.Error(), "is not finished") {
			return errors.Join(language.Textf("a card was pulled, and the top-up has ended all the same: %s", said), err)
		}
		d.tills.took(ask, amount, 0)
	case city.Resolve:
		_, err := d.counter(ctx, ask, "resolve")
		return err
	case city.TakeBack:
		return d.takeBack(ctx, ask)
	case city.CloseShift:
		return d.closeShift(ctx, ask)
	}
	return nil
}

// took notes what a customer has paid, and of it the deposit.
func (t *tills) took(ask *city.Ask, fen, deposit ledger.Fen) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cash[ask.Counter.Name] += fen + deposit
	t.deposits += deposit
}

// product is what a card of a type is sold as.
func (t *tills) product(of byte) (cards.Product, error) {
	for _, p := range t.products.Products {
		if p.CardType == uint32(of) && p.Refundable && !p.SocialSecurity {
			return p, nil
		}
	}
	return cards.Product{}, language.Textf("no product is a card of type %d that is taken back", of)
}

// shown is the file with the certificate, where a product is a person's.
func (d *demo) shown(p *cards.Product) []string {
	if p.Personal() {
		return []string{"--certificate-file", d.dir.Join(shownFile)}
	}
	return nil
}

func (d *demo) sell(ctx context.Context, ask *city.Ask) error {
	p, err := d.tills.product(ask.CardType)
	if err != nil {
		return err
	}
	first := ledger.Fen(ask.Fen)
	if _, err := d.counter(ctx, ask, "sell", append(d.shown(&p), "--product", p.ID, "--first-load", first.String(), "--yes")...); err != nil {
		return err
	}
	d.tills.took(ask, first+p.PriceFen+p.FeeFen, p.DepositFen)
	return nil
}

func (d *demo) takeBack(ctx context.Context, ask *city.Ask) error {
	p, err := d.tills.product(ask.CardType)
	if err != nil {
		return err
	}
	if _, err := d.counter(ctx, ask, "return", append(d.shown(&p), "--keys", d.KeyPath(d.dir.Path), "--yes")...); err != nil {
		return err
	}
	d.tills.took(ask, -ledger.Fen(ask.Fen), -p.DepositFen)
	return nil
}

// closeShift counts the drawer: there is in it what customers have paid and not got back.
func (d *demo) closeShift(ctx context.Context, ask *city.Ask) error {
	d.tills.mu.Lock()
	cash := d.tills.cash[ask.Counter.Name]
	d.tills.mu.Unlock()
	said, err := d.counter(ctx, ask, "shift", "close", "--counted", cash.String())
	if err != nil {
		return err
	}
	return balanced(said, cash)
}

// balanced refuses the close of a shift with a difference. A large one is only proposed.
func balanced(said []byte, cash ledger.Fen) error {
	var shift struct {
		Difference ledger.Fen `json:"difference_fen"`
		Proposal   int64      `json:"proposal"`
	}
	if err := json.Unmarshal(said, &shift); err != nil {
		return err
	}
	if shift.Proposal != 0 {
		return language.Textf("%s yuan are in the drawer, and a difference waits as proposal %d", cash.String(), shift.Proposal)
	}
	if shift.Difference != 0 {
		return language.Textf("%s yuan are in the drawer, and %s of them are a difference", cash.String(), shift.Difference.String())
	}
	return nil
}

// begin has the keepers enrol the clerk, once, and waits until the load authority knows the
// channel's token, which was issued a moment ago.
func (d *demo) begin(ctx context.Context, channel string) error {
	d.tills.mu.Lock()
	defer d.tills.mu.Unlock()
	if d.tills.begun {
		return nil
	}
	d.tills.begun = true
	if err := os.WriteFile(d.dir.Join(shownFile), []byte(certificate+"\n"), 0o600); err != nil {
		return err
	}
	e := people.Enrolment{ID: clerk, Unit: access.Channel(channel), Role: people.Clerk}
	if err := d.staff.Enrol(ctx, d.dir.Join(staffKeys), e); err != nil {
		return err
	}
	token, err := os.ReadFile(d.tokenOf(channel))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, tokenLimit)
	defer cancel()
	for {
		known, err := d.known(ctx, channel, strings.TrimSpace(string(token)))
		if known || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tokenPause):
		}
	}
}

// The load authority learns of a token within seconds.
const (
	tokenLimit = 20 * time.Second
	tokenPause = 100 * time.Millisecond
)

// known asks the load authority something by a channel's token, and says whether it is let in.
func (d *demo) known(ctx context.Context, channel, token string) (bool, error) {
	loads, err := counter.NewHTTPAuthority(d.server.API, map[string]string{channel: token}, http.DefaultClient)
	if err != nil {
		return false, err
	}
	if _, err = loads.Waiting(ctx, channel, keys.CardID{}); errors.As(err, new(*counter.DeniedError)) {
		return false, nil
	}
	return err == nil, err
}

// tokenOf is the file of a channel's token.
func (d *demo) tokenOf(channel string) string {
	return filepath.Join(d.dir.Join(tokens), channel+".token")
}

// counter runs a command of a counter, and gives what it has said.
func (d *demo) counter(ctx context.Context, ask *city.Ask, command string, more ...string) (said []byte, err error) {
	args := []string{"counter", command}
	if command == "shift" { // its flags go behind what is done with it
		args, more = append(args, more[0]), more[1:]
	}
	c := &ask.Counter
	args = append(args, "--reader", pcscd.Name(c.Slot), "--data", d.dir.Join("tills", c.Name), "--counter", c.Name, "--channel", c.Channel, "--terminal", c.Terminal,
		"--token", d.tokenOf(c.Channel), "--loads", d.server.API, "--server", "unix:"+d.server.Socket,
		"--identity", demostaff.KeyFile(d.dir.Join(staffKeys), clerk), "--kafka", d.base.Kafka, "--kafka-tls-ca", d.base.Access.CAFile,
		"--kafka-user", d.base.Access.User, "--kafka-password-file", d.base.Access.PasswordFile, "--zone", d.Zone.String(),
		"--demo", "--log-level", "error", "--language", "en", "--json")
	child, err := service.StartChild(ctx, service.ChildSpec{
		Program: "cardterm", Name: fmt.Sprintf("cardterm counter %s", command), Env: d.daemon.Environment(), Log: d.log, Args: append(args, more...),
		Line: func(line []byte) error {
			said = append(append(said, line...), '\n')
			return nil
		},
	})
	if err != nil {
		return nil, service.Fail("cannot start cardterm").Todo("build all three programs: make build").Because(err)
	}
	err = child.Wait()
	return said, err
}
