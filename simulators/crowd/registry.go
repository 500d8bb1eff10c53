package crowd

import (
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"citycard/simulators/city"
	"citycard/simulators/network"
)

// Issue writes what clearing must know of the city into dir/registry, and the city
// into dir: no chips are made. It takes constant memory; progress is told how many
// cards are written.
func Issue(dir string, c City, n *network.Network, progress func(done, total int)) error {
	if err := c.Check(); err != nil {
		return err
	}
	registry := filepath.Join(dir, "registry")
	if err := city.WriteNetwork(registry, n); err != nil {
		return err
	}
	err := replaceFile(filepath.Join(registry, "persons.csv"), func(w *fileWriter) { w.put(row(city.PersonHeader())) })
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	err = replaceFile(filepath.Join(registry, "cards.csv"), func(w *fileWriter) { w.err = c.writeCards(w, progress) })
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	err = replaceFile(filepath.Join(registry, "purses.csv"), func(w *fileWriter) { w.err = c.writePurses(w) })
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	err = replaceFile(filepath.Join(registry, "hotlist.csv"), func(w *fileWriter) { w.err = c.writeHotlist(w) })
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return c.write(dir)
}

func row(cells []string) []byte { return []byte(strings.Join(cells, ",") + "\n") }

func (c City) writeCards(w *fileWriter, progress func(done, total int)) error {
	w.put(row(city.CardHeader()))
	issuer := city.Issuer()
	middle := "," + hex.EncodeToString(issuer[:]) + ",0"
	var line []byte
	for i := range c.Cards {
		if i%10_000 == 0 && progress != nil {
			progress(i, c.Cards)
		}
		k, err := c.card(i)
		if err != nil {
			return err
		}
		status, expires := ",active,", validTo
		switch k.fate {
		case city.Unregistered:
			continue
		case city.Blocked:
			status = ",blocked,"
		case city.Expired:
			expires = expiredOn
		}
		line = append(append(line[:0], k.number()...), middle...)
		line = append(strconv.AppendUint(line, uint64(k.kind), 10), status...)
		line = append(append(line, validFrom+","...), expires...)
		if w.put(append(line, '\n')); w.err != nil {
			return w.err
		}
	}
	if progress != nil {
		progress(c.Cards, c.Cards)
	}
	return w.err
}

func (c City) writeHotlist(w *fileWriter) error {
	w.put(row(city.HotlistHeader()))
	for i := range c.Cards {
		k, err := c.card(i)
		if err != nil {
			return err
		}
		if k.fate != city.Listed {
			continue
		}
		if w.put(row([]string{k.number(), "lost", city.ListedFrom(i, strconv.Itoa(c.Day)), ""})); w.err != nil {
			return w.err
		}
	}
	return w.err
}

func (c City) writePurses(w *fileWriter) error {
	w.put(row(city.PurseHeader()))
	issuer := city.Issuer()
	middle := "," + hex.EncodeToString(issuer[:]) + ","
	var line []byte
	for i := range c.Riders {
		k, err := c.card(i)
		if err != nil {
			return err
		}
		line = append(append(line[:0], k.number()...), middle...)
		line = append(strconv.AppendUint(line, uint64(k.opening), 10), ","+validFrom+"\n"...)
		if w.put(line); w.err != nil {
			return w.err
		}
	}
	return w.err
}
