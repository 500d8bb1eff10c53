package counter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"citycard/durable"
	"citycard/language"
)

// Shift is a shift at the counter, as the centre has opened it.
type Shift struct {
	Number int64  `json:"shift"`
	Order  string `json:"order"` // by which it was opened
	By     string `json:"by"`    // who opened it
	Opened string `json:"opened"`
	Start  int64  `json:"start_fen"` // cash in the drawer
}

// cashState is how the cash of an order stands.
type cashState string

// The states of an order's cash. They are stored.
const (
	cashTook  cashState = "took"  // it is in the drawer; what becomes of the order is not known
	cashWrote cashState = "wrote" // it is in the drawer, and the money on the card
	cashGave  cashState = "gave"  // it was given back
)

// cash is a line of the drawer's file.
type cash struct {
	Placer string    `json:"placer"`
	Order  string    `json:"order"`
	Fen    int64     `json:"fen"`
	State  cashState `json:"state"`
}

func cashOf(n Name, fen int64, state cashState) cash { return cash{n.Placer, n.Number, fen, state} }

func (c *cash) name() Name { return Name{c.Placer, c.Order} }

// Drawer counts the cash that a shift takes for loads. The acts on cards are counted by the centre.
// What is taken is on the disk before the order is asked for, and what is given back when it is.
//
// The file of a shift has a line for its opening and one for each change of an order's cash; a line
// that a crash has cut short was not answered to anybody.
type Drawer struct {
	dir string

	mu     sync.Mutex
	file   *os.File // nil: no shift is open
	size   int64    // of what is whole in it
	shift  Shift
	orders map[Name]cash
}

const drawerFile = "shift"

// ErrNoShift: no shift is open at the counter.
var ErrNoShift = language.Textf("no shift is open at this counter: open one first")

// OpenDrawer opens the drawer that is kept in a directory. The book says which orders are not
// finished: cash of others that was taken and not confirmed was never asked for.
func OpenDrawer(dir string, book *Book) (*Drawer, error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("drawer: %w", err)
	}
	d := &Drawer{dir: dir, orders: map[Name]cash{}}
	content, err := os.ReadFile(d.path())
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("drawer: %w", err)
	}
	whole := bytes.LastIndexByte(content, '\n') + 1
	if err := d.read(content[:whole]); err != nil {
		return nil, fmt.Errorf("drawer: %w", err)
	}
	if d.file, err = os.OpenFile(d.path(), os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return nil, fmt.Errorf("drawer: %w", err)
	}
	d.size = int64(whole)
	if err := d.file.Truncate(d.size); err != nil {
		return nil, errors.Join(fmt.Errorf("drawer: %w", err), d.file.Close())
	}
	return d, d.reconcile(book)
}

func (d *Drawer) path() string { return filepath.Join(d.dir, drawerFile) }

func (d *Drawer) read(content []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(content))
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			if err := json.Unmarshal(lines.Bytes(), &d.shift); err != nil {
				return err
			}
			continue
		}
		var c cash
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return fmt.Errorf("line %d: %w", n+1, err)
		}
		d.orders[c.name()] = c
	}
	return lines.Err()
}

func (d *Drawer) reconcile(book *Book) error {
	open := map[Name]bool{}
	for _, o := range book.All() {
		open[o.Name()] = true
	}
	for name, c := range d.orders {
		if c.State == cashTook && !open[name] {
			if err := d.put(cashOf(name, c.Fen, cashGave)); err != nil {
				return err
			}
		}
	}
	return nil
}

// put appends a line; it is on the disk when put returns. A line that was not written whole is
// taken back before another one is written, or nothing could be read behind it.
func (d *Drawer) put(c cash) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err = d.file.Truncate(d.size); err == nil {
		_, err = d.file.Write(line)
	}
	if err == nil {
		err = d.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("drawer: %w", err)
	}
	d.size += int64(len(line))
	d.orders[c.name()] = c
	return nil
}

// Begin begins a shift. The same shift again changes nothing.
func (d *Drawer) Begin(s Shift) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file != nil && d.shift.Number == s.Number {
		return nil
	}
	if d.file != nil {
		return language.Textf("shift %d is open at this counter: close it first", d.shift.Number)
	}
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err := durable.WriteFile(d.path(), line); err != nil {
		return fmt.Errorf("drawer: %w", err)
	}
	if d.file, err = os.OpenFile(d.path(), os.O_WRONLY|os.O_APPEND, 0); err != nil {
		return fmt.Errorf("drawer: %w", err)
	}
	d.size, d.shift, d.orders = int64(len(line)), s, map[Name]cash{}
	return nil
}

// Shift is the open one.
func (d *Drawer) Shift() (Shift, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shift, d.file != nil
}

// Took counts cash that is taken for an order, before it is asked for. Without a shift it does
// nothing.
func (d *Drawer) Took(name Name, fen int64) error { return d.set(cashOf(name, fen, cashTook)) }

// Wrote notes that the order is on its card.
func (d *Drawer) Wrote(name Name) error {
	d.mu.Lock()
	c, mine := d.orders[name]
	d.mu.Unlock()
	if !mine { // of an earlier shift, or nobody paid for it here
		return nil
	}
	return d.set(cashOf(name, c.Fen, cashWrote))
}

// Gave counts cash that is given back. Of an order of an earlier shift it is this one that gives.
func (d *Drawer) Gave(name Name, fen int64) error {
	d.mu.Lock()
	if _, mine := d.orders[name]; !mine {
		fen = -fen
	}
	d.mu.Unlock()
	return d.set(cashOf(name, fen, cashGave))
}

func (d *Drawer) set(c cash) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil || d.orders[c.name()] == c {
		return nil
	}
	return d.put(c)
}

// Loaded is the cash that the shift took for loads, less what it gave back of those of others.
func (d *Drawer) Loaded() (fen int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.orders {
		if c.State != cashGave {
			fen += c.Fen
		} else if c.Fen < 0 { // taken in an earlier shift
			fen += c.Fen
		}
	}
	return fen
}

// End ends the shift; its file is kept.
func (d *Drawer) End() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return ErrNoShift
	}
	err := d.file.Close()
	d.file = nil
	return errors.Join(err, os.Rename(d.path(), filepath.Join(d.dir, fmt.Sprintf("%s-%d", drawerFile, d.shift.Number))))
}

// Close closes the drawer's file; the shift goes on.
func (d *Drawer) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}
