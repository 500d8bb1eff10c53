package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"citycard/broker/kafkatest"
)

// TestTerminalsFollowThePublisher: serve signs what it publishes. A terminal that was given the
// public half of its key takes the fares and the hotlist, one that was given another key takes
// neither and says why.
func TestTerminalsFollowThePublisher(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim", "cardterm")
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	p.testKeys(t, data, 3)
	p.run(t, "cardsim", "issue", "--data", field, "--cards", "100", "--keys", filepath.Join(data, "keys.age"), "--day", testDay)
	p.run(t, "citycard", "publish-key", "make", "--data", data)
	right, wrong := filepath.Join(dir, "right"), filepath.Join(dir, "wrong")
	for path, public := range map[string]string{
		right: p.run(t, "citycard", "publish-key", "show", "--data", data),
		wrong: strings.Repeat("5a", 32),
	} {
		if err := os.WriteFile(path, []byte(public), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, kafka, _ := p.serving(t, data, filepath.Join(field, "registry"))
	s.start()
	s.ready()
	p.enrolled(t, "--data", data).letIn(filepath.Join(field, "registry"))

	terminal := func(name, publisher string, more ...string) (agent *process, log string) {
		ops := kafkatest.FreeAddress(t)
		agent = &process{T: t, programs: p, ops: ops, args: append([]string{
			"--role", "gate", "--terminal", "491010000000", "--keys", filepath.Join(data, "keys.age"), "--demo", "--data", filepath.Join(dir, name),
			"--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", "citycard", "--kafka-password-file", filepath.Join(data, "kafka", "password"),
			"--publisher", publisher, "--ops", ops,
		}, more...)}
		log = filepath.Join(dir, name+".log")
		out, err := os.Create(log)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		agent.cmd = p.command(t.Context(), "cardterm", agent.args...)
		agent.cmd.Stderr = out
		if err := agent.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return agent, log
	}
	follower, log := terminal("follower", right)
	follower.until(time.Minute, "with fares and a hotlist", func() bool {
		page := follower.get("/metrics")
		return strings.Contains(page, "\ncardterm_fares_info{") && strings.Contains(page, "\ncardterm_hotlist_version ") && !strings.Contains(page, "\ncardterm_hotlist_version 0\n")
	})
	follower.signal(syscall.SIGTERM)
	if text := readFile(t, log); strings.Contains(text, "is refused") || strings.Contains(text, "are refused") {
		t.Errorf("a terminal with the key of serve: %s", text)
	}
	table := filepath.Join(dir, "fares.json") // with which a terminal gets as far as the hotlist
	if err := os.WriteFile(table, []byte(`{"version":"own","effectiveFrom":"20200101000000","maximumFen":1000,"metroStations":1,"metroClass":"AA==","metroLimitMinutes":240,"fares":[{"cardType":3,"prices":[{"metroFen":[200]}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for refused, more := range map[string][]string{"published fares are refused": nil, "a published hotlist": {"--fares", table}} {
		stranger, log := terminal(fmt.Sprintf("stranger%d", len(more)), wrong, more...)
		stranger.until(time.Minute, "refusing: "+refused, func() bool {
			text := readFile(t, log)
			return strings.Contains(text, refused) && strings.Contains(text, "it is not signed by the publishing service's key")
		})
		if page := stranger.get("/metrics"); more != nil && !strings.Contains(page, "\ncardterm_hotlist_version 0\n") {
			t.Errorf("a terminal with another key has a hotlist: %s", page)
		}
		stranger.signal(syscall.SIGTERM)
	}
	s.signal(syscall.SIGTERM)
}
