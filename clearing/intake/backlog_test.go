package intake_test

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
)

const (
	benchTerminals = 1000
	benchPurse     = 10_000 // fen, in the purse of each who rides
	benchFen       = 80     // of a ride
	chunkTaps      = 10_000
)

// backlog is that of the benchmark: any part of it can be made again.
type backlog struct {
	taps, riders int
	town         *clearingtest.Town
	signer       *keys.TACSigner
}

// benchTap is a tap as the broker has it (the transfer's evidence) and as it is booked.
type benchTap struct {
	transfer  ledger.Transfer
	partition int32
	times     int  // in this place
	first     bool // not the repeat of an earlier place
}

func newBacklog(t testing.TB, taps int) backlog {
	l := backlog{taps: taps, riders: min(max(taps/5, 1), benchCards)}
	l.town = clearingtest.New(t, func(files map[string]string) {
		for name, text := range l.files() {
			files[name] = text
		}
	})
	l.signer = keys.NewTACSigner(l.town.Keys.TACMaster())
	return l
}

// files are the registry without the cards.
func (l *backlog) files() map[string]string {
	files := clearingtest.Files()
	files["operators.csv"] += "rural,城乡公交,Rural,bus,20200101,\n"
	for i := range benchTerminals {
		terminal, operator := benchTerminal(i), "bus"
		if i%10 == 0 {
			operator = "rural"
		}
		files["terminals.csv"] += hex.EncodeToString(terminal[:]) + "," + operator + ",bus,1,,20200101,\n"
	}
	return files
}

func benchTerminal(i int) [6]byte { return [6]byte{0x32, 0, 0, 0, byte(i >> 8), byte(i)} }

// writeRegistry writes the registry with all cards.
func (l *backlog) writeRegistry(dir string) (err error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	for name, text := range l.files() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(filepath.Join(dir, "cards.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := bufio.NewWriterSize(file, 1<<20)
	for i := range benchCards {
		card := benchCard(i)
		if _, err := fmt.Fprintf(w, "%x,%s,01,active,20200101,20401231\n", card[:], clearingtest.Issuer); err != nil {
			return err
		}
	}
	return w.Flush()
}

// benchCard is a registered card: digits only, in runs as cards are issued.
func benchCard(i int) [10]byte {
	bcd := func(n int) byte { return byte(n/10%10<<4 | n%10) }
	return [10]byte{0x03, 0x10, 0x50, 0x70, 0x30, 0, bcd(i / 1_000_000), bcd(i / 10_000), bcd(i / 100), bcd(i)}
}

// card is the one of a rider: they are spread over all that are registered.
func (l *backlog) card(rider int) [10]byte { return benchCard(rider * (benchCards / l.riders)) }

// rider is whose the n-th tap is: each rides once before any rides again, in no order of their
// numbers, as in a city.
func (l *backlog) rider(n int) int {
	const prime = 123_457
	return n % l.riders * prime % l.riders
}

// sent counts the records, repeats included: two of a hundred.
func (l *backlog) sent() int { return l.taps + l.taps/100 + l.taps/100 }

// chunk makes chunkTaps taps from the n-th on, or the rest, and the repeats among them: of each
// hundred, one follows its original, one is sent with the end of the chunk. It signs them on all
// cores.
func (l *backlog) chunk(n int) []benchTap {
	count := min(chunkTaps, l.taps-n)
	signed := make([]keys.PurchaseRecord, count)
	issuer := [8]byte(clearingtest.Hex(clearingtest.Issuer))
	for i := range signed {
		s := &signed[i]
		s.Card = keys.CardID{Issuer: issuer, ASN: l.card(l.rider(n + i))}
		s.Amount, s.Type, s.Terminal = benchFen, 0x09, benchTerminal((n+i)%benchTerminals)
		s.TerminalSequence = uint32((n+i)/benchTerminals + 1)
		message.Fixed(s.Time[:], message.AppendTime(nil, noon(5).Add(time.Duration((n+i)%30_000)*time.Second/2)))
	}
	l.signer.SignPurchases(signed)
	taps := make([]benchTap, 0, count+count/100)
	for i := range signed {
		taps = append(taps, l.tap(n+i, &signed[i]))
	}
	for i := 99; i < count; i += 100 {
		late := taps[i]
		late.first = false
		taps = append(taps, late)
	}
	return taps
}

func (l *backlog) tap(n int, s *keys.PurchaseRecord) benchTap {
	ride := n / l.riders
	value := clearingtest.Encode(&message.Tap{
		Debit: &message.Debit{
			Card: s.Card.ASN[:], Issuer: s.Card.Issuer[:], Type: uint32(s.Type), AmountFen: s.Amount, Terminal: s.Terminal[:],
			TerminalSequence: s.TerminalSequence, Time: s.Time[:], Tac: s.TAC[:], KeyVersion: 1,
		},
		Medium: message.Medium_MEDIUM_CONTACTLESS, CardCounter: uint32(ride), BalanceFen: int32(benchPurse - benchFen*(ride+1)),
		Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 1, CardType: 1, FareVersion: l.town.Rules.Current().Tables.All()[0].Version(),
		Vehicle: "M00101",
	})
	payee := "bus"
	if n%benchTerminals%10 == 0 {
		payee = "rural"
	}
	t := benchTap{
		partition: int32(l.rider(n) % benchParts), times: 1, first: true,
		transfer: ledger.Transfer{
			Day: today, Subject: identity.CardOf(s.Card).Subject(), ID: identity.Spend(s.Type, s.Terminal[:], s.TerminalSequence),
			Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(chart.Operator(payee)), Amount: benchFen, Purpose: chart.PurposeBus, Evidence: value,
		},
	}
	if n%100 == 49 {
		t.times = 2
	}
	return t
}
