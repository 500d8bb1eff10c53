package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	clearingschema "citycard/clearing/schema"
	"citycard/cmd/observe"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/schema"
)

// books is the ledger's database, opened for a command.
type books struct {
	*ledger.Ledger
	url         string
	description string
	database    *embedded.Database
	retries     *prometheus.CounterVec
}

// openBooks opens the database at url, or the private one in dir, and brings its
// tables up to date.
func openBooks(ctx context.Context, url, dir string, conns int, log *slog.Logger) (*books, error) {
	database, err := embedded.Open(ctx, embedded.Options{URL: url, Dir: dir, Log: log})
	if err != nil {
		return nil, service.Fail("cannot use the database / 数据库不可用", "check --db, or that the data directory may be used by PostgreSQL's user", err)
	}
	b := &books{url: database.URL, description: database.Description, database: database}
	if err := b.connect(ctx, conns, log); err != nil {
		return nil, service.Fail("cannot use the database / 数据库不可用", "start it or correct --db", errors.Join(err, database.Close()))
	}
	return b, nil
}

func (b *books) connect(ctx context.Context, conns int, log *slog.Logger) error {
	if _, err := schema.Apply(ctx, b.url); err != nil {
		return err
	}
	if err := clearingschema.Apply(ctx, b.url); err != nil {
		return err
	}
	pool, dialect, err := ledger.Connect(ctx, b.url, conns)
	if err != nil {
		return err
	}
	b.retries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_ledger_retries_total", Help: "Transactions of the ledger that were tried again, by cause.",
	}, []string{"cause"})
	b.Ledger = ledger.New(pool, dialect, ledger.WithLog(log), ledger.WithRetryHook(func(cause string) { b.retries.WithLabelValues(cause).Inc() }))
	return nil
}

// Close closes the connections and stops a private database.
func (b *books) Close(context.Context) error {
	b.Pool().Close()
	return b.database.Close()
}

// ready asks the database for an answer.
func (b *books) ready(ctx context.Context) error {
	conn, err := b.Pool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer conn.Release()
	return conn.Conn().Ping(ctx)
}

// booksOf opens the books for a command that looks in from the side.
func booksOf(ctx context.Context, url, data string, log *slog.Logger) (*books, func() error, error) {
	place, err := observe.Locate(ctx, url, data)
	if err != nil {
		return nil, nil, err
	}
	b, err := openBooks(ctx, place.URL, place.Private, 4, log)
	if err != nil {
		return nil, nil, errors.Join(err, place.Close())
	}
	return b, func() error { return errors.Join(b.Close(ctx), place.Close()) }, nil
}

const sealKeyType = "CITYCARD SEAL KEY"

// sealKey reads the key that signs sealed days, or makes one.
func sealKey(dir string) (ed25519.PrivateKey, error) {
	path := filepath.Join(dir, "seal.key")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a seal key: %w", err)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: sealKeyType, Bytes: private.Seed()})
		if err := writeSecret(path, block); err != nil {
			return nil, fmt.Errorf("keep the seal key: %w", err)
		}
		return private, nil
	}
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != sealKeyType || len(block.Bytes) != ed25519.SeedSize {
		return nil, fmt.Errorf("seal key: %s is not a seal key", path)
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// writeSecret makes a new file that only its owner may read, and puts it on disk.
func writeSecret(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(data); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
