package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"citycard/clearing/message"
)

// TestListAndDoctor: list names the readers and what is in them; doctor finds what an agent with
// the same flags would not work with, says it in both languages, and its exit code tells an absent
// broker from the rest.
func TestListAndDoctor(t *testing.T) {
	h := newHall(t, 1)
	must(t, h.slot(0).Insert(t.Context(), personalised(t, h.store)))
	awaitCard(t, h)
	var found []listed
	must(t, json.Unmarshal(output(t, "list", "--json"), &found))
	if len(found) != 2 || found[0].Kind != "transit" || found[1].Kind != "sam" || found[1].Number != "491010000000" {
		t.Errorf("list: %+v", found)
	}
	if text := string(output(t, "list", "--language", "zh")); !strings.Contains(text, "交通卡") || !strings.Contains(text, "Virtual PCD 00 01") {
		t.Errorf("list: %s", text)
	}
	args := []string{"doctor", "--lane", laneN(0, ""), "--role", "gate", "--data", filepath.Join(t.TempDir(), "data"), "--kafka", strings.Join(h.broker.ListenAddrs(), ",")}
	text := string(output(t, args...))
	for _, want := range []string{"PC/SC library", "lane gate-0: Virtual PCD 00 00", "lane gate-0: terminal 491010000000", "MB free", "a record is on the disk after", "answers and has the topics", "clock"} {
		if !strings.Contains(text, want) {
			t.Errorf("doctor does not say %q: %s", want, text)
		}
	}
	bare, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps))
	must(t, err)
	defer bare.Close()
	for _, test := range []struct {
		change []string
		code   int
		want   string
	}{
		{[]string{"--kafka", "127.0.0.1:1"}, 4, "the brokers do not answer"},
		{[]string{"--kafka", strings.Join(bare.ListenAddrs(), ",")}, 4, "there is no topic fares, hotlist, intents, taps.unconfirmed"},
		{[]string{"--spare-sam", "sam=nowhere"}, 3, `no reader is called "nowhere"`},
		{[]string{"--spare-sam", "sam=PCD 00 00"}, 3, "Virtual PCD 00 00 is that of lane gate-0 too"},
		{[]string{"--spare-sam", "sam=Virtual", "--language", "zh"}, 3, "是多个读卡器名称的一部分"},
		{[]string{"--lane", "name=x,sam=y"}, 2, "reader: it is missing"},
	} {
		cmd := command(t, slices.Concat(args, test.change)...)
		answer, err := cmd.CombinedOutput()
		exit, ended := errors.AsType[*exec.ExitError](err)
		if !ended || exit.ExitCode() != test.code || !strings.Contains(string(answer), test.want) {
			t.Errorf("%v: %v, want %d and %q: %s", test.change, err, test.code, test.want, answer)
		}
	}
	swapped := command(t, "doctor", "--reader", slotName(0, 1), "--sam", slotName(0, 0), "--role", "gate", "--language", "zh")
	if answer, err := swapped.Output(); err == nil || !strings.Contains(string(answer), "没有 SAM") {
		t.Errorf("a card in place of the SAM: %v, %s", err, answer)
	}
}
