package message

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Reading has the fields of a tap or load that tell the card's state at that moment.
type Reading struct {
	Time    [TimeLen]byte // as signed
	Counter uint32        // of a tap: the offline sequence before it
	Balance int32         // after it, fen, below 0 overdrawn; of a load the TAC signs it with the allowance; of a tap it is only a claim
}

// Ride has the fields of a tap on which its price depends, and the amount that was paid.
type Ride struct {
	CardType, Line, Station, EntryStation uint32
	Mode                                  Mode
	Movement                              Movement
	AmountFen                             uint32
	Time, EntryTime                       [TimeLen]byte // zero where the tap has none of that length
	Update                                UpdateReason  // of a correction at a desk
	CashFen                               uint32        // paid for that beside the debit
	Before                                Before        // from which the passenger transferred; zero: none
}

// Enters reports whether the ride is an entry: at a gate, or written at a desk.
func (r *Ride) Enters() bool {
	return r.Movement == Movement_MOVEMENT_ENTRY || r.Update == UpdateReason_UPDATE_REASON_NO_ENTRY && r.EntryStation != 0
}

// Field numbers of citycard.proto.
const (
	tapDebit, tapCounter, tapBalance                     protowire.Number = 2, 3, 4
	tapMode, tapMovement, tapLine                        protowire.Number = 5, 6, 7
	tapStation, tapEntryStation, tapEntryAt, tapCardType protowire.Number = 8, 9, 10, 11
	tapUpdate, updateReason, updateCash                  protowire.Number = 15, 1, 2
	debitAmount, debitTime                               protowire.Number = 4, 7
	loadTime, loadBalance, loadOverdraft                 protowire.Number = 8, 9, 17
	tapBefore                                            protowire.Number = 19
	beforeMode, beforeOperator, beforeTime, beforeHere   protowire.Number = 1, 2, 3, 4
)

// Ride is what the price of the tap depends on.
func (t *Tap) Ride() (r Ride) {
	r = Ride{
		CardType: t.GetCardType(), Line: t.GetLine(), Station: t.GetStation(), EntryStation: t.GetEntryStation(),
		Mode: t.GetMode(), Movement: t.GetMovement(), AmountFen: t.GetDebit().GetAmountFen(),
	}
	r.Time, r.EntryTime = timeOf(t.GetDebit().GetTime()), timeOf(t.GetEntryTime())
	r.Update, r.CashFen = t.GetUpdate().GetReason(), t.GetUpdate().GetCashFen()
	r.Before = t.GetBefore().Ride()
	return r
}

// TapRide reads the same from an encoded tap without decoding the rest, since whole days are read.
// ok is false where the bytes are no tap.
func TapRide(b []byte) (r Ride, ok bool) {
	paid := false
	ok = fields(b, func(number protowire.Number, value uint64, inner []byte) bool {
		switch {
		case number == tapDebit && inner != nil:
			paid = true
			return fields(inner, r.debit)
		case number == tapUpdate && inner != nil:
			return fields(inner, r.update)
		case number == tapBefore && inner != nil:
			return fields(inner, r.Before.field)
		case number == tapEntryAt && inner != nil:
			r.EntryTime = timeOf(inner)
		case inner == nil:
			r.number(number, value)
		}
		return true
	})
	return r, ok && paid
}

func (r *Ride) debit(number protowire.Number, value uint64, inner []byte) bool {
	switch {
	case number == debitAmount && inner == nil:
		r.AmountFen = uint32(value)
	case number == debitTime && inner != nil:
		r.Time = timeOf(inner)
	}
	return true
}

func (r *Ride) update(number protowire.Number, value uint64, inner []byte) bool {
	switch {
	case number == updateReason && inner == nil:
		r.Update = UpdateReason(value)
	case number == updateCash && inner == nil:
		r.CashFen = uint32(value)
	}
	return true
}

func (b *Before) field(number protowire.Number, value uint64, inner []byte) bool {
	switch {
	case number == beforeTime && inner != nil:
		b.Time = timeOf(inner)
	case inner != nil:
	case number == beforeMode:
		b.Mode = Mode(value)
	case number == beforeOperator:
		b.Operator = uint32(value)
	case number == beforeHere:
		b.Here = uint32(value)
	}
	return true
}

func (r *Ride) number(number protowire.Number, value uint64) {
	switch number {
	case tapMode:
		r.Mode = Mode(value)
	case tapMovement:
		r.Movement = Movement(value)
	case tapLine:
		r.Line = uint32(value)
	case tapStation:
		r.Station = uint32(value)
	case tapEntryStation:
		r.EntryStation = uint32(value)
	case tapCardType:
		r.CardType = uint32(value)
	}
}

// timeOf is zero where the bytes have another length than a time.
func timeOf(b []byte) (at [TimeLen]byte) {
	Fixed(at[:], b)
	return at
}

// TapReading reads them from an encoded tap without decoding the rest: a day's close
// reads every tap of the day. ok is false where the bytes are no tap.
func TapReading(b []byte) (c Reading, ok bool) {
	ok = fields(b, func(number protowire.Number, value uint64, inner []byte) bool {
		switch number {
		case tapCounter:
			c.Counter = uint32(value)
		case tapBalance:
			c.Balance = int32(value)
		case tapDebit:
			return fields(inner, func(number protowire.Number, _ uint64, inner []byte) bool {
				return number != debitTime || Fixed(c.Time[:], inner)
			})
		}
		return true
	})
	return c, ok
}

// LoadReading reads them from an encoded load; Counter stays 0.
func LoadReading(b []byte) (c Reading, ok bool) {
	var balance, overdraft uint32
	ok = fields(b, func(number protowire.Number, value uint64, inner []byte) bool {
		switch number {
		case loadBalance:
			balance = uint32(value)
		case loadOverdraft:
			overdraft = uint32(value)
		case loadTime:
			return Fixed(c.Time[:], inner)
		}
		return true
	})
	c.Balance = own(balance, overdraft)
	return c, ok
}

// Own is what the purse holds after the load without its overdraft allowance, fen.
func (x *Load) Own() int32 { return own(x.GetNewBalanceFen(), x.GetOverdraftFen()) }

// own is a balance that a load signs, without the allowance that it claims.
func own(signed, overdraft uint32) int32 {
	return int32(min(signed, math.MaxInt32)) - int32(min(overdraft, math.MaxInt32))
}

// fields calls fn for each field of a message, with the value of a varint or the
// bytes of a length-delimited one.
func fields(b []byte, fn func(number protowire.Number, value uint64, inner []byte) bool) bool {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		var value uint64
		var inner []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			inner, n = protowire.ConsumeBytes(b)
		default: // no message that is read here has a field of another kind
			if n = protowire.ConsumeFieldValue(number, kind, b); n >= 0 {
				b = b[n:]
				continue
			}
		}
		if n < 0 || !fn(number, value, inner) {
			return false
		}
		b = b[n:]
	}
	return true
}
