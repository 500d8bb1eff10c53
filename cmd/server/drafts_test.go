package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"citycard/cmd/books/bookstest"
)

// TestDraftsForgotten has what nobody has proposed go while a process serves.
func TestDraftsForgotten(t *testing.T) {
	b, _ := bookstest.New(t)
	exec := func(text string) {
		t.Helper()
		if _, err := b.Pool().Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	exec("INSERT INTO registry_changes (number, base, rows, digest, drafted) VALUES (1001, 0, 0, '', 7), (1002, 0, 0, '', 0)")
	exec("INSERT INTO document_contents (hash, content, drafted) VALUES ('a', 'a', 7), ('b', 'b', 0)")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		forgetDrafts(ctx, b, time.Millisecond, draftsFor, slog.New(slog.DiscardHandler))
	}()
	left := 1
	for end := time.Now().Add(time.Minute); left > 0 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		err := b.Pool().QueryRow(t.Context(), `SELECT (SELECT count(*) FROM registry_changes WHERE drafted <> 0) + (SELECT count(*) FROM document_contents WHERE drafted <> 0)`).Scan(&left)
		if err != nil {
			t.Fatal(err)
		}
	}
	stop()
	<-done
	if left > 0 {
		t.Errorf("%d drafts are left", left)
	}
}
