package counter_test

import (
	"os"
	"path/filepath"
	"testing"

	"citycard/terminals/counter"
)

// A line of which a full disk took only a part is gone before the next one is written.
func TestDrawerAfterAFailedWrite(t *testing.T) {
	l, dir := newTill(t), filepath.Join(t.TempDir(), "drawer")
	d, err := counter.OpenDrawer(dir, l.Book)
	must(t, err)
	must(t, d.Begin(counter.Shift{Number: 7, Order: "s-1", By: "ann"}))
	must(t, d.Took(named("one"), 5000))
	must(t, d.Wrote(named("one")))
	f, err := os.OpenFile(filepath.Join(dir, "shift"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(`{"order":"tw`)
	must(t, err)
	must(t, f.Close())
	must(t, d.Took(named("three"), 700))
	must(t, d.Wrote(named("three")))
	must(t, d.Close())
	d, err = counter.OpenDrawer(dir, l.Book)
	must(t, err)
	if d.Loaded() != 5700 {
		t.Errorf("loaded %d", d.Loaded())
	}
	must(t, d.Close())
}

// The drawer knows after each restart what the shift took: orders that were written or are open
// count, those that were never asked for or were given back do not.
func TestDrawer(t *testing.T) {
	l, dir := newTill(t), filepath.Join(t.TempDir(), "drawer")
	open := func() *counter.Drawer {
		t.Helper()
		d, err := counter.OpenDrawer(dir, l.Book)
		must(t, err)
		t.Cleanup(func() { must(t, d.Close()) })
		return d
	}
	d := open()
	must(t, d.Took(named("nobody's"), 1000)) // without a shift
	if _, is := d.Shift(); is || d.Loaded() != 0 {
		t.Error("a shift is open")
	}
	must(t, d.Begin(counter.Shift{Number: 7, Order: "s-1", By: "ann", Start: 20_000}))
	must(t, d.Took(named("written"), 5000))
	must(t, d.Wrote(named("written")))
	must(t, d.Took(named("given"), 700))
	must(t, d.Gave(named("given"), 700))
	must(t, d.Took(named("never asked for"), 300))
	must(t, d.Gave(named("of another shift"), 1000))
	if d.Loaded() != 5000+300-1000 {
		t.Errorf("loaded %d", d.Loaded())
	}
	must(t, d.Close())
	f, err := os.OpenFile(filepath.Join(dir, "shift"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString(`{"order":"cut sh`)
	must(t, err)
	must(t, f.Close())
	d = open()
	if s, is := d.Shift(); !is || s.Number != 7 || s.Start != 20_000 || d.Loaded() != 4000 {
		t.Errorf("shift %+v, loaded %d", s, d.Loaded())
	}
	if err := d.Begin(counter.Shift{Number: 8}); err == nil {
		t.Error("two shifts are open")
	}
	must(t, d.Took(named("after the cut"), 100))
	must(t, d.Close())
	d = open()
	if d.Loaded() != 4000 { // it was never asked for
		t.Errorf("loaded %d", d.Loaded())
	}
	must(t, d.Wrote(named("after the cut"))) // a person has found out that its card has it
	if d.Loaded() != 4100 {
		t.Errorf("loaded %d", d.Loaded())
	}
	must(t, d.End())
	if _, is := d.Shift(); is {
		t.Error("it is still open")
	}
	must(t, d.Begin(counter.Shift{Number: 8}))
}

func named(number string) counter.Name {
	return counter.Name{Placer: "channel:counter", Number: number}
}
