package docket

import "errors"

// A judge returns one of two errors inside its transaction when the batch is good and only has to
// be judged in another way.
var (
	// ErrMoved says that the data by which a batch was judged has changed before its commit. The
	// batch is judged again, by the new data.
	ErrMoved = errors.New("what the batch was judged by has changed")
	// ErrApart says that a ruling depends on another one that the ledger then refused, or that the
	// record of a refused line cannot be found. Smaller batches avoid both.
	ErrApart = errors.New("the batch must be judged in parts")
)

// Place identifies a batch by its stream and its number there.
type Place struct {
	Stream   string
	Sequence int64
}

// Outgoing is a message that is stored by the batch's commit and then sent.
type Outgoing struct {
	Topic string
	Key   []byte
	Value []byte
}

// Mark stands for the message.
func (o *Outgoing) Mark() Mark { return MarkOf([]byte(o.Topic), o.Key, o.Value) }

// Answers are the messages that a judge has for those who asked, and the marks of the rows that
// it stored beside the ledger, in their order: of answers, and of messages kept as they came.
type Answers struct {
	Outgoing          []Outgoing
	Stored, Originals []Mark
}
