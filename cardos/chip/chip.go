package chip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/personalisation"
)

// Errors of Transmit: no answer came.
var (
	// ErrNoPower says that the chip is not powered: call PowerOn first.
	ErrNoPower = errors.New("chip has no power")
	// ErrPowerLost says that the power went during the command.
	ErrPowerLost = errors.New("chip lost power during the command")
	// ErrNotKept says that a change could not be stored outside (see [Chip.Keep]); the chip then
	// lost its power.
	ErrNotKept = errors.New("the card's change could not be kept")
)

// Profile is a kind of card.
type Profile byte

// Profiles.
const (
	Transit          Profile = 1
	SocialSecurity   Profile = 2 // of version 2 or 3
	SAM              Profile = 3
	SocialSecurityV1 Profile = 4
	CityUnion        Profile = 6 // transit, with an application of the older city union beside the purse
	Dual             Profile = 5 // purse and social security on one chip, with two interfaces
)

// String names the profile.
func (p Profile) String() string {
	switch p {
	case Transit:
		return "transit"
	case CityUnion:
		return "city-union"
	case SocialSecurity:
		return "ssc"
	case SAM:
		return "psam"
	case SocialSecurityV1:
		return "ssc-v1"
	case Dual:
		return "dual"
	default:
		return "unknown"
	}
}

// Moment is a point in the life of a command.
type Moment int

// Moments at which the power can go.
const (
	never Moment = iota
	// BeforeCommit: the command was received, nothing permanent has changed.
	BeforeCommit
	// AfterCommit: the change is permanent, the answer was not sent.
	AfterCommit
)

// Chip is one card. It is safe for concurrent use, one command at a time.
type Chip struct {
	mu sync.Mutex

	profile     Profile
	atr         []byte // contactless, or of the only interface
	contactATR  []byte // of a second, contact interface
	contact     bool   // T=0
	macFirst    bool   // GET TRANSACTION PROVE gives MAC2 before TAC
	blocked     bool
	random      *rand.PCG
	root        *directory
	directories []*directory // what can be selected beside the root

	powered bool
	session session
	tear    Moment
	keep    func(image []byte) error // or nil
	// transport is the key of the blank's batch; nil: that of samples, which is published.
	transport *keys.Key
	failure   error // why the last change was not kept
}

// OfBatch gives a blank the transport key of a batch, as its maker does before it delivers it. An
// image does not keep it: a blank that was stored is a sample.
func (c *Chip) OfBatch(key keys.Key) *Chip {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transport = &key
	return c
}

// transportKey is the key under which the blank is personalised.
func (c *Chip) transportKey() keys.Key {
	if c.transport != nil {
		return *c.transport
	}
	return personalisation.SampleKey()
}

// PowerOn powers the chip, or resets it when it has power, and returns its ATR.
func (c *Chip) PowerOn() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = session{}
	c.powered, c.failure = true, nil
	c.session.current = c.root
	return c.resetAnswer()
}

// resetAnswer is the ATR of the interface in use.
func (c *Chip) resetAnswer() []byte {
	if c.contact && c.contactATR != nil {
		return append([]byte(nil), c.contactATR...)
	}
	return append([]byte(nil), c.atr...)
}

// Reset is PowerOn under the name a reader uses while the card has power.
func (c *Chip) Reset() []byte { return c.PowerOn() }

// PowerOff takes the power away: the session and whatever was not committed are
// gone.
func (c *Chip) PowerOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lose()
}

func (c *Chip) lose() {
	c.powered = false
	c.session = session{}
}

// ATR is the answer to reset, without resetting.
func (c *Chip) ATR() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resetAnswer()
}

// Profile tells the kind of card.
func (c *Chip) Profile() Profile { return c.profile }

// Format hides the chip's memory, keys included, from every fmt verb.
func (c *Chip) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "["+c.profile.String()+" chip]") }

// LosePower makes the next command that changes the card's permanent state lose power at the given
// moment; Transmit then returns ErrPowerLost.
func (c *Chip) LosePower(at Moment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tear = at
}

// Keep calls fn with the card's image, at once and then with each change. It does so before the
// command is answered, since a real card's memory is also written before the answer. If fn fails,
// the card loses its power instead of answering; its memory has the change, as after a late loss of
// power. fn must not call the chip.
func (c *Chip) Keep(fn func(image []byte) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = fn
	return c.kept()
}

func (c *Chip) kept() error {
	if c.keep == nil {
		return nil
	}
	image, err := c.image()
	if err == nil {
		err = c.keep(image)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	return nil
}

// Transmit answers one command APDU; it implements apdu.Card. It fails with
// ErrNoPower, ErrPowerLost or ErrNotKept, or when ctx is done before the command begins.
// A malformed command is answered 6700.
func (c *Chip) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.powered {
		return nil, ErrNoPower
	}
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return answer(nil, apdu.WrongLength), nil
	}
	data, status := c.dispatch(cmd)
	switch {
	case c.failure != nil:
		return nil, c.failure
	case !c.powered: // torn inside commit
		return nil, ErrPowerLost
	}
	if c.contact && cmd.INS != insGetResponse {
		data, status = c.hold(cmd, data, status)
	}
	return answer(data, status), nil
}

func answer(data []byte, status apdu.Status) []byte {
	out := make([]byte, 0, len(data)+2)
	out = append(out, data...)
	return append(out, byte(status>>8), byte(status))
}

// hold adapts an answer to T=0: the answer to a command with data waits for GET RESPONSE, and a
// wrong Le is corrected.
func (c *Chip) hold(cmd apdu.Command, data []byte, status apdu.Status) ([]byte, apdu.Status) {
	if len(data) == 0 || status != apdu.OK {
		return data, status
	}
	if cmd.Le != apdu.NoLe && len(cmd.Data) == 0 {
		if cmd.Le == len(data) || cmd.Le == 0 && len(data) == 256 {
			return data, status
		}
		return nil, apdu.ExactLength(len(data))
	}
	c.session.waiting = append([]byte(nil), data...)
	return nil, apdu.MoreData(len(data))
}

// commit makes staged changes permanent. It is the only place where a command changes the state
// that survives a loss of power, and where that state is stored outside. It reports false when the
// power was lost; the change is then either complete or absent.
func (c *Chip) commit(change func()) bool {
	at := c.tear
	c.tear = never
	if at == BeforeCommit {
		c.lose()
		return false
	}
	change()
	c.failure = c.kept()
	if at == AfterCommit || c.failure != nil {
		c.lose()
		return false
	}
	return true
}

// fill writes random bytes of the chip's generator.
func (c *Chip) fill(b []byte) {
	for len(b) > 0 {
		v := c.random.Uint64()
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0] = byte(v >> (8 * i))
			b = b[1:]
		}
	}
}
