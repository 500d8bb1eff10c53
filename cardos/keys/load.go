package keys

import "errors"

// Errors of AuthoriseLoad.
var (
	// ErrMAC says that the card's MAC1 does not verify: not our card, or an
	// altered request. No money may be written.
	ErrMAC = errors.New("MAC1 does not verify")
	// ErrKeyVersion says that the card asks for a key or an algorithm that the
	// store does not hold.
	ErrKeyVersion = errors.New("key version or algorithm not held")
)

// LoadOrder is a card's request to be loaded: what INITIALIZE FOR LOAD
// answered, and what the load will be.
type LoadOrder struct {
	Number         string // the order's, of its channel: no MAC covers it, a log names it
	Card           CardID
	OldBalance     uint32
	Amount         uint32
	Type           byte
	Terminal       [6]byte
	Time           [7]byte
	OnlineSequence uint16
	Random         [4]byte
	KeyVersion     byte
	Algorithm      byte // 0 = 3DES
	MAC1           MAC
}

// AuthoriseLoad checks a card's MAC1 and returns the MAC2 that lets the card add the money, or
// ErrMAC, or an error for a key or an algorithm that it does not hold. It stores nothing: the
// caller has to know that the order is paid and that it is answered only once.
func (s *Store) AuthoriseLoad(o LoadOrder) (MAC, error) {
	g := s.generation(o.KeyVersion)
	if g == nil || o.Algorithm != 0 {
		return MAC{}, ErrKeyVersion
	}
	f := o.Card.Factors()
	session := LoadSession(Diversify(g.masters[RoleLoad], f[:]...), o.Random, o.OnlineSequence)
	if !session.LoadMAC1(LoadStart{o.OldBalance, o.Amount, o.Type, o.Terminal}).Equal(o.MAC1) {
		return MAC{}, ErrMAC
	}
	return session.LoadMAC2(Movement{o.Amount, o.Type, o.Terminal, o.Time}), nil
}
