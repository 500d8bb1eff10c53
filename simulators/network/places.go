package network

// Gate is a place for gates: a station of a metro line.
type Gate struct{ Line, Station int }

// Gates are those of all versions, each once, in the order in which they first occur.
func (ms Maps) Gates() (gates []Gate) {
	seen := map[Gate]bool{}
	for _, m := range ms {
		for _, l := range m.Lines {
			for _, s := range l.Stops {
				g := Gate{l.Number, s.Station}
				if !seen[g] {
					gates = append(gates, g)
				}
				seen[g] = true
			}
		}
	}
	return gates
}

// Operator is who runs a line, and the operator's place in the file, from 1, as cards have it.
func (c *City) Operator(mode string, line int) (id string, number int) {
	for i, o := range c.Operators {
		if o.Mode != mode {
			continue
		}
		for _, l := range o.Lines {
			if l == line {
				return o.ID, i + 1
			}
		}
	}
	return "", 0
}
