package registry

import "citycard/clearing/registry/index"

// On is what follows an edition when the draft is approved.
func (d *Draft) On(base *index.Edition) *index.Edition { return d.on(base) }
