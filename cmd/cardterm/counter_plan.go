package main

import (
	"context"
	"errors"

	"citycard/clearing/cards"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/counter"
	"citycard/terminals/page"
	"citycard/terminals/reader"
)

// plan finds out what a clerk's request would do, for the page.
func (c *clerk) plan(ctx context.Context, r page.Request) (*page.Plan, error) {
	plan, err := c.planOf(ctx, r)
	return plan, counterError(err)
}

func (c *clerk) planOf(ctx context.Context, r page.Request) (*page.Plan, error) {
	switch r.Act {
	case "top-up":
		c.present(ctx) // a session that nobody uses ends
		return c.planTopUp(ctx, r)
	case "resolve":
		return c.planResolve(ctx)
	case "pin":
		return c.planPIN(r)
	}
	if c.present(ctx) == nil {
		return nil, service.Refuse("nothing was done").Todo("sign in").Because(language.Textf("nobody is signed in"))
	}
	switch r.Act {
	case "shift-open", "shift-close", "hand-over", "give-back":
		return c.planShift(r)
	case "again":
		return c.planAgain(r)
	case "give-up":
		return c.planGiveUp(r)
	}
	do, ok := map[string]cards.Do{
		"sell": cards.Sell, "replace": cards.Replace, "extend": cards.Extend, "return": cards.Return, "unblock-pin": cards.UnblockPIN, "report-loss": cards.ReportLoss, "found": cards.Find,
	}[r.Act]
	if !ok {
		return nil, service.Refuse("nothing was done").Because(language.Textf("there is no such form"))
	}
	if do == cards.ReportLoss && r.Values["brief"] != "" {
		do = cards.ReportBrief
	}
	return c.planStep(ctx, do, r)
}

// amountOf reads an amount that was typed.
func amountOf(text string) (uint32, error) {
	var y yuanValue
	if err := y.Set(text); err != nil {
		return 0, service.Refuse("nothing was done").Todo("type the amount again").Because(err)
	}
	return y.fen, nil
}

func (c *clerk) planTopUp(ctx context.Context, r page.Request) (*page.Plan, error) {
	if err := c.mayTake(); err != nil {
		return nil, err
	}
	fen, err := amountOf(r.Values["amount"])
	if err != nil {
		return nil, err
	}
	if fen == 0 {
		return nil, service.Refuse("nothing was done").Todo("type the amount again").Because(language.Textf("an amount above 0 is needed"))
	}
	seen, at, err := c.look(ctx, lookWait)
	if err != nil {
		return nil, err
	}
	if err := c.loadable(&seen, at); err != nil {
		return nil, err
	}
	return &page.Plan{
		Title: language.Textf("top up card %s", seen.Number()),
		Rows: []page.Row{
			named(language.Textf("the customer pays"), inYuan(int64(fen))),
			named(language.Textf("balance"), inYuan(int64(seen.Transit.BalanceFen))),
			named(language.Textf("afterwards"), inYuan(int64(seen.Transit.BalanceFen)+int64(fen))),
		},
		Do: func(ctx context.Context) (*page.Did, error) {
			load, err := c.topUp(ctx, &seen, fen)
			if err != nil {
				return nil, counterError(err)
			}
			did := &page.Did{Title: language.Textf("card %s has got %s yuan", seen.Number(), yuan(fen)), Rows: []page.Row{named(language.Textf("balance"), inYuan(int64(load.Own())))}}
			c.receipt(ctx, did, load.GetOrder())
			return did, nil
		},
	}, nil
}

// receipt prints a receipt; if it waits, the page says so.
func (c *clerk) receipt(ctx context.Context, did *page.Did, number string) {
	if c.print.printer == "" {
		return
	}
	if err := c.printNow(ctx, number); err != nil {
		did.Warning = errors.Join(did.Warning, language.Textf("the receipt waits, the printer does not take it: %w", err))
		did.Receipts = append(did.Receipts, number)
	}
}

func (c *clerk) planResolve(ctx context.Context) (*page.Plan, error) {
	seen, _, err := c.look(ctx, lookWait)
	if err != nil {
		return nil, err
	}
	plan := &page.Plan{Title: language.Textf("finish what is open of card %s", seen.Number())}
	waits, err := c.waits(ctx, &seen)
	if err != nil && len(seen.Open) == 0 {
		return nil, err
	}
	for _, w := range waits {
		plan.Rows = append(plan.Rows, named(language.Textf("order %s, which waits for the card", w.Order), inYuan(int64(w.Fen))))
	}
	for _, o := range seen.Open {
		plan.Rows = append(plan.Rows, named(language.Textf("order %s", o.Load.GetOrder()), inYuan(int64(o.Load.GetAmountFen()))))
	}
	plan.Do = func(ctx context.Context) (*page.Did, error) {
		all, err := c.resolveAll(ctx)
		if len(all) == 0 {
			if err == nil {
				err = service.Refuse("nothing was done").Because(language.Textf("nothing is open, and nothing waits for the card"))
			}
			return nil, counterError(err)
		}
		did := &page.Did{Title: language.Textf("card %s", seen.Number())}
		for _, r := range all {
			did.Rows = append(did.Rows, named(language.Textf("order %s", r.Order), outcomeText(&r)))
			if r.Load != nil {
				c.receipt(ctx, did, r.Order)
			}
		}
		return did, counterError(err)
	}
	return plan, nil
}

func (c *clerk) planPIN(r page.Request) (*page.Plan, error) {
	old, fresh := r.Values["old"], r.Values["new"]
	if fresh != r.Values["again"] {
		return nil, service.Refuse("the PIN is as it was").Todo("try again").Because(language.Textf("the two new ones differ"))
	}
	return &page.Plan{
		Title: language.Textf("change the PIN of the card in the reader"),
		Do: func(ctx context.Context) (*page.Did, error) {
			err := c.stand.with(ctx, lookWait, func(ctx context.Context, held *reader.Card) error { return changePIN(ctx, held, old, fresh) })
			if err != nil {
				return nil, pinError(err)
			}
			return &page.Did{Title: language.Textf("the card has its new PIN")}, nil
		},
	}, nil
}

func (c *clerk) planGiveUp(r page.Request) (*page.Plan, error) {
	p, err := c.pending()
	if err != nil || p == nil || r.Values["why"] == "" {
		return nil, errors.Join(err, service.Refuse("nothing was done").Because(language.Textf("no act is without an answer, or nobody says why it is given up")))
	}
	why := r.Values["why"]
	return &page.Plan{
		Title: language.Textf("give up: %w, card %s", doText(p.Order.Do), maskedNumber(p.Order.Card)),
		Do: func(context.Context) (*page.Did, error) {
			kept, err := c.giveUp(why)
			if err != nil || kept == nil {
				return nil, errors.Join(err, service.Refuse("nothing was done"))
			}
			return &page.Did{Title: givenUpText(kept)}, nil
		},
	}, nil
}

func (c *clerk) planAgain(r page.Request) (*page.Plan, error) {
	p, err := c.pending()
	if err != nil || p == nil {
		return nil, errors.Join(err, service.Refuse("nothing was done").Because(language.Textf("no act is without an answer")))
	}
	return &page.Plan{
		Title: language.Textf("ask again: %w, card %s", doText(p.Order.Do), maskedNumber(p.Order.Card)),
		Do: func(ctx context.Context) (*page.Did, error) {
			done, o, err := c.again(ctx, r.Values["certificate"])
			if err != nil || o == nil {
				return nil, counterError(err)
			}
			did := &page.Did{Title: language.Textf("%w: done by order %s", doText(o.Do), done.Step.Order), Rows: linesOf(done.Choice.Lines)}
			c.receipt(ctx, did, o.Number)
			return did, nil
		},
	}, nil
}

func (c *clerk) planStep(ctx context.Context, do cards.Do, r page.Request) (*page.Plan, error) {
	a := &act{Do: do, Number: r.Values["number"], Product: r.Values["product"], Certificate: r.Values["certificate"], PIN: r.Values["pin"]}
	if first := r.Values["first"]; first != "" {
		fen, err := amountOf(first)
		if err != nil {
			return nil, err
		}
		a.First = fen
	}
	planned, err := c.prepare(ctx, a)
	if err != nil {
		return nil, err
	}
	plan := &page.Plan{Title: planned.text(), Rows: linesOf(planned.Choice.Lines)}
	if planned.First > 0 {
		plan.Rows = append(plan.Rows, named(counter.WhatLoad.Text(), inYuan(int64(planned.First))))
	}
	if planned.Order.Emptied > 0 {
		plan.Rows = append(plan.Rows, named(counter.WhatBalance.Text(), inYuan(int64(planned.Order.Emptied))))
	}
	if planned.Choice.Waits > 0 {
		plan.Rows = append(plan.Rows, named(counter.WhatWaits.Text(), inYuan(int64(planned.Choice.Waits))))
	}
	if planned.Two {
		plan.Rows = append(plan.Rows, named(language.Textf("takes two people"), plain(planned.Choice.Two)))
	}
	plan.Do = func(ctx context.Context) (*page.Did, error) {
		out, err := c.carryOut(ctx, planned)
		if out == nil {
			return nil, counterError(err)
		}
		if out.Proposal != 0 {
			return &page.Did{Title: askedText(out.Proposal)}, nil
		}
		did := &page.Did{Title: language.Textf("%w: done by order %s", doText(do), planned.Order.Number), Rows: plan.Rows}
		c.receipt(ctx, did, planned.Order.Number)
		for _, l := range out.Loads {
			did.Rows = append(did.Rows, named(language.Textf("loaded"), inYuan(int64(l.Fen))))
			c.receipt(ctx, did, l.Order)
		}
		return did, counterError(err)
	}
	return plan, nil
}
