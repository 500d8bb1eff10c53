// Package forgery alters records: one byte of one field, signed or not, of any message. It knows no
// field by name, so that a field which is added to a message is altered too. Package truth states
// the expected outcome: it knows all fields and refuses one that it does not know.
//
// A number is altered as its four bytes, high byte first, also where it is 0 and therefore not
// sent. Text stays ASCII, since a protobuf text that is not UTF-8 cannot be written.
package forgery
