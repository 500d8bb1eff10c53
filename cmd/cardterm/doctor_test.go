package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

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
	args := []string{"doctor", "--lane", laneN(0, ""), "--role", "gate", "--unsigned", "--data", filepath.Join(t.TempDir(), "data"), "--kafka", strings.Join(h.broker.ListenAddrs(), ",")}
	text := string(output(t, args...))
	for _, want := range []string{"PC/SC library", "lane gate-0: Virtual PCD 00 00", "lane gate-0: terminal 491010000000", "MB free", "a record is on the disk after", "answers and has the topics", "there is no topic modes", "kept is version 0, in force now: -", "clock"} {
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

// TestDoctorPublisher: doctor looks whether the agent has the half of a publishing key, and whether
// that key, or a successor, has signed what the brokers have.
func TestDoctorPublisher(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps, message.TopicFares, message.TopicHotlist, message.TopicIntents, message.TopicTapsUnconfirmed))
	must(t, err)
	defer cluster.Close()
	key := func(seed byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	}
	dir := t.TempDir()
	says := func(seed byte, more ...string) string {
		t.Helper()
		file := filepath.Join(dir, "publisher")
		must(t, os.WriteFile(file, fmt.Appendf(nil, "%x\n", []byte(message.PublicOf(key(seed)))), 0o600))
		args := []string{"doctor", "--role", "gate", "--terminal", "491010000000", "--data", dir, "--kafka", strings.Join(cluster.ListenAddrs(), ",")}
		if len(more) == 0 {
			more = []string{"--publisher", file}
		}
		text, err := command(t, append(args, more...)...).Output()
		if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
			t.Fatal(err)
		}
		return string(text)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	defer client.Close()
	publish := func(by *message.Signer, version int64) {
		t.Helper()
		statements, err := by.Statements(&message.Publication{Topic: message.TopicFares, Version: version, Hash: message.RecordsHash(nil)})
		must(t, err)
		for _, s := range statements {
			must(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: s.Key, Value: s.Value}).FirstErr())
		}
	}
	want := func(text string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("doctor does not say %q: %s", w, text)
			}
		}
	}
	first, second := fmt.Sprintf("%x…", []byte(message.PublicOf(key(1)))[:8]), fmt.Sprintf("%x…", []byte(message.PublicOf(key(2)))[:8])
	want(says(1), "the key "+first+" is followed", "nothing is published in topic fares yet")
	signer := &message.Signer{Key: key(1)}
	publish(signer, 4)
	want(says(1), "topic fares is signed by "+first+": version 4")
	want(says(2), "signed by another key than "+second)
	next, err := signer.Succeed(key(2))
	must(t, err)
	publish(next, 5)
	want(says(1), "topic fares is signed by "+second+", the successor of "+first+": version 5")
	want(says(2), "topic fares is signed by "+second+": version 5")
	want(says(1, "--unsigned"), "whoever has written them")
	want(says(1, "--log-level", "info"), "it is not said whose fares and hotlist are followed")
}
