package vcard_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/simulators/vcard"
)

// reader is vpcd's side of the wire.
type reader struct {
	t    *testing.T
	conn net.Conn
}

// listen makes a reader without a card and returns the function that waits for one.
func listen(t *testing.T) (address string, accept func() *reader) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l.Addr().String(), func() *reader {
		t.Helper()
		conn, err := l.Accept()
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		t.Cleanup(func() { _ = conn.Close() })
		return &reader{t, conn}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// send writes length and message apart, as vpcd does.
func (r *reader) send(message ...byte) {
	r.t.Helper()
	_, err := r.conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(message))))
	must(r.t, err)
	_, err = r.conn.Write(message)
	must(r.t, err)
}

func (r *reader) receive() []byte {
	r.t.Helper()
	var length [2]byte
	_, err := io.ReadFull(r.conn, length[:])
	must(r.t, err)
	b := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err = io.ReadFull(r.conn, b)
	must(r.t, err)
	return b
}

// gone reports whether the card's side closed the connection; it may have left
// bytes unread, which is a reset.
func (r *reader) gone() bool {
	_, err := r.conn.Read(make([]byte, 1))
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)
}

func TestProtocol(t *testing.T) {
	address, accept := listen(t)
	slot, card := vcard.NewSlot(address), chip.NewSocialSecurity(1)
	must(t, slot.Insert(t.Context(), card))
	r := accept()
	r.send(0x04)
	if atr := r.receive(); !bytes.Equal(atr, card.ATR()) {
		t.Errorf("ATR without power %x, want %x", atr, card.ATR())
	}
	r.send(0x01)
	r.send(0x04)
	if atr := r.receive(); !bytes.Equal(atr, card.ATR()) {
		t.Errorf("ATR with power %x", atr)
	}
	name, err := hex.DecodeString("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
	must(t, err)
	for range 2 {
		r.send(name...)
		if got := r.receive(); !bytes.Equal(got, []byte{0x61, 0x1E}) {
			t.Errorf("SELECT %x, want 611E", got)
		}
		r.send(0x02)
	}
	r.send(0x00)
	r.send(0x01)
	r.send(0x00, 0xC0, 0x00, 0x00, 0x1E)
	if got := r.receive(); bytes.HasSuffix(got, []byte{0x90, 0x00}) {
		t.Errorf("after power off and on an answer still waited: %x", got)
	}
	must(t, slot.Remove())
	if !r.gone() {
		t.Error("the card is still in")
	}
}

func TestInsertRemoveSwap(t *testing.T) {
	address, accept := listen(t)
	slot := vcard.NewSlot(address)
	if err := slot.Remove(); !errors.Is(err, vcard.ErrEmpty) {
		t.Errorf("remove from an empty slot: %v", err)
	}
	first, second := chip.NewTransit(1), chip.NewSocialSecurity(2)
	must(t, slot.Insert(t.Context(), first))
	if err := slot.Insert(t.Context(), second); !errors.Is(err, vcard.ErrOccupied) {
		t.Errorf("second card: %v", err)
	}
	r := accept()
	must(t, slot.Remove())
	if !r.gone() {
		t.Error("the first card is still in")
	}
	must(t, slot.Insert(t.Context(), second))
	r = accept()
	r.send(0x04)
	if atr := r.receive(); !bytes.Equal(atr, second.ATR()) {
		t.Errorf("ATR %x, want the second card's", atr)
	}
	// The reader goes away: the slot reports it, and can be used again.
	must(t, r.conn.Close())
	<-slot.Done()
	must(t, slot.Remove())
	must(t, slot.Insert(t.Context(), first))
	accept()
	must(t, slot.Remove())
}

// If the reader sends bytes that are not a message, the card ends with the reason.
func TestBadMessages(t *testing.T) {
	for _, message := range [][]byte{{0x03}, {0xFF}} {
		address, accept := listen(t)
		slot := vcard.NewSlot(address)
		must(t, slot.Insert(t.Context(), chip.NewTransit(1)))
		r := accept()
		r.send(message...)
		<-slot.Done()
		if err := slot.Remove(); err == nil {
			t.Errorf("message %x was taken", message)
		}
	}
	address, accept := listen(t)
	slot := vcard.NewSlot(address)
	must(t, slot.Insert(t.Context(), chip.NewTransit(1)))
	r := accept()
	_, err := r.conn.Write([]byte{0x00, 0x05, 0x00, 0xA4}) // cut short
	must(t, err)
	must(t, r.conn.Close())
	<-slot.Done()
	if err := slot.Remove(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("message cut short: %v", err)
	}
}

// stalling answers nothing until it is taken out.
type stalling struct{ *chip.Chip }

func (stalling) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestStallingCardCanBeTakenOut(t *testing.T) {
	address, accept := listen(t)
	slot := vcard.NewSlot(address)
	must(t, slot.Insert(t.Context(), stalling{chip.NewTransit(1)}))
	r := accept()
	r.send(1)
	r.send(0x00, 0x84, 0x00, 0x00, 0x08)
	must(t, slot.Remove())
	if !r.gone() {
		t.Error("the card is still in")
	}
}

// A card that loses its power is out, with the reason.
func TestDyingCard(t *testing.T) {
	address, accept := listen(t)
	slot, card := vcard.NewSlot(address), chip.NewTransit(1)
	must(t, slot.Insert(t.Context(), card))
	r := accept()
	r.send(1)
	r.send(4)
	r.receive()
	card.PowerOff() // by itself
	r.send(0x00, 0x84, 0x00, 0x00, 0x08)
	if !r.gone() {
		t.Error("the card is still in")
	}
	<-slot.Done()
	if err := slot.Remove(); !errors.Is(err, chip.ErrNoPower) {
		t.Errorf("%v, want the chip's reason", err)
	}
}

// A card that receives a command before it is powered has been taken for the previous card: it goes
// out, comes again, and is then treated like any other card. It can be taken out meanwhile.
func TestMistakenCardComesAgain(t *testing.T) {
	address, accept := listen(t)
	slot := vcard.NewSlot(address)
	must(t, slot.Insert(t.Context(), chip.NewTransit(1)))
	r := accept()
	r.send(4)
	r.receive()
	r.send(0x00, 0x84, 0x00, 0x00, 0x08)
	if !r.gone() {
		t.Fatal("the card stayed in")
	}
	r = accept()
	r.send(1)
	r.send(0x00, 0x84, 0x00, 0x00, 0x08)
	if answer := r.receive(); len(answer) != 10 {
		t.Errorf("answered %X", answer)
	}
	must(t, slot.Remove())
	if !r.gone() {
		t.Error("the card is still in")
	}
	must(t, slot.Insert(t.Context(), chip.NewTransit(2)))
	r = accept()
	r.send(0x00, 0x84, 0x00, 0x00, 0x08)
	if !r.gone() {
		t.Fatal("the card stayed in")
	}
	must(t, slot.Remove())
}

func TestNoReader(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := l.Addr().String()
	must(t, l.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := vcard.NewSlot(address).Insert(ctx, chip.NewTransit(1)); !errors.Is(err, vcard.ErrNoReader) {
		t.Errorf("%v, want ErrNoReader", err)
	}
}
