package apdu

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"citycard/language"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("bad hex in test: %v", err)
	}
	return b
}

func TestCommandForms(t *testing.T) {
	long := bytes.Repeat([]byte{0xAB}, 300)
	cases := []struct {
		name string
		cmd  Command
		want string
	}{
		{"no data", Command{CLA: 0, INS: 0x70, P1: 1, P2: 2, Le: NoLe}, "00700102"},
		{"answer only", Command{CLA: 0x80, INS: 0x5C, P2: 2, Le: 4}, "805C000204"},
		{"all there is", Command{INS: 0xC0, Le: 0}, "00C0000000"},
		{"256", Command{INS: 0xC0, Le: 256}, "00C0000000"},
		{"data", Command{INS: 0x20, Data: []byte{0x12, 0x34}, Le: NoLe}, "00200000021234"},
		{"both", Command{INS: 0xA4, P1: 4, Data: []byte{0x3F, 0}, Le: 0}, "00A40400023F0000"},
		{"extended answer", Command{INS: 0xB0, Le: 300}, "00B0000000012C"},
		{"extended data", Command{INS: 0xD6, Data: long, Le: NoLe}, "00D6000000012C" + hex.EncodeToString(long)},
		{"extended both", Command{INS: 0xD6, Data: long, Le: 0}, "00D6000000012C" + hex.EncodeToString(long) + "0000"},
	}
	for _, c := range cases {
		raw, err := c.cmd.Encode()
		if err != nil || !bytes.Equal(raw, unhex(t, c.want)) {
			t.Errorf("%s: %X, %v, want %s", c.name, raw, err, c.want)
			continue
		}
		back, err := ParseCommand(raw)
		want := c.cmd
		if want.Le == 256 {
			want.Le = 0
		}
		if err != nil || back.Header() != want.Header() || !bytes.Equal(back.Data, want.Data) || back.Le != want.Le {
			t.Errorf("%s: parsed %+v, %v", c.name, back, err)
		}
	}
	for _, bad := range []string{"", "00A404", "00A40400023F", "00A40400023F000000", "00B000000001", "00B000000000003F"} {
		if c, err := ParseCommand(unhex(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s parsed as %+v, %v, want ErrMalformed", bad, c, err)
		}
	}
	if _, err := (Command{Le: 65537}).Encode(); err == nil {
		t.Error("Le 65537 was encoded")
	}
	if _, err := (Command{Data: make([]byte, 65536), Le: NoLe}).Encode(); err == nil {
		t.Error("65536 bytes were encoded")
	}
}

// FuzzParseCommand: whatever parses encodes to the same bytes or to the shorter
// form of the same command.
func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"805C000204", "00A4040008A00000063201010500", "00D6000000012C", "00B0000000012C"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := ParseCommand(raw)
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil {
			t.Fatalf("%X parsed, but does not encode: %v", raw, err)
		}
		d, err := ParseCommand(again)
		if err != nil || d.Header() != c.Header() || !bytes.Equal(c.Data, d.Data) {
			t.Fatalf("%X became %X: %v", raw, again, err)
		}
	})
}

// script is a card that answers from a list.
type script struct {
	t       *testing.T
	answers []string
	got     []string
}

func (s *script) Transmit(_ context.Context, c []byte) ([]byte, error) {
	s.got = append(s.got, strings.ToUpper(hex.EncodeToString(c)))
	if len(s.answers) == 0 {
		return nil, errors.New("card is gone")
	}
	a := s.answers[0]
	if len(s.answers) > 1 || a != "AA6101" { // the endless one repeats
		s.answers = s.answers[1:]
	}
	return unhex(s.t, a), nil
}

func TestExchange(t *testing.T) {
	cases := []struct {
		name    string
		answers []string
		want    string
		sent    []string
		err     error
		status  Status
	}{
		{"at once", []string{"01029000"}, "0102", []string{"805C000204"}, nil, 0},
		{"get response", []string{"6102", "01029000"}, "0102", []string{"805C000204", "00C0000002"}, nil, 0},
		{"in parts", []string{"6101", "016101", "029000"}, "0102", []string{"805C000204", "00C0000001", "00C0000001"}, nil, 0},
		{"right length", []string{"6C02", "01029000"}, "0102", []string{"805C000204", "805C000202"}, nil, 0},
		{"right length, then more", []string{"6C02", "6102", "01029000"}, "0102", []string{"805C000204", "805C000202", "00C0000002"}, nil, 0},
		{"refused", []string{"6A82"}, "", []string{"805C000204"}, nil, FileNotFound},
		{"right length twice", []string{"6C02", "6C03"}, "", []string{"805C000204", "805C000202"}, nil, 0x6C03},
		{"warning keeps the data", []string{"01026283"}, "0102", []string{"805C000204"}, nil, FileInvalidated},
		{"endless", []string{"AA6101"}, "", nil, errEndless, 0},
		{"too short", []string{"90"}, "", []string{"805C000204"}, ErrMalformed, 0},
		{"nothing", []string{""}, "", []string{"805C000204"}, ErrMalformed, 0},
	}
	for _, c := range cases {
		card := &script{t: t, answers: c.answers}
		data, err := Exchange(context.Background(), card, Command{CLA: 0x80, INS: 0x5C, P2: 2, Le: 4})
		switch {
		case c.err != nil:
			if !errors.Is(err, c.err) {
				t.Errorf("%s: %v, want %v", c.name, err, c.err)
			}
		case c.status != 0:
			if !c.status.Is(err) {
				t.Errorf("%s: %v, want %s", c.name, err, c.status)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		}
		if c.err == nil && !bytes.Equal(data, unhex(t, c.want)) {
			t.Errorf("%s: data %X, want %s", c.name, data, c.want)
		}
		if c.sent != nil && strings.Join(card.got, " ") != strings.Join(c.sent, " ") {
			t.Errorf("%s: sent %v, want %v", c.name, card.got, c.sent)
		}
	}
}

// Every status word has a meaning of its own in both languages, and an error says it.
func TestMeanings(t *testing.T) {
	all := []Status{
		OK, DataMayBeCorrupt, EndOfFile, FileInvalidated, AuthenticationFailed, MemoryFailure, WrongLength,
		SecureMessagingUnknown, CannotHandle, WrongState, IncompatibleFile, SecurityNotSatisfied, Locked, NoChallenge,
		ConditionsNotSatisfied, NoCurrentFile, SecureMessagingMissing, SecureMessagingIncorrect, WrongData,
		FunctionNotSupported, FileNotFound, RecordNotFound, NoSpace, WrongParameters, KeyNotFound, WrongOffset,
		INSNotSupported, CLANotSupported, NoDiagnosis, InsufficientFunds, MACInvalid, PermanentlyBlocked,
		InsufficientAmount, CounterAtMaximum, KeyIndexUnsupported, MACUnavailable, MoreData(8), ExactLength(8), TriesLeft(2),
	}
	seen := map[string]Status{}
	for _, s := range all {
		for _, l := range []language.Language{{}, language.Chinese()} {
			text := s.Describe(l)
			if strings.Contains(text, "unknown status") || strings.Contains(text, "未知状态") {
				t.Errorf("%s has no meaning in %s", s, l.String())
			}
			if other, ok := seen[text]; ok {
				t.Errorf("%s and %s both mean %q", s, other, text)
			}
			seen[text] = s
		}
	}
	err := error(&StatusError{Header: [4]byte{0x80, 0x54, 1, 0}, Status: MACInvalid})
	if got := err.Error(); got != "card answered 9302 to 80540100: MAC invalid" {
		t.Errorf("error says %q", got)
	}
	if got := language.Error(language.Chinese(), fmt.Errorf("%w", err)); got != "卡片对 80540100 应答 9302：MAC无效" {
		t.Errorf("in Chinese the error says %q", got)
	}
	if !IsMACRefused(err) || IsNotFound(err) || IsInsufficient(err) || IsBlocked(err) || IsSecurity(err) {
		t.Error("9302 is sorted wrongly")
	}
	if Status(0x1234).Describe(language.Language{}) != "unknown status word 1234" {
		t.Error("an unknown word is not named by its number")
	}
}

// The answers after which a command may still have been carried out: warnings, changed memory, no
// diagnosis, and no answer at all.
func TestUndone(t *testing.T) {
	for _, undone := range []Status{0x6400, 0x6700, 0x6982, 0x6985, 0x6A88, 0x6D00, 0x9302, 0x9401} {
		if err := fmt.Errorf("debit: %w", &StatusError{Status: undone}); !IsUndone(err) {
			t.Errorf("%v is said to leave it open", err)
		}
	}
	for _, open := range []error{
		&StatusError{Status: 0x6281}, &StatusError{Status: 0x63C2}, &StatusError{Status: 0x6581}, &StatusError{Status: 0x6F00},
		errEndless, ErrMalformed, context.Canceled, nil,
	} {
		if IsUndone(open) {
			t.Errorf("%v is taken for a refusal", open)
		}
	}
}
