package city

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/simulators/plan"
	"citycard/terminals/counter"
)

// IssueOptions say what to issue and where.
type IssueOptions struct {
	Dir        string // the data directory, which exists
	Population *Population
	Keys       *keys.Store
	Maker      counter.Maker // who knows the keys of the cards; without an issuer the store does
	Images     string        // directory of cards that were made elsewhere, or empty
	Progress   func(phase string, done, total int)
}

// transitOrder is the counter's order for a transit card.
func (p *Population) transitOrder(i int) counter.Order {
	c, issuer := p.Transit[i], plan.Issuer()
	return counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: c.Number(), Issuer: hex.EncodeToString(issuer[:]), Start: plan.ValidFrom, Expiry: plan.ValidTo, CardType: c.Type,
		Province: "4900", City: "4910", Interoperable: true, PIN: holderPIN,
	}}
}

// socialOrder is the counter's order for a social-security card. One card in three is of version 3,
// which gives the holder's data only to a desk with a SAM.
func (p *Population) socialOrder(i int) counter.Order {
	q := p.Persons[i]
	o := &counter.SocialSecurityOrder{
		Region: "410100", Version: "2.00", Institution: "9999410100", Issued: plan.ValidFrom, Expiry: plan.ValidTo,
		CardNumber: fmt.Sprintf("S%08d", i), SecurityNumber: q.IDNumber, Name: q.Name, Sex: "1", Nation: "01",
		Birthplace: "419999", Birthday: q.Born, PIN: holderPIN,
	}
	if i%3 == 2 {
		o.Version = "3.00"
	}
	if q.Female {
		o.Sex = "2"
	}
	return counter.Order{Kind: counter.SocialSecurity, SocialSecurity: o}
}

// Orders returns the orders of the first count cards, transit and social security in turn; these
// cards go through a real reader.
func (p *Population) Orders(count int) ([]counter.Order, error) {
	if limit := 2 * min(p.Holders, len(p.Transit), healthyCards); count < 0 || count > limit {
		return nil, language.Textf("%d orders, want 0 to %d", count, limit)
	}
	orders := make([]counter.Order, count)
	for i := range orders {
		if i%2 == 0 {
			orders[i] = p.transitOrder(i / 2)
		} else {
			orders[i] = p.socialOrder(i / 2)
		}
	}
	return orders, nil
}

// Issue personalises the cards in memory, through the counter's own code, and
// writes them to the directory. Cards found in Images are taken as they are; each
// must be one of the city's.
func Issue(ctx context.Context, o IssueOptions) error {
	p := o.Population
	made, err := p.readMade(o.Images)
	if err != nil {
		return err
	}
	if o.Maker.Issuer == nil {
		o.Maker = counter.Sampler(o.Keys)
	}
	total := len(p.Transit) + p.Holders
	images := make([][]byte, total)
	var done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() error {
			for i := w; i < total; i += workers {
				image, err := p.issueCard(ctx, &o, i, made)
				if err != nil {
					return fmt.Errorf("card %d of %d: %w", i+1, total, err)
				}
				images[i] = image
				if n := int(done.Add(1)); o.Progress != nil && (n%100 == 0 || n == total) {
					o.Progress("issue", n, total)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := writeImages(filepath.Join(o.Dir, ImageFile), images); err != nil {
		return err
	}
	lanes, err := p.Town.Lanes(p.City.Day, p.City.Slots)
	if err != nil {
		return err
	}
	if len(lanes) > 0 {
		if err := plan.WriteLanes(o.Dir, lanes); err != nil {
			return err
		}
	}
	return p.City.Write(o.Dir)
}

// issueCard makes the i-th card, or takes the one that was made.
func (p *Population) issueCard(ctx context.Context, o *IssueOptions, i int, made map[string][]byte) ([]byte, error) {
	transit := i < len(p.Transit)
	var c *chip.Chip
	var order counter.Order
	if transit {
		c, order = chip.NewTransit(p.City.Seed^uint64(i)), p.transitOrder(i)
	} else {
		c, order = chip.NewSocialSecurity(p.City.Seed^uint64(i)), p.socialOrder(i-len(p.Transit))
	}
	if image := made[orderName(order)]; image != nil {
		return image, nil
	}
	if _, err := counter.Issue(ctx, c, c.PowerOn(), o.Maker, order); err != nil {
		return nil, err
	}
	if transit && p.Transit[i].Opening > 0 {
		if err := load(ctx, c, o.Keys, p.Transit[i].Opening); err != nil {
			return nil, err
		}
	}
	c.PowerOff()
	return c.Image()
}

// load puts money on a card. The load counts as made before the ledger's first day, so no record of
// it is sent.
func load(ctx context.Context, c *chip.Chip, store *keys.Store, fen uint32) error {
	terminal, err := plan.Terminal(plan.Counter, 0, 0)
	if err != nil {
		return err
	}
	_, err = counter.TopUp(ctx, c, pastLoads{store}, counter.Load{
		Order: "opening", Channel: "opening", Amount: fen, Terminal: terminal, At: time.Date(2023, 1, 1, 9, 0, 0, 0, time.UTC),
		Medium: message.Medium_MEDIUM_CONTACTLESS,
	})
	return err
}

// pastLoads authorises loads from the time before the ledger, which are not booked.
type pastLoads struct{ store *keys.Store }

func (l pastLoads) AuthoriseLoad(_ context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	mac2, err := l.store.AuthoriseLoad(keys.LoadOrder{
		Card:       keys.CardID{Issuer: [8]byte(r.GetIssuer()), ASN: [10]byte(r.GetCard())},
		OldBalance: r.GetOldBalanceFen(), Amount: r.GetAmountFen(), Type: 0x02, Terminal: [6]byte(r.GetTerminal()), Time: [7]byte(r.GetTime()),
		OnlineSequence: uint16(r.GetOnlineSequence()), Random: [4]byte(r.GetRandom()),
		KeyVersion: byte(r.GetKeyVersion()), Algorithm: byte(r.GetAlgorithm()), MAC1: keys.MAC(r.GetMac1()),
	})
	if err != nil {
		return nil, err
	}
	return &message.LoadAnswer{Mac2: mac2[:]}, nil
}

// orderName tells cards apart: a transit card by its number, a social-security
// card by its holder's.
func orderName(o counter.Order) string {
	if o.Transit != nil {
		return o.Transit.Number
	}
	return o.SocialSecurity.SecurityNumber
}

// readMade reads the cards that were made elsewhere, by number. Each must be
// personalised and one of the city's.
func (p *Population) readMade(dir string) (map[string][]byte, error) {
	made := map[string][]byte{}
	if dir == "" {
		return made, nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	ours := p.names()
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), ".") {
			continue // a hidden file is an unfinished write
		}
		path := filepath.Join(dir, e.Name())
		image, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c, err := chip.Load(image)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name := ""
		switch d := c.Describe(); {
		case d.Personalised && d.Transit != nil:
			name = d.Transit.Number
		case d.Personalised && d.SocialSecurity != nil:
			name = d.SocialSecurity.SecurityNumber
		}
		if !ours[name] {
			return nil, fmt.Errorf("%s: the card is none of this city's, or was not personalised", path)
		}
		made[name] = image
	}
	return made, nil
}

// names are the numbers of all cards, as orderName has them.
func (p *Population) names() map[string]bool {
	names := make(map[string]bool, len(p.Transit)+p.Holders)
	for _, c := range p.Transit {
		names[c.Number()] = true
	}
	for _, q := range p.Persons[:p.Holders] {
		names[q.IDNumber] = true
	}
	return names
}
