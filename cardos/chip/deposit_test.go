package chip

import (
	"bytes"
	"context"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
)

// A union card has no deposit and no overdraft; this test card has both, under the keys of the
// published examples.
func depositCard() (*Chip, keys.Key, keys.Key) {
	key := keys.Key{0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11}
	tac := keys.Key{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF}
	c := NewTransit(1)
	d := c.directories[0]
	d.ed = &wallet{}
	d.pin = pin{value: []byte{0x12, 0x34, 0x56}, tries: 3, limit: 3}
	for _, r := range []keys.Role{keys.RolePurchase, keys.RoleLoad, keys.RoleOverdraft} {
		d.keys = append(d.keys, stored(r, key))
	}
	d.keys = append(d.keys, stored(keys.RoleTAC, tac))
	d.issued = true
	c.PowerOn()
	return c, key, tac
}

func stored(r keys.Role, value keys.Key) key {
	return key{role: r, version: 1, value: value, tries: keyLimit}
}

func ask(t *testing.T, c *Chip, cmd apdu.Command) []byte {
	t.Helper()
	b, err := apdu.Exchange(context.Background(), c, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	depositTerminal = [6]byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55}
	depositTime     = [7]byte{0x20, 0x12, 0x02, 0x29, 0x13, 0x51, 0x00}
)

// overdraft sets the limit and checks MAC1 and TAC.
func overdraft(t *testing.T, c *Chip, key, tacKey keys.Key, limit uint32) {
	t.Helper()
	start, err := purse.ParseOverdraftStart(ask(t, c, purse.InitializeOverdraft(purse.ED, 1, depositTerminal)))
	if err != nil {
		t.Fatal(err)
	}
	session := keys.LoadSession(key, start.Random, start.OnlineSequence)
	if want := session.OverdraftMAC1(keys.OverdraftStart{OldBalance: start.OldBalance, OldLimit: start.OldLimit, Terminal: depositTerminal}); start.MAC1 != want {
		t.Fatalf("MAC1 %X, want %X", start.MAC1, want)
	}
	end := keys.OverdraftEnd{NewLimit: limit, Terminal: depositTerminal, Time: depositTime}
	tac, err := purse.ParseTAC(ask(t, c, purse.UpdateOverdraft(limit, depositTime, session.OverdraftMAC2(end))))
	if err != nil {
		t.Fatal(err)
	}
	want := tacKey.TACKey().Overdraft(keys.Overdraft{
		Balance: start.OldBalance + limit - start.OldLimit, OnlineSequence: start.OnlineSequence, OverdraftEnd: end,
	})
	if tac != want {
		t.Fatalf("TAC %X, want %X", tac, want)
	}
}

// The four kinds of balance change with the limit and with spending.
func TestOverdraft(t *testing.T) {
	c, key, tacKey := depositCard()
	ask(t, c, apdu.Select(tunion.AIDPurse.Bytes()))
	overdraft(t, c, key, tacKey, 800)
	balances(t, c, 800, 800, 0, 0)
	begin := purse.InitializePurchase(purse.Start{Wallet: purse.ED, KeyIndex: 1, Amount: 300, Terminal: depositTerminal})
	if _, err := apdu.Exchange(context.Background(), c, begin); !apdu.SecurityNotSatisfied.Is(err) {
		t.Fatalf("a deposit was debited without PIN: %v", err)
	}
	ask(t, c, apdu.Verify(0, []byte{0x12, 0x34, 0x56}))
	start, err := purse.ParsePurchaseStart(ask(t, c, begin))
	if err != nil || start.OverdraftLimit != 800 {
		t.Fatalf("%+v, %v", start, err)
	}
	session := keys.PurchaseSession(key, start.Random, start.OfflineSequence, 1)
	movement := keys.Movement{Amount: 300, Type: purse.TypeEDPurchase, Terminal: depositTerminal, Time: depositTime}
	receipt, err := purse.ParseDebit(ask(t, c, purse.Debit(1, depositTime, session.PurchaseMAC1(movement))))
	if err != nil || receipt.MAC2 != session.PurchaseMAC2(300) {
		t.Fatalf("%+v, %v", receipt, err)
	}
	balances(t, c, 500, 800, 300, 0)
	overdraft(t, c, key, tacKey, 400)
	balances(t, c, 100, 400, 300, 0)

	again, err := purse.ParseOverdraftStart(ask(t, c, purse.InitializeOverdraft(purse.ED, 1, depositTerminal)))
	if err != nil {
		t.Fatal(err)
	}
	session = keys.LoadSession(key, again.Random, again.OnlineSequence)
	end := keys.OverdraftEnd{NewLimit: 200, Terminal: depositTerminal, Time: depositTime}
	_, err = apdu.Exchange(context.Background(), c, purse.UpdateOverdraft(200, depositTime, session.OverdraftMAC2(end)))
	if !apdu.ConditionsNotSatisfied.Is(err) {
		t.Fatalf("a limit below what is overdrawn was taken: %v", err)
	}
}

func balances(t *testing.T, c *Chip, want ...uint32) {
	t.Helper()
	for kind, w := range want {
		got, err := purse.ParseBalance(ask(t, c, purse.GetBalance(purse.BalanceKind(kind), purse.ED)))
		if err != nil || got != w {
			t.Errorf("balance of kind %d is %d, %v, want %d", kind, got, err, w)
		}
	}
}

// An image keeps the purse and the proof of the last payment even if every number has its largest
// value.
func TestImageOfLargestNumbers(t *testing.T) {
	c := NewTransit(1)
	d := c.directories[0]
	*d.ep = wallet{funds: purse.MaxBalance, limit: 1<<24 - 1, online: maxSequence, offline: maxSequence - 1}
	d.proof = proof{kind: purse.TypeCAPP, sequence: maxSequence, tac: keys.MAC{1, 2, 3, 0xFF}, mac2: keys.MAC{4, 5, 6, 0xFF}}
	image, err := c.Image()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(image)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.directories[0]; *got.ep != *d.ep || got.proof != d.proof {
		t.Errorf("comes back with %+v and %+v, want %+v and %+v", *got.ep, got.proof, *d.ep, d.proof)
	}
}

// A command that ends a transaction works once: repeating it adds nothing, and after a wrong MAC
// there is no second guess for the same random number.
func TestEndedOnce(t *testing.T) {
	c, key, _ := depositCard()
	ask(t, c, apdu.Select(tunion.AIDPurse.Bytes()))
	refused := func(what string, cmd apdu.Command) {
		t.Helper()
		if _, err := apdu.Exchange(context.Background(), c, cmd); !apdu.ConditionsNotSatisfied.Is(err) {
			t.Errorf("%s: %v, want 6985", what, err)
		}
	}
	wrong := func(cmd apdu.Command) {
		t.Helper()
		cmd.Data[len(cmd.Data)-1] ^= 1
		if _, err := apdu.Exchange(context.Background(), c, cmd); !apdu.MACInvalid.Is(err) {
			t.Errorf("command %X with a wrong MAC: %v, want 9302", cmd.Header(), err)
		}
	}
	begin := purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: 500, Terminal: depositTerminal}
	credit := func() apdu.Command {
		start, err := purse.ParseLoadStart(ask(t, c, purse.InitializeLoad(begin)))
		if err != nil {
			t.Fatal(err)
		}
		movement := keys.Movement{Amount: 500, Type: purse.TypeEPLoad, Terminal: depositTerminal, Time: depositTime}
		return purse.CreditLoad(depositTime, keys.LoadSession(key, start.Random, start.OnlineSequence).LoadMAC2(movement))
	}
	debit := func() apdu.Command {
		start, err := purse.ParsePurchaseStart(ask(t, c, purse.InitializePurchase(begin)))
		if err != nil {
			t.Fatal(err)
		}
		movement := keys.Movement{Amount: 500, Type: purse.TypeEPPurchase, Terminal: depositTerminal, Time: depositTime}
		return purse.Debit(1, depositTime, keys.PurchaseSession(key, start.Random, start.OfflineSequence, 1).PurchaseMAC1(movement))
	}
	overdraft := func() apdu.Command {
		start, err := purse.ParseOverdraftStart(ask(t, c, purse.InitializeOverdraft(purse.ED, 1, depositTerminal)))
		if err != nil {
			t.Fatal(err)
		}
		end := keys.OverdraftEnd{NewLimit: 800, Terminal: depositTerminal, Time: depositTime}
		return purse.UpdateOverdraft(800, depositTime, keys.LoadSession(key, start.Random, start.OnlineSequence).OverdraftMAC2(end))
	}
	for _, deal := range []struct {
		name   string
		begin  func() apdu.Command
		wallet purse.Wallet
		leaves uint32
	}{{"a load", credit, purse.EP, 500}, {"a purchase", debit, purse.EP, 0}, {"an overdraft", overdraft, purse.ED, 800}} {
		guess := deal.begin()
		right := guess
		right.Data = bytes.Clone(guess.Data)
		wrong(guess)
		refused(deal.name+" after a wrong MAC", right)
		done := deal.begin()
		ask(t, c, done)
		refused(deal.name+" done, once more", done)
		got, err := purse.ParseBalance(ask(t, c, purse.GetBalance(purse.Available, deal.wallet)))
		if err != nil || got != deal.leaves {
			t.Errorf("%s leaves %d, %v, want %d", deal.name, got, err, deal.leaves)
		}
	}
}

// A counter at its highest value refuses instead of starting again.
func TestCountersEnd(t *testing.T) {
	c, _, _ := depositCard()
	w := c.directories[0].ep
	w.funds, w.online, w.offline = 100, maxSequence, maxSequence
	ask(t, c, apdu.Select(tunion.AIDPurse.Bytes()))
	start := purse.Start{Wallet: purse.EP, KeyIndex: 1, Amount: 1, Terminal: depositTerminal}
	for _, cmd := range []apdu.Command{purse.InitializeLoad(start), purse.InitializePurchase(start), purse.InitializeCAPP(start)} {
		if _, err := apdu.Exchange(context.Background(), c, cmd); !apdu.CounterAtMaximum.Is(err) {
			t.Errorf("command %X: %v, want 9402", cmd.Header(), err)
		}
	}
	w.online = 0
	start.Amount = purse.MaxBalance
	if _, err := apdu.Exchange(context.Background(), c, purse.InitializeLoad(start)); !apdu.ConditionsNotSatisfied.Is(err) {
		t.Errorf("a load beyond 31 bits: %v, want 6985", err)
	}
}
