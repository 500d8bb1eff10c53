package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/transit/load"
)

// TestChannelTokens makes tokens in the data directory's own folder, once, and none in a named
// folder, where a channel without a token is left out.
func TestChannelTokens(t *testing.T) {
	people, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	if err != nil {
		t.Fatal(err)
	}
	c := &Server{Inputs: &Inputs{Registry: registry.New(people)}}
	data := t.TempDir()
	own := filepath.Join(data, ChannelTokens)
	first, err := c.channelTokens("", data)
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(own, "counter.token"))
	if err != nil || first["counter"] != load.HashToken(strings.TrimSpace(string(token))) {
		t.Errorf("the token that was made does not have the hash that serve keeps: %v", err)
	}
	if info, err := os.Stat(filepath.Join(own, "counter.token")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v, %v; want it for its owner only", info.Mode(), err)
	}
	if again, err := c.channelTokens("", data); err != nil || again["counter"] != first["counter"] {
		t.Errorf("a second start made another token: %v", err)
	}
	if again, err := MakeToken(own, "counter", false); err != nil || again == first["counter"] {
		t.Errorf("a replaced token is the old one, or none: %v", err)
	}
	elsewhere := t.TempDir()
	if named, err := c.channelTokens(elsewhere, data); err != nil || len(named) != 0 {
		t.Errorf("a place that was named gave %v, %v; want nothing", named, err)
	}
	if err := os.WriteFile(filepath.Join(elsewhere, "counter.sha256"), []byte("12"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.channelTokens(elsewhere, data); err == nil {
		t.Error("a hash that is none was taken")
	}
}
