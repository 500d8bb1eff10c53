package main

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people/access"
	"citycard/clearing/transit/load"
	"citycard/cmd/demostaff"
)

// letIn issues a token to each channel of a registry's files, and gives the folder that they are
// in.
func (c *crew) letIn(registry string) (dir string) {
	c.Helper()
	file, err := os.Open(filepath.Join(registry, "channels.csv"))
	if err != nil {
		c.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil || len(rows) < 2 {
		c.Fatalf("%d rows of channels, %v", len(rows), err)
	}
	dir = c.TempDir()
	for _, row := range rows[1:] {
		c.alone(demostaff.Ann, "access", "issue", "--unit", "channel:"+row[0], "--days", "2", "--out", filepath.Join(dir, row[0]+".token"))
	}
	return dir
}

// tokenIn reads a channel's token.
func tokenIn(t *testing.T, dir, channel string) string {
	t.Helper()
	return strings.TrimSpace(readFile(t, filepath.Join(dir, channel+".token")))
}

// wantAccess waits until requests with a token are let in at all addresses, or until they are not.
// An act may take access.MaxAge to be known.
func wantAccess(t testing.TB, token string, in bool, apis ...string) {
	t.Helper()
	act := time.Now()
	for _, api := range apis {
		for {
			sent := time.Now()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api+load.Path, bytes.NewReader([]byte{0xFF}))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+token)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := answer.Body.Close(); err != nil {
				t.Fatal(err)
			}
			// One that is let in is told that this is no request.
			if want := map[bool]int{true: http.StatusBadRequest, false: http.StatusUnauthorized}[in]; answer.StatusCode == want {
				break
			}
			late := sent.Sub(act)
			if late > access.MaxAge && answer.StatusCode != http.StatusServiceUnavailable || late > time.Minute {
				t.Fatalf("%s: %s after the act it answers %s", api, late, answer.Status)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}
