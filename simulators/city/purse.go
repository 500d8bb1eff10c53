package city

import (
	"context"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// readBalance asks a transit card what it holds, in fen.
func readBalance(ctx context.Context, card apdu.Card) (int64, error) {
	if _, err := apdu.Exchange(ctx, card, apdu.Select(tunion.AIDPurse.Bytes())); err != nil {
		return 0, fmt.Errorf("select the purse: %w", err)
	}
	answer, err := apdu.Exchange(ctx, card, purse.GetBalance(purse.Own, purse.EP))
	if err != nil {
		return 0, fmt.Errorf("read the balance: %w", err)
	}
	fen, err := purse.ParseBalance(answer)
	return int64(fen), err
}
