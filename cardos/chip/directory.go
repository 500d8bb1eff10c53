package chip

import (
	"strings"

	"citycard/cardos/keys"
	"citycard/cardos/ssc"
)

// block says whether an application is blocked, and whether permanently.
type block byte

const (
	unblocked block = iota
	temporarily
	permanently
)

// keyLimit is how often an external authentication may fail in a row.
const keyLimit = 15

// key is a stored key.
type key struct {
	role    keys.Role
	version byte
	value   keys.Key
	tries   byte // left
}

// pin is the holder's PIN; no value means that none was set.
type pin struct {
	value        []byte // packed digits, 2..6 bytes
	tries, limit byte
}

// wallet is one purse. funds include what the overdraft limit allows.
type wallet struct {
	funds           uint32
	limit           uint32 // 24 bits
	online, offline uint16
}

// own is the balance without the overdraft allowance.
func (w *wallet) own() uint32 { return w.funds - min(w.funds, w.limit) }

// used is how much of the overdraft allowance is spent.
func (w *wallet) used() uint32 { return w.limit - min(w.funds, w.limit) }

// proof is what GET TRANSACTION PROVE gives.
type proof struct {
	kind      byte
	sequence  uint16 // the counter after the transaction
	tac, mac2 keys.MAC
}

// directory is a dedicated file: an application.
type directory struct {
	id        uint16
	names     []string // by which it can be selected
	files     []*file
	keys      []key
	pin       pin
	ed, ep    *wallet
	proof     proof
	block     block
	sam       *sam
	cityUnion bool        // shows the purse of another application
	social    bool        // works by the rules of social-security cards
	genuine   ssc.Genuine // social: how it answers INTERNAL AUTHENTICATE
	issued    bool        // personalised
	parent    *directory  // whose keys and PIN it uses, or nil
}

// security is the directory that holds the keys and the PIN.
func (d *directory) security() *directory {
	if d.parent != nil {
		return d.parent
	}
	return d
}

func (d *directory) bySFI(sfi byte) *file {
	for _, f := range d.files {
		if f.sfi == sfi {
			return f
		}
	}
	return nil
}

func (d *directory) byID(id uint16) *file {
	for _, f := range d.files {
		if f.id == id {
			return f
		}
	}
	return nil
}

// named returns the name that begins with aid, or "".
func (d *directory) named(aid string) string {
	for _, n := range d.names {
		if strings.HasPrefix(n, aid) {
			return n
		}
	}
	return ""
}

// key returns the key of a role, or nil.
func (d *directory) key(r keys.Role) *key {
	d = d.security()
	for i := range d.keys {
		if d.keys[i].role == r {
			return &d.keys[i]
		}
	}
	return nil
}

// wallet returns the purse that P2 names, or nil.
func (d *directory) wallet(p2 byte) *wallet {
	switch p2 {
	case 1:
		return d.ed
	case 2:
		return d.ep
	default:
		return nil
	}
}
