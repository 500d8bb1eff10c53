package keyservice

import (
	"context"
	"fmt"

	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
	"citycard/cardos/tunion"
	"citycard/language"
)

// Backend keeps the masters and uses them. All of its operations can be done by a PKCS#11 token
// that lets no master out by which money moves (package hsm says how). Errors of all operations:
// keys.ErrOutdated where it cannot be said whether the masters are the newest, and those of the
// backend's own machinery; after each of them the same may be asked again. It is safe for
// concurrent use, and nothing that it answers is stored by it.
type Backend interface {
	// Held gives the keys that clearing holds itself, as they are now: the same pointer as long as
	// they are the same.
	Held(ctx context.Context) (*keys.Held, error)
	// AuthoriseLoad checks MAC1 of a load and gives its MAC2, or fails with keys.ErrMAC or
	// keys.ErrKeyVersion.
	AuthoriseLoad(ctx context.Context, o keys.LoadOrder) (keys.MAC, error)
	// Secure gives the data of a command with secure messaging: enciphered where the command wants
	// it, and with its MAC at the end. It fails with keys.ErrKeyVersion or ErrCommand.
	Secure(ctx context.Context, c Command) ([]byte, error)
	// Personalise gives what makes a blank card a card: the newest generation's keys, under the
	// transport key of the blank's batch. It fails with ErrBatch.
	Personalise(ctx context.Context, b Blank) (Issue, error)
}

// HaltedError says that the masters cannot be used until somebody does something about it. Clients
// are told what it is.
type HaltedError struct {
	What string // for the one who asks: "the token is not there"
	Err  error  // all of it
}

func (h *HaltedError) Error() string { return h.Err.Error() }

// Unwrap gives the cause.
func (h *HaltedError) Unwrap() error { return h.Err }

// Kind is a kind of card.
type Kind string

// The kinds.
const (
	Transit        Kind = "transit"
	SocialSecurity Kind = "social_security"
)

// Card is a card as its keys are derived.
type Card struct {
	Kind    Kind
	Transit keys.CardID // of a transit card
	Social  Social      // of a social-security card
}

// Social are the three factors of a social-security card.
type Social struct{ Province, City, Card keys.Factor }

// Factors are those by which the key of a role is derived from its master, one level each.
func (c Card) Factors(r keys.Role) []keys.Factor {
	switch {
	case c.Kind == Transit:
		f := c.Transit.Factors()
		return f[:]
	case r == keys.RoleSocialSecurityGenuine:
		return []keys.Factor{c.Social.Province, c.Social.City, c.Social.Card}
	default:
		return []keys.Factor{c.Social.City, c.Social.Card}
	}
}

// String names the card in the log of uses: the bytes that its keys are derived from.
func (c Card) String() string {
	if c.Kind == Transit {
		return fmt.Sprintf("%x", c.Transit.Derived())
	}
	return fmt.Sprintf("%x%x", c.Social.City, c.Social.Card)
}

// Command is a card command that wants secure messaging.
type Command struct {
	Order      string // for what it is; it is in the log of uses
	Card       Card
	KeyVersion byte    // of a transit card, as it answered it; without meaning for others
	Challenge  [8]byte // of the card; one of four bytes with zeros behind
	Header     [4]byte // CLA INS P1 P2
	Data       []byte  // before it is enciphered, without the MAC
	// Permit is the centre's, signed. A backend does not look at it.
	Permit []byte
}

// The commands of which a MAC is made: PIN UNBLOCK, and UPDATE BINARY of a transit card's last day,
// which is four bytes of file 0015.
const (
	insUnblockPIN = 0x24
	insUpdateFile = 0xD6
	lastDayOffset = 24
	lastDaySize   = 4
)

// writesLastDay reports whether the command writes the last day, and nothing else.
func (c Command) writesLastDay() bool {
	return c.Header == [4]byte{0x04, insUpdateFile, 0x80 | tunion.ApplicationSFI, lastDayOffset} && len(c.Data) == lastDaySize
}

// maxData bounds the data of a command: with length byte, padding and MAC it stays a short one.
const maxData = 200

// ErrCommand says that no MAC is made of such a command.
var ErrCommand = language.Textf("no command that the key service secures")

// Role is the key that a command is secured with, and whether its data are enciphered. It fails
// with ErrCommand.
func (c Command) Role() (role keys.Role, enciphered bool, err error) {
	transit := c.Card.Kind == Transit
	switch class, ins := c.Header[0], c.Header[1]; {
	case len(c.Data) > maxData:
		return 0, false, fmt.Errorf("%w: %d bytes of data, at most %d", ErrCommand, len(c.Data), maxData)
	case class == 0x84 && ins == insUnblockPIN && transit:
		return keys.RolePIN, true, nil
	case class == 0x84 && ins == insUnblockPIN && c.Card.Kind == SocialSecurity:
		return keys.RoleSocialSecurityPIN, true, nil
	case c.writesLastDay() && transit:
		return keys.RoleApplicationMaintenance, false, nil
	}
	return 0, false, fmt.Errorf("%w: %x of a %s card", ErrCommand, c.Header, c.Card.Kind)
}

// Message is what the MAC of a command covers: the header, the length byte as it is sent and the
// data as they are sent.
func (c Command) Message(data []byte) []byte {
	return append(append(c.Header[:], byte(len(data)+len(keys.MAC{}))), data...)
}

// ErrBatch says that the backend has no transport key of a batch of blanks.
var ErrBatch = language.Textf("there is no transport key of this batch of blanks")

// Blank is a blank card that is to become a card.
type Blank struct {
	Order     string // by which the card is made: a name in the orders file
	Batch     string // of the blank; the service takes it from the order
	Card      Card
	Challenge [8]byte // of the blank
}

// Issue is what makes a blank card a card.
type Issue struct {
	Version byte    // of the keys
	Answer  [8]byte // to the challenge, for EXTERNAL AUTHENTICATE as the blank's issuer
	// Keys are the card's keys, sealed for the blank that gave the challenge: of a transit card
	// those of roles 1 to keys.CardRoles, of a social-security card those of
	// personalisation.SocialRoles.
	Keys []personalisation.Sealed
}

// Roles are the roles of a card's keys, in the order of Issue.Keys.
func (c Card) Roles() []keys.Role {
	if c.Kind == SocialSecurity {
		return personalisation.SocialRoles()
	}
	all := make([]keys.Role, keys.CardRoles)
	for i := range all {
		all[i] = keys.Role(i + 1)
	}
	return all
}

// Group is the data grouping that stores the keys on the card.
func (i *Issue) Group(kind Kind) (personalisation.Group, error) {
	switch {
	case kind == Transit && len(i.Keys) == keys.CardRoles:
		return personalisation.SealedTransitGroup(i.Version, [keys.CardRoles]personalisation.Sealed(i.Keys)), nil
	case kind == SocialSecurity && len(i.Keys) == len(personalisation.SocialRoles()):
		return personalisation.SealedSocialGroup(i.Version, [5]personalisation.Sealed(i.Keys)), nil
	}
	return personalisation.Group{}, fmt.Errorf("%d keys are not those of a %q card", len(i.Keys), kind)
}
