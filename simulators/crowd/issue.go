package crowd

import (
	"path/filepath"

	"citycard/simulators/plan"
)

// Issue writes the data that clearing needs about the city into dir/registry, and the city into
// dir; no chips are made. It uses constant memory; progress is called with the number of cards
// written.
func Issue(dir string, c plan.City, t *plan.Town, progress func(phase string, done, total int)) error {
	if err := c.Check(); err != nil {
		return err
	}
	if !c.Direct() {
		return errChips
	}
	r := plan.Registry{City: c, Town: t, Card: func(i int) (plan.Card, error) { return newCard(&c, t, i) }, Progress: progress}
	if err := r.Write(filepath.Join(dir, "registry")); err != nil {
		return err
	}
	return c.Write(dir)
}

// newCard computes the data of a card.
func newCard(c *plan.City, t *plan.Town, i int) (plan.Card, error) {
	d := mixed(c.Seed, forCard, uint64(i))
	return c.Card(i, t, &d)
}
