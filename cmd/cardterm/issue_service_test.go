package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/keyservice"
	"citycard/cardos/keyservice/keyservicetest"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/terminals/counter"
)

// Cards are made at a counter that has no key store: the key service gives each card its keys
// under the blank's transport key. Neither a master, nor a card's key,
// nor that of the blanks is in the counter's memory.
// A service that goes away in the middle of a job spoils no card, and the job goes on where it
// stopped.
func TestIssueByKeyService(t *testing.T) {
	const seed = 11
	store := keyservicetest.WithBatch(t, keys.GenerateTest(seed))
	ring := keys.NewKeyring(store)
	slots := pcscdtest.Slots(t)
	slot := slots[0]
	takeOut(t, nil)
	job := jobFile(t, 3)
	office := keyservicetest.Open(t, keyservice.Software{Keyring: ring}, time.Now, keyservice.Personalise)
	b := startIssue(t, job, append(office.Args, "--order", keyservicetest.Batch)...)
	b.put(slot, blankOf(1), "1 of 3: put blank 1000 in", "done: take the card out")
	b.until("2 of 3: put blank 1001 in")
	must(t, slot.Insert(t.Context(), blankOf(2)))
	b.until("done: take the card out")
	if runtime.GOOS == "linux" {
		wantNoKeys(t, b.cmd.Process.Pid, store, seed)
	}
	office.Close()
	must(t, slot.Remove())
	blank := blankOf(3)
	b.until("3 of 3: put blank 1002 in")
	must(t, slot.Insert(t.Context(), blank))
	b.until("the key service does not answer")
	if err := b.cmd.Wait(); err == nil || blank.Describe().Personalised {
		t.Errorf("without the service: %v, the blank is personalised: %v", err, blank.Describe().Personalised)
	}
	must(t, slot.Remove())
	_, err := counter.Issue(t.Context(), blank, blank.PowerOn(), counter.Maker{Issuer: keyservice.Software{Keyring: ring}, Batch: keyservicetest.Batch}, transitOrder)
	must(t, err) // it was a blank still

	office = keyservicetest.Open(t, keyservice.Software{Keyring: ring}, time.Now, keyservice.Personalise)
	b = startIssue(t, job, append(office.Args, "--order", keyservicetest.Batch, "--reader", "00 01")...) // the first has just been emptied
	b.until("1 of 1: put blank")
	must(t, slots[1].Insert(t.Context(), blankOf(5)))
	b.until("done: take the card out")
	must(t, slots[1].Remove())
	b.until("issued: 3 of 3; spoilt: 0")
	must(t, b.cmd.Wait())
	var made []string
	_, err = keyservice.CheckUses(office.Made, 0, "", func(u *keyservice.Use) { made = append(made, u.Order+" "+u.Card+" "+u.Outcome) })
	if must(t, err); len(made) != 1 || made[0] != "B1 999949105070200000000102 given" {
		t.Errorf("the log of cards has %v", made)
	}
	// A counter whose certificate may do something else makes nothing.
	other := keyservicetest.Open(t, keyservice.Software{Keyring: ring}, time.Now, keyservice.PINs)
	b = startIssue(t, jobFile(t, 1), append(other.Args, "--order", keyservicetest.Batch)...)
	b.until("put blank 1000 in")
	must(t, slot.Insert(t.Context(), blankOf(4)))
	b.until(`does not allow us the operation "personalise"`)
	if err := b.cmd.Wait(); err == nil {
		t.Error("it ends as if all had been made")
	}
	must(t, slot.Remove())
}

// blankOf is a blank under the transport key of a batch.
func blankOf(seed uint64) *chip.Chip {
	return chip.NewTransit(seed).OfBatch(keyservicetest.TransportKey())
}

// wantNoKeys looks for all masters and for all keys of the cards of the job.
func wantNoKeys(t *testing.T, pid int, store *keys.Store, seed uint64) {
	t.Helper()
	secrets := map[string][]byte{"what a job asks for": []byte("put blank")}
	for role := keys.RoleCardMaster; role <= keys.RolePersonData; role++ {
		secrets[fmt.Sprint("master ", role)] = keyservicetest.Master(role, seed)
	}
	transport := keyservicetest.TransportKey()
	secrets["transport key"] = transport[:]
	for n := range 3 {
		id := keys.CardID{Issuer: [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}, ASN: [10]byte{0x03, 0x10, 0x50, 0x70, 0x20, 0, 0, 0, 0x01, byte(n)}}
		card := store.CardKeys(id)
		for role := keys.RoleCardMaster; int(role) <= keys.CardRoles; role++ {
			key := card.Key(role)
			secrets[fmt.Sprintf("key of %v of card %d", role, n)] = key[:]
		}
	}
	for name, is := range keyservicetest.InMemory(t, pid, secrets) {
		if strings.HasPrefix(name, "what") && !is {
			t.Error("what is in the counter's memory is not found there")
		} else if is && !strings.HasPrefix(name, "what") {
			t.Errorf("the %s is in the counter's memory", name)
		}
	}
}
