package main

import (
	"cmp"
	"context"

	"citycard/clearing/cards"
	"citycard/language"
	"citycard/terminals/page"
)

// planShift finds out what a clerk's request would do with the shift.
func (c *clerk) planShift(r page.Request) (*page.Plan, error) {
	switch r.Act {
	case "shift-open":
		return c.planOpen(r)
	case "hand-over":
		return c.planHandOver(r)
	case "give-back":
		return c.planGiveBack(r)
	}
	fen, err := amountOf(r.Values["counted"])
	if err != nil {
		return nil, err
	}
	return &page.Plan{
		Title: language.Textf("close the shift"),
		Rows: []page.Row{
			named(language.Textf("counted cash"), inYuan(int64(fen))), named(language.Textf("cash for loads in it"), inYuan(c.drawer.Loaded())),
		},
		Do: func(ctx context.Context) (*page.Did, error) {
			s, err := c.closeShift(ctx, fen, "counter")
			if err != nil {
				return nil, officeError(err)
			}
			return &page.Did{Title: closedText(&s), Warning: c.signOut(ctx)}, nil
		},
	}, nil
}

func (c *clerk) planOpen(r page.Request) (*page.Plan, error) {
	fen, err := amountOf(r.Values["start"])
	if err != nil {
		return nil, err
	}
	why := r.Values["why"]
	plan := &page.Plan{
		Title: language.Textf("open a shift"), Rows: []page.Row{named(language.Textf("cash in the drawer"), inYuan(int64(fen)))},
		Do: func(ctx context.Context) (*page.Did, error) {
			s, err := c.openShift(ctx, fen, why != "", cmp.Or(why, "counter"))
			if err != nil {
				return nil, officeError(err)
			}
			return &page.Did{Title: openText(&s)}, nil
		},
	}
	if why != "" {
		plan.Rows = append(plan.Rows, named(language.Textf("not as the shift before has left it"), plain(why)))
	}
	return plan, nil
}

func (c *clerk) planHandOver(r page.Request) (*page.Plan, error) {
	fen, err := amountOf(r.Values["amount"])
	if err != nil {
		return nil, err
	}
	to := cmp.Or(r.Values["to"], cards.ToSafe)
	return &page.Plan{
		Title: language.Textf("hand cash over"), Rows: []page.Row{named(placeText(to), inYuan(int64(fen)))},
		Do: func(ctx context.Context) (*page.Did, error) {
			s, err := c.handOver(ctx, fen, to, "counter")
			if err != nil {
				return nil, officeError(err)
			}
			return &page.Did{Title: handedText(&s, fen, to)}, nil
		},
	}, nil
}

func (c *clerk) planGiveBack(r page.Request) (*page.Plan, error) {
	fen, err := amountOf(r.Values["amount"])
	if err != nil {
		return nil, err
	}
	load := r.Values["load"]
	return &page.Plan{
		Title: language.Textf("give cash of a load back"), Rows: []page.Row{named(plain(load), inYuan(int64(fen)))},
		Do: func(ctx context.Context) (*page.Did, error) {
			s, err := c.giveBack(ctx, load, fen, "counter")
			if err != nil {
				return nil, officeError(err)
			}
			return &page.Did{Title: givenText(&s, load, fen)}, nil
		},
	}, nil
}

// placeText is where cash is handed over to, in words.
func placeText(to string) *language.Text {
	if to == cards.ToBank {
		return language.Textf("to the bank")
	}
	return language.Textf("to the safe")
}

// handOverForm is the form by which cash is handed over.
func handOverForm(add func(string, *language.Text, *language.Text, ...page.Field)) {
	add("hand-over", language.Textf("Hand cash over"), nil, amountField("amount", language.Textf("Yuan that are handed over"), false),
		page.Field{Name: "to", Label: language.Textf("Where to"), Kind: page.KindChoice, Options: []page.Option{
			{Value: cards.ToSafe, Text: placeText(cards.ToSafe)}, {Value: cards.ToBank, Text: placeText(cards.ToBank)},
		}})
}
