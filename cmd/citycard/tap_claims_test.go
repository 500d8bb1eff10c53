package main

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// TestFalseClaims holds a bus ride that claims a trip before it against the day's taps of its card:
// the trip that was booked, and one that never was.
func TestFalseClaims(t *testing.T) {
	b, dir := bookstest.New(t)
	bookRides(t, b.Ledger)
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	r := &tapReader{books: b, booked: docket.NewReader()}
	var err error
	if r.accounts, err = b.Accounts(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.readTables(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rides []ledger.Row
	if err := b.Scan(t.Context(), 20260105, 20260105, func(row ledger.Row) error {
		rides = append(rides, row)
		return nil
	}); err != nil || len(rides) != 3 {
		t.Fatalf("%d rides, %v", len(rides), err)
	}
	trip := []byte{0x20, 0x26, 0x01, 0x05, 0x08, 0x20, 0x00}
	for _, test := range []struct {
		second byte
		why    string
	}{{0x00, ""}, {0x01, claimUnseen}} {
		row, tap := rides[1], new(message.Tap)
		if err := proto.Unmarshal(row.Evidence, tap); err != nil {
			t.Fatal(err)
		}
		tap.Before = &message.RideBefore{Mode: message.Mode_MODE_METRO, Operator: 1, Time: append(trip[:6:6], test.second), Here: 2}
		if row.Evidence, err = proto.Marshal(tap); err != nil {
			t.Fatal(err)
		}
		item, ok := r.read(&row)
		wrong, err := r.claimsFalsely(t.Context(), &row, &item)
		if err != nil || !ok || wrong != (test.why != "") || wrong && item.Charge.Why != test.why {
			t.Errorf("second %02x: %t, %+v, %v; want %q", test.second, wrong, item.Charge, err, test.why)
		}
	}
}
