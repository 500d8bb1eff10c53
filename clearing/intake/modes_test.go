package intake_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

const modesHeader = "id,kind,area,effective_from,effective_to,exit_without_entry\n"

// modesAt waits until the modes of a version are published, and wants them to be what is signed and
// in one transaction with it. It returns their ids.
func (h *house) modesAt(version int64) string {
	h.Helper()
	end := time.Now().Add(awaitLimit)
	for {
		records := h.committed(message.TopicModes)
		holds := last(records)
		list := new(message.ModeList)
		if r := holds[message.ModesKey]; r != nil {
			h.must(proto.Unmarshal(r.Value, list))
		}
		if list.GetVersion() < version {
			if time.Now().After(end) {
				h.Fatalf("the modes of version %d are not published, those of %d are", version, list.GetVersion())
			}
			continue
		}
		p, err := message.OpenPublication(message.PublicOf(h.signer.Key), message.TopicModes, holds[message.PublicationKey].Value)
		h.must(err)
		sum := message.RecordsHash(map[string][]byte{message.ModesKey: holds[message.ModesKey].Value})
		if p.GetVersion() != version || p.GetRecords() != 1 || !bytes.Equal(p.GetHash(), sum) || len(holds) != 2 {
			h.Errorf("version %d of the modes is published in %d records, and signed is %v", list.GetVersion(), len(holds), p)
		}
		edition, err := registry.NewStore(h.ledger.Pool()).Load(h.Context())
		h.must(err)
		if n := edition.ModesNumber(); n != version {
			h.Errorf("the edition says that version %d should be published, published is %d", n, version)
		}
		var ids []string
		for _, m := range list.GetModes() {
			ids = append(ids, m.GetId())
		}
		return strings.Join(ids, " ")
	}
}

// TestModesArePublished: terminals are told of the modes that are not over, with the lines by which
// they know that they are meant, whenever a mode or a line changes, and again after a restart.
func TestModesArePublished(t *testing.T) {
	h := newHouse(t)
	h.signer = &message.Signer{Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	var ahead atomic.Int64
	clock := func() time.Time { return noon(5).Add(time.Duration(ahead.Load())) }
	h.metrics = intake.NewMetrics(prometheus.NewRegistry(), clock)
	h.change(clearingtest.Files())
	stop := h.start("test")
	h.change(map[string]string{"modes.csv": modesHeader + "past,no_time,station:1,20260101000000,20260101010000,\n" +
		"now,no_order,operator:metro,20260105120000,,highest\nsoon,emergency,station:1,20260105130000,20260105140000,\n"})
	if ids := h.modesAt(2); ids != "now soon" {
		t.Errorf("published are %q", ids)
	}
	list := new(message.ModeList)
	h.must(proto.Unmarshal(last(h.committed(message.TopicModes))[message.ModesKey].Value, list))
	want := &message.ModeEntry{
		Id: "now", Kind: message.ServiceMode_SERVICE_MODE_NO_ORDER, Transport: message.Mode_MODE_METRO, Lines: []uint32{1}, From: "20260105120000",
		ExitWithoutEntry: message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_HIGHEST,
	}
	if got := list.GetModes()[0]; !proto.Equal(got, want) {
		t.Errorf("terminals are told %v, want %v", got, want)
	}
	// A line more is in the operator's area too; a card is none of it.
	h.change(map[string]string{"lines.csv": "id,operator,mode,number,name,name_en,effective_from,effective_to\nm2,metro,metro,2,二号线,Line 2,20200101,\n"})
	h.modesAt(3)
	h.must(proto.Unmarshal(last(h.committed(message.TopicModes))[message.ModesKey].Value, list))
	if lines := list.GetModes()[0].GetLines(); len(lines) != 2 || lines[1] != 2 {
		t.Errorf("the operator has the lines %v", lines)
	}
	if len(list.GetIssuers()) != 0 {
		t.Errorf("without issuers in the registry terminals are told of %v", list.GetIssuers())
	}
	h.change(map[string]string{"hotlist.csv": listed(0, 1)})
	h.hotlistAt(4)
	if ids := h.modesAt(3); ids != "now soon" {
		t.Errorf("published are %q", ids)
	}
	h.must(stop())
	// A process that starts when one is over publishes without it.
	ahead.Store(int64(4 * time.Hour))
	h.metrics = intake.NewMetrics(prometheus.NewRegistry(), clock)
	before := len(h.committed(message.TopicModes))
	stop = h.start("again")
	for end := time.Now().Add(awaitLimit); len(h.committed(message.TopicModes)) == before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if ids := h.modesAt(3); ids != "now" {
		t.Errorf("published are %q", ids)
	}
	h.must(stop())
}

// TestModeBeforeTheRegistryHasIt: terminals may act on a mode before the process that judges their
// taps has taken up the version of the registry with it. The batch waits for that version, and is
// judged by it.
func TestModeBeforeTheRegistryHasIt(t *testing.T) {
	h := newHouse(t)
	h.change(clearingtest.Files())
	h.change(map[string]string{"modes.csv": modesHeader + "now,no_date,operator:metro,20260105000000,,\n"})
	m := h.town.Tap(clearingtest.Tap{Card: clearingtest.ExpiredCard, Terminal: clearingtest.MetroGate, Sequence: 7, Fen: 200, At: noon(5)})
	m.ServiceMode = []message.ServiceMode{message.ServiceMode_SERVICE_MODE_NO_DATE}
	h.send(sent{message.TopicTaps, 1, clearingtest.Encode(m)})
	stop := h.start("test")
	h.awaitReady(h.intakes.running[0].Intake, nil, "the registry has a version that this process has not taken up yet")
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 0, "suspense:card_expired": 0})
	store := registry.NewStore(h.ledger.Pool())
	h.must(h.town.Registry.Update(t.Context(), store, func(context.Context, *index.Edition) error { return nil }))
	h.cleared()
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 200, "suspense:card_expired": 0})
	// What no version gives is judged at once.
	m = h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.MetroGate, Sequence: 8, Fen: 200, At: noon(5)})
	m.ServiceMode = []message.ServiceMode{message.ServiceMode_SERVICE_MODE_NO_TIME}
	h.send(sent{message.TopicTaps, 1, clearingtest.Encode(m)})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 400})
}

// TestIssuersArePublished: terminals are told whose cards are taken, each row until the next one of
// the issuer begins, also where there has never been a mode. Rows that are over are left out.
func TestIssuersArePublished(t *testing.T) {
	h := newHouse(t)
	h.signer = &message.Signer{Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	h.metrics = intake.NewMetrics(prometheus.NewRegistry(), func() time.Time { return noon(5) })
	files := clearingtest.Files()
	files["issuers.csv"] = "issuer,name,name_en,kind,effective_from,effective_to\n" +
		clearingtest.Issuer + ",本市,Own,own,20200101,\n0102030500000000,邻市,Next,interoperable,20250101,20251231\n0102030500000000,邻市,Next,interoperable,20260601,\n"
	h.change(files)
	stop := h.start("test")
	h.modesAt(1)
	list := new(message.ModeList)
	h.must(proto.Unmarshal(last(h.committed(message.TopicModes))[message.ModesKey].Value, list))
	h.change(map[string]string{"issuers.csv": "issuer,name,name_en,kind,effective_from,effective_to\n0102030500000000,邻市,Next,interoperable,20260101,20260131\n"})
	h.modesAt(2)
	h.must(proto.Unmarshal(last(h.committed(message.TopicModes))[message.ModesKey].Value, list))
	var told []string
	for _, e := range list.GetIssuers() {
		if bytes.Equal(e.GetInstitution(), []byte{1, 2, 3, 5}) {
			told = append(told, e.GetFrom()+"-"+e.GetTo())
		}
	}
	if want := "20260101-20260131 20260601-"; strings.Join(told, " ") != want || len(list.GetIssuers()) != 3 {
		t.Errorf("terminals are told %s of %d rows, want %s of 3", strings.Join(told, " "), len(list.GetIssuers()), want)
	}
	h.must(stop())
}
