package registry

// On is what follows an edition when the draft is approved.
func (d *Draft) On(base *Edition) *Edition { return newEdition(base, d) }
