package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/simulators/pcscd/pcscdtest"
)

// unnamed are the controls of the page that a screen reader has no name for.
const unnamed = `[...document.querySelectorAll("input:not([type=hidden]),select,button,a,summary")].filter(e =>
	!(e.innerText || "").trim() && !(e.labels && e.labels.length && e.labels[0].innerText.trim()) && !e.getAttribute("aria-label")).map(e => e.outerHTML).join("\n")`

// named checks that every control on the page has a name, and that no script is on it.
func (k *keyboard) named() {
	k.Helper()
	for what, question := range map[string]string{"controls without a name": unnamed, "scripts": `[...document.scripts].map(e => e.outerHTML).join("\n")`} {
		found, err := chromedp.Run(k.ctx, chromedp.EvaluateAsDevTools[string](question))
		if err != nil || found != "" {
			k.Errorf("%s: %v %s", what, err, found)
		}
	}
}

// key presses the access key of a form and types into it.
func (k *keyboard) form(name string, values ...string) {
	k.Helper()
	k.until("true", `String(!!document.getElementById("act-`+name+`"))`)
	focus := `(() => { const f = document.getElementById("act-` + name + `").parentElement.querySelector("form"); const e = f.querySelector("input:not([type=hidden]),select,button"); e.focus(); return document.activeElement === e ? "focused" : ""; })()`
	k.until("focused", focus)
	for i, value := range values {
		if i > 0 {
			_, err := chromedp.Run(k.ctx, chromedp.KeyEvent(kb.Tab))
			must(k.T, err)
		}
		if value != "" {
			_, err := chromedp.Run(k.ctx, chromedp.KeyEvent(value))
			must(k.T, err)
		}
	}
	_, err := chromedp.Run(k.ctx, chromedp.KeyEvent(kb.Enter))
	must(k.T, err)
}

// planned waits for what an act would do; a page that refuses it fails the test at once.
func (k *keyboard) planned(want string) {
	k.Helper()
	text := k.until("Do this?", `(() => { const p = document.querySelector("main > .problem"); return document.body ? document.body.innerText + (p ? "Do this? problem" : "") : "" })()`)
	if !strings.Contains(text, want) {
		k.Fatalf("the page does not say %q:\n%s", want, text)
	}
}

// agree says yes to what is shown, and waits for what is done.
func (k *keyboard) agree(want string) string {
	k.Helper()
	k.wait("Do this?")
	k.named()
	text := k.press(want, kb.Enter)
	k.named()
	return text
}

// reload shows the page again, until it has a text.
func (k *keyboard) reload(address, want string) string {
	k.Helper()
	base, _, _ := strings.Cut(address, "?")
	for {
		_, err := chromedp.Run(k.ctx, chromedp.Navigate(base))
		must(k.T, err)
		text := k.until("Card counter", `document.body ? document.body.innerText : ""`)
		if strings.Contains(text, want) {
			k.named()
			return text
		}
	}
}

// A top-up on the page, by keyboard: the card is pulled while it takes the money, comes again, and
// has it once; nothing was given back, and the holder's data is nowhere on the page.
func TestCounterPageTopUp(t *testing.T) {
	ctx := browser(t)
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	s, held := newShop(t, store), personalised(t, store)
	address := startPageOf(t, "counter", s.args...)
	k := &keyboard{t, ctx}
	_, err := chromedp.Run(ctx, chromedp.Navigate(address))
	must(t, err)
	k.wait("no card")
	k.named()

	must(t, slot.Insert(t.Context(), &pulled{Chip: held, moment: chip.BeforeCommit}))
	text := k.reload(address, "****0012")
	if strings.Contains(text, transitOrder.Transit.Number) || strings.Contains(text, "李四") {
		t.Errorf("the page has the card's number or its holder: %s", text)
	}
	k.form("top-up", "50")
	k.planned("top up card ****0012")
	if s.bank.orders() != 0 || held.Describe().Transit.BalanceFen != 0 {
		t.Error("something was done before anybody agreed")
	}
	k.agree("is not finished")
	_ = slot.Remove() // its card has gone
	takeOut(t, nil)
	held.PowerOn()
	must(t, slot.Insert(t.Context(), held))
	k.reload(address, "resolve it before anything else")
	k.form("resolve")
	k.planned("finish what is open of card ****0012")
	k.agree("the card did not have the 50.00 yuan, and has them now")
	if read := held.Describe().Transit; read.BalanceFen != 5000 || s.bank.orders() != 1 {
		t.Errorf("%d orders, card %+v", s.bank.orders(), read)
	}
	k.reload(address, "50.00 yuan")
	k.form("pin", "123456", "654321", "654321")
	k.agree("the card has its new PIN")
	_, err = chromedp.Run(ctx, chromedp.Navigate(strings.Split(address, "?")[0]+"?language=zh"))
	must(t, err)
	k.wait("服务柜台")
	takeOut(t, slot)
}
