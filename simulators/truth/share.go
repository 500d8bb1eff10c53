package truth

import (
	"fmt"
	"math/bits"

	"github.com/shopspring/decimal"
)

// share is a part of a whole in billionths; documents write it with nine decimals at most.
type share int64

const whole = 1_000_000_000

// UnmarshalJSON reads a number from 0 to 1, with or without quotes.
func (s *share) UnmarshalJSON(data []byte) error {
	var d decimal.Decimal
	if err := d.UnmarshalJSON(data); err != nil {
		return err
	}
	if d = d.Shift(9); !d.IsInteger() || d.IsNegative() || d.GreaterThan(decimal.NewFromInt(whole)) {
		return fmt.Errorf("share %s, want 0 to 1 with at most nine decimals", data)
	}
	*s = share(d.IntPart())
	return nil
}

// exact is an amount in billionths of a fen, 128 bits wide.
type exact struct{ high, low uint64 }

// plus adds the share of an amount that is not negative.
func (e exact) plus(fen int64, s share) exact {
	high, low := bits.Mul64(uint64(fen), uint64(s))
	var carry uint64
	e.low, carry = bits.Add64(e.low, low, 0)
	e.high, _ = bits.Add64(e.high, high, carry)
	return e
}

// rounding says how an amount becomes a whole fen.
type rounding string

const (
	halfUp rounding = "half_up"
	down   rounding = "down"
	up     rounding = "up"
)

// UnmarshalText reads the name of a rule of rounding.
func (r *rounding) UnmarshalText(text []byte) error {
	switch *r = rounding(text); *r {
	case halfUp, down, up:
		return nil
	}
	return fmt.Errorf("rounding %q, want half_up, down or up", text)
}

// fen rounds: half a fen up to the next, or any part of a fen up or down.
func (r rounding) fen(e exact) int64 {
	var more uint64
	switch r {
	case halfUp:
		more = whole / 2
	case up:
		more = whole - 1
	}
	low, carry := bits.Add64(e.low, more, 0)
	fen, _ := bits.Div64(e.high+carry, low, whole)
	return int64(fen)
}
