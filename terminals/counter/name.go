package counter

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// Name is the name of an order. A number alone is none: each placer gives its own, and two may be
// the same.
type Name struct {
	Placer string // channel:ID, or card:DIGITS of the card whose balance it is
	Number string
}

// OfChannel is the name of an order that a channel's counter takes money for.
func OfChannel(channel, number string) Name { return Name{"channel:" + channel, number} }

// key is the name as the book and the drawer have it: a number has no space.
func (n Name) key() string { return n.Placer + " " + n.Number }

// Receipt is the name under which the receipt of a waiting order is kept. Receipts of what this
// counter was paid for have the order's number alone.
func (n Name) Receipt() string {
	sum := sha256.Sum256([]byte(n.Placer))
	return n.Number + "@" + hex.EncodeToString(sum[:8])
}

// orderNumber are the numbers that the authority gives a paid order.
var orderNumber = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// Name is the order's.
func (o *Open) Name() Name {
	if o.Placer == "" {
		return OfChannel(o.Load.GetChannel(), o.Load.GetOrder())
	}
	return Name{o.Placer, o.Load.GetOrder()}
}

// Name is the order's.
func (w *WaitingLoad) Name() Name { return Name{w.Placer, w.Order} }

// Name is the order's.
func (r *Resolved) Name() Name { return Name{r.Placer, r.Order} }

// Receipt is the name of the receipt of an order that was written.
func (r *Resolved) Receipt() string {
	if r.Placer == "" {
		return r.Order
	}
	return r.Name().Receipt()
}
