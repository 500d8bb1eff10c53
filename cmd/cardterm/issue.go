package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// maxOrder bounds one line of input, in bytes.
const maxOrder = 64 << 10

// issueProgram is `cardterm issue`.
type issueProgram struct {
	service.Common
	readerFlags
	keyFlags
}

func issueCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm issue", flag.ContinueOnError)
	p := &issueProgram{Common: service.Common{Data: "cardterm-data"}}
	p.Register(flags)
	p.readerFlags.register(flags, time.Minute)
	p.keyFlags.register(flags)
	return &ffcli.Command{
		Name: "issue", ShortUsage: "cardterm issue --keys FILE [flags] < ORDERS",
		ShortHelp: "personalise cards, one JSON order a line / 个人化发卡，每行一个 JSON 订单",
		LongHelp: "Reads one order a line, waits for a blank card, personalises it, and prints one JSON result a line:\n" +
			`  {"ok":true,"issued":{…},"seconds":0.03} or {"ok":false,"error":"…"}` + "\n" +
			"Then it waits until the card is taken out. A failed order does not end it; its exit code is 1 then.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *issueProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	store, err := p.keyFlags.open()
	if err != nil {
		return err
	}
	rd, err := reader.Open(p.readerFlags.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rd.Close()) }()
	lines, failed := bufio.NewScanner(os.Stdin), 0
	lines.Buffer(nil, maxOrder)
	results := json.NewEncoder(os.Stdout)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		r, fatal := p.one(ctx, rd, store, lines.Bytes())
		if !r.OK {
			failed++
		}
		if err := results.Encode(r); err != nil {
			return fmt.Errorf("print the result of order %d: %w", n, err)
		}
		if fatal != nil {
			return fatal
		}
		if r.waited {
			if err := rd.WaitEmpty(ctx); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return service.Fail("cannot read orders / 无法读取订单", fmt.Sprintf("one JSON order a line, at most %d kB each", maxOrder>>10), err)
	}
	if failed > 0 {
		return service.Fail(fmt.Sprintf("%d orders failed / %d 个订单失败", failed, failed), "see the results on standard output", nil)
	}
	return nil
}

// result is one line of output.
type result struct {
	OK      bool            `json:"ok"`
	Issued  *counter.Issued `json:"issued,omitempty"`
	Error   string          `json:"error,omitempty"`
	Seconds float64         `json:"seconds"` // personalisation alone, without waiting

	waited bool // a card is in the reader and has to come out
}

// one carries out one order. A fatal error ends the program: there is no use in
// the next order without a reader.
func (p *issueProgram) one(ctx context.Context, rd *reader.Reader, store *keys.Store, line []byte) (result, error) {
	order, err := parseOrder(line)
	if err != nil {
		return result{Error: err.Error()}, nil
	}
	card, err := p.card(ctx, rd)
	if err != nil {
		if errors.Is(err, reader.ErrNoCard) && ctx.Err() == nil || errors.Is(err, reader.ErrUnresponsive) {
			return result{Error: err.Error()}, nil
		}
		return result{Error: err.Error()}, err
	}
	begin := time.Now()
	issued, err := counter.Personalise(ctx, card, card.ATR(), store, order)
	err = errors.Join(err, card.Close())
	r := result{OK: err == nil, Seconds: time.Since(begin).Seconds(), waited: true}
	if err != nil {
		r.Error = err.Error()
	} else {
		r.Issued = &issued
	}
	return r, nil
}

// parseOrder reads an order and refuses fields it does not know, so that a
// mistyped one does not make a wrong card.
func parseOrder(line []byte) (counter.Order, error) {
	var order counter.Order
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&order); err != nil {
		return order, fmt.Errorf("not an order in JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return order, errors.New("more than one order on the line")
	}
	return order, order.Validate()
}
