package transcript

import (
	"context"
	"strings"
	"sync"

	"citycard/cardos/apdu"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// limit bounds the memory of a transcript; the oldest exchanges go first.
const limit = 4096

// Exchange is one command and its answer as far as they may be shown.
type Exchange struct {
	Header        [4]byte // zero for what was not a command
	Data          []byte  // of the command; nil when hidden
	HiddenCommand int     // bytes of the command that were not recorded
	Answer        []byte  // without the status word; nil when hidden
	HiddenAnswer  int
	Status        apdu.Status
	Failure       error // no answer came: why
	subject       apdu.Command
}

// Transcript is an apdu.Card that records what passes through it. It is safe for
// concurrent use.
type Transcript struct {
	card  apdu.Card
	watch func(Exchange) // or nil

	mu        sync.Mutex
	exchanges []Exchange
	file      uint16       // selected by identifier, 0 for none
	social    bool         // a social-security application is selected
	folder    bool         // of it one of the directories beside SSSE
	waiting   apdu.Command // answered 61xx: what GET RESPONSE will fetch
}

// New returns a transcript of what is said to card.
func New(card apdu.Card) *Transcript { return &Transcript{card: card} }

// Watch returns a transcript that also hands each exchange to fn as soon as the card
// has answered, one at a time.
func Watch(card apdu.Card, fn func(Exchange)) *Transcript {
	return &Transcript{card: card, watch: fn}
}

// Transmit passes the command on and records it with its answer.
func (t *Transcript) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := t.card.Transmit(ctx, command)
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.record(command, answer)
	e.Failure = err
	if len(t.exchanges) == limit {
		t.exchanges = append(t.exchanges[:0], t.exchanges[1:]...)
	}
	t.exchanges = append(t.exchanges, e)
	if t.watch != nil {
		t.watch(e)
	}
	return answer, err
}

// Exchanges returns what was recorded so far.
func (t *Transcript) Exchanges() []Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Exchange(nil), t.exchanges...)
}

// record keeps what may be kept.
func (t *Transcript) record(command, answer []byte) Exchange {
	cmd, err := apdu.ParseCommand(command)
	if err != nil {
		return Exchange{HiddenCommand: len(command)}.answered(answer, true)
	}
	subject := cmd
	if cmd.CLA == 0 && cmd.INS == 0xC0 && t.waiting.INS != 0 {
		subject = t.waiting
	}
	hideCommand, hideAnswer := t.secret(subject)
	e := Exchange{Header: cmd.Header()}
	e.subject = apdu.Command{CLA: subject.CLA, INS: subject.INS, P1: subject.P1, P2: subject.P2, Le: subject.Le}
	if hideCommand {
		e.HiddenCommand = len(cmd.Data)
	} else {
		e.Data = append([]byte(nil), cmd.Data...)
	}
	e = e.answered(answer, hideAnswer)
	t.follow(cmd, subject, e.Status)
	return e
}

func (e Exchange) answered(answer []byte, hide bool) Exchange {
	data, status, err := apdu.SplitAnswer(answer)
	if err != nil {
		e.HiddenAnswer = len(answer)
		return e
	}
	e.Status = status
	if hide {
		e.HiddenAnswer = len(data)
	} else {
		e.Answer = append([]byte(nil), data...)
	}
	return e
}

// follow keeps in mind which file is selected and which answer waits.
func (t *Transcript) follow(cmd, subject apdu.Command, status apdu.Status) {
	t.waiting = apdu.Command{}
	if _, more := status.IsMoreData(); more {
		t.waiting = apdu.Command{CLA: subject.CLA, INS: subject.INS, P1: subject.P1, P2: subject.P2}
	}
	if cmd.INS == 0xA4 && cmd.CLA == 0 {
		t.selected(cmd)
	}
}

// selected follows a SELECT, whether or not the card accepts it: hiding too much does no harm.
func (t *Transcript) selected(cmd apdu.Command) {
	t.file = 0
	if cmd.P1 == 4 {
		t.folder = strings.HasPrefix(string(cmd.Data), socialProvider)
		t.social = t.folder || strings.HasPrefix(ssc.AID, string(cmd.Data)) && len(cmd.Data) > 0
		return
	}
	if len(cmd.Data) != 2 {
		return
	}
	t.file = uint16(cmd.Data[0])<<8 | uint16(cmd.Data[1])
	t.folder = t.folder || t.file>>8 == 0xDF && t.social
}

// socialProvider begins the names of the directories beside SSSE.
const socialProvider = "\xD1\x56\x00\x00\x05"

// secret says which half of an exchange must not be kept.
func (t *Transcript) secret(cmd apdu.Command) (command, answer bool) {
	switch {
	case cmd.CLA != 0x00 && cmd.CLA != 0x04 && cmd.CLA != 0x80 && cmd.CLA != 0x84 && cmd.CLA != 0xBF:
		return true, true
	case cmd.INS == 0x20, cmd.INS == 0x24, cmd.INS == 0x5E: // PIN
		return true, false
	case cmd.CLA == 0x80 && cmd.INS == 0xE2: // keys
		return true, false
	case cmd.INS == 0xB0 || cmd.INS == 0xB2:
		return false, t.personal(cmd)
	case cmd.INS == 0xD6, cmd.INS == 0xDC, cmd.INS == 0xE2:
		return t.personal(cmd), false
	default:
		return false, false
	}
}

// personal reports whether a file command touches a holder's data.
func (t *Transcript) personal(cmd apdu.Command) bool {
	sfi := fileOf(cmd)
	if sfi == 0 {
		sfi = byte(t.file & 0x1F)
	}
	if t.social {
		return t.folder || sfi != ssc.SFIIssuer && sfi != ssc.SFIDirectory
	}
	return sfi == tunion.HolderSFI || sfi == ssc.SFIHolder || sfi == ssc.SFIIdentity
}

// fileOf is the short file identifier that a file command names, or 0.
func fileOf(cmd apdu.Command) byte {
	switch cmd.INS {
	case 0xB0, 0xD6:
		if cmd.P1&0x80 != 0 {
			return cmd.P1 & 0x1F
		}
	case 0xB2, 0xDC, 0xE2:
		return cmd.P2 >> 3
	}
	return 0
}
