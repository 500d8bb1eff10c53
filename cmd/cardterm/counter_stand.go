package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"sync"
	"time"

	"citycard/language"
	"citycard/terminals/reader"
)

// cardLimit is how long one dialogue with a card may take; the load authority is asked in it.
const cardLimit = 30 * time.Second

// stand is the reader of a counter. It serves one card at a time, and finds its reader again after
// the smart card service has gone.
type stand struct {
	readers *reader.Observer
	name    string

	mu sync.Mutex
	rd *reader.Reader
}

func newStand(name string) *stand { return &stand{readers: reader.Observe(), name: name} }

// with does work with the card in the reader, for which it waits as long as wait, 0 for ever.
func (s *stand) with(ctx context.Context, wait time.Duration, work func(ctx context.Context, held *reader.Card) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, err := s.card(ctx, wait)
	if err != nil {
		return err
	}
	// A card that is being served is finished even if the program is told to stop.
	limited, done := context.WithTimeout(context.WithoutCancel(ctx), cardLimit)
	defer done()
	err = work(limited, held)
	_ = held.Close() // the card is what it is
	return err
}

func (s *stand) card(ctx context.Context, wait time.Duration) (held *reader.Card, err error) {
	if s.rd == nil {
		if s.rd, err = s.readers.Open(ctx, s.name); err != nil {
			s.rd = nil
			return nil, err
		}
	}
	s.rd.Again()
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
	}
	held, err = s.rd.WaitCard(ctx)
	if errors.Is(err, reader.ErrNoService) || errors.Is(err, reader.ErrNoReader) || errors.Is(err, reader.ErrStalled) {
		_ = s.rd.Close() // its service has gone
		s.rd = nil
	}
	return held, err
}

func (s *stand) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	if s.rd != nil {
		err = s.rd.Close()
	}
	return errors.Join(err, s.readers.Close())
}

// trustOf are the authorities that a file names; without one the system's.
func trustOf(ca string) (*tls.Config, error) {
	trusted := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca == "" {
		return trusted, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	trusted.RootCAs = x509.NewCertPool()
	if !trusted.RootCAs.AppendCertsFromPEM(text) {
		return nil, language.Textf("%s: no certificate in PEM", ca)
	}
	return trusted, nil
}
