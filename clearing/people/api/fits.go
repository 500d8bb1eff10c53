package api

import (
	"citycard/clearing/people/proposal"
	"citycard/language"
)

// Knows tells the client of kinds of proposals. Of others it shows and signs nothing: people read a
// proposal's change, what is done follows from its request, and only the kind can say whether both
// are the same.
func (c *Client) Knows(kinds []proposal.Entry) {
	c.kinds = make(map[string]proposal.Entry, len(kinds))
	for _, kind := range kinds {
		c.kinds[kind.Kind] = kind
	}
}

// fits refuses a view whose change is not the one of its request.
func (c *Client) fits(v *View) error {
	kind, known := c.kinds[v.Kind]
	if !known {
		return language.Textf("this program does not know the kind %.64q of proposals; nothing is signed", v.Kind)
	}
	if err := kind.Fits(v.Request, v.Change); err != nil {
		return language.Textf("the server shows something else than what is asked for; nothing is signed: %w", err)
	}
	return nil
}
