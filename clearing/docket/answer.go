package docket

import "errors"

// Two errors of a judge inside its transaction say that the batch is good and only has to be
// judged in another way.
var (
	// ErrMoved says that what a batch was judged by has changed before its commit: it is judged
	// once more, as things are then.
	ErrMoved = errors.New("what the batch was judged by has changed")
	// ErrApart says that a ruling was built on another that the ledger then refused, or that a
	// refused line cannot be traced to its record. In smaller batches they come out right.
	ErrApart = errors.New("the batch must be judged in parts")
)

// Place is a batch: its number in its stream.
type Place struct {
	Stream   string
	Sequence int64
}

// Outgoing is a message that becomes true with the commit.
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
