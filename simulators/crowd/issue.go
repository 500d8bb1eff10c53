package crowd

import (
	"path/filepath"

	"citycard/simulators/network"
	"citycard/simulators/plan"
)

// Issue writes what clearing must know of the city into dir/registry, and the city
// into dir: no chips are made. It takes constant memory; progress is told how many
// cards are written.
func Issue(dir string, c plan.City, n *network.Network, progress func(phase string, done, total int)) error {
	if err := c.Check(); err != nil {
		return err
	}
	r := plan.Registry{City: c, Network: n, Card: func(i int) (plan.Card, error) { return newCard(&c, i) }, Progress: progress}
	if err := r.Write(filepath.Join(dir, "registry")); err != nil {
		return err
	}
	return c.Write(dir)
}

// newCard works a card out.
func newCard(c *plan.City, i int) (plan.Card, error) {
	d := mixed(c.Seed, forCard, uint64(i))
	return c.Card(i, &d)
}
