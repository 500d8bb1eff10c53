package chip

import (
	"citycard/cardos/keys"
)

// session is the state that a loss of power ends.
type session struct {
	current *directory
	file    *file // selected elementary file, or nil

	challenge [16]byte
	fresh     int // length of the challenge that may still be used

	issuing       bool     // authenticated with the transport key
	seal          keys.Key // of the keys that are stored then
	stored        []byte   // beginning of a data grouping
	block         byte     // number of the next STORE DATA block
	authenticated uint16   // bit per key identifier 0..15
	verified      bool     // the holder's PIN

	waiting []byte // T=0: answer to be fetched
	deal    deal
	access  access
	sale    sale
}

// stay forgets the state of a directory but keeps that of its application: moving to a directory
// with the same keys and PIN keeps what was proved.
func (s *session) stay() {
	s.file = nil
	s.stored, s.block = nil, 0
	s.fresh = 0
	s.deal.end()
}

// leave forgets what belongs to the application that is left.
func (s *session) leave() {
	s.file = nil
	s.issuing, s.stored, s.block = false, nil, 0
	s.authenticated, s.verified = 0, false
	s.fresh = 0
	s.deal.end()
	s.access, s.sale = access{}, sale{}
}

// dealing is how far a purse transaction has come.
type dealing byte

const (
	idle dealing = iota
	loading
	paying
	caching // composite purchase
	limiting
)

// deal is an initialized transaction.
type deal struct {
	state    dealing
	wallet   *wallet
	kind     byte
	amount   uint32
	terminal [6]byte
	random   [4]byte
	session  keys.Session // load and overdraft: known at once
	updates  []update
	arena    []byte // bytes of updates
}

// end forgets the transaction and keeps its buffers.
func (d *deal) end() { *d = deal{updates: d.updates[:0], arena: d.arena[:0]} }

// update is a cached or staged write to one record: slot -1 appends.
type update struct {
	file *file
	slot int
	data []byte
}

// access is a SAM's prepared key.
type access struct {
	ready bool
	mode  byte // of CIPHER, that it serves
	key   keys.Key
}

// sale is a SAM's purchase that waits for the card's MAC2.
type sale struct {
	pending bool
	amount  uint32
	session keys.Session
}
