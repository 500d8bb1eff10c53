// Package outbox is the terminal's memory: every charge to a card is written here first and is sent
// to Kafka afterwards, however long the network is down.
//
// # Promises
//
//  1. When Append returns nil, its records survive a crash of the program and
//     of the machine, all of them or (when it did not return) none of them.
//  2. Forward sends every record in the order of Append and remembers how far
//     the broker has acknowledged, only after the acknowledgement. A crash in
//     between sends some records twice and never loses one; the clearing side
//     counts a repeat once. Records of a topic that its caller calls lesser, and that the brokers
//     do not take, stop no others: they are dropped and counted, or put behind what was appended
//     meanwhile, durably, before the position passes them. They are sent again every minute.
//  3. Only records whose Append had not returned may vanish, and they vanish as a whole frame.
//     Damage anywhere else is an error of Open, which names the file and the place: money would be
//     missing silently. The only damage that cannot be told from an unfinished write is that of the
//     very last frame after a crash; Open and Close write an empty mark frame to make that case
//     short.
//  4. Local records are the terminal's own: it knows them again after a crash, and they are never
//     sent. Keep makes them durable together with records to send, both or neither. They stand
//     until their key is given no value, however many segments are sent and removed meanwhile.
//  5. Ready fails while the disk has no room for the next records. A terminal
//     asks it before it debits a card, so that a full disk stops the gate and
//     not the record. A full disk does not stop Forward: to move the position needs no free byte
//     (on a file system that writes in place, as ext4 and XFS do), and then segments are removed.
//
// # Files
//
// A directory holds `lock`, `position`, maybe `broken`, and segments named after the sequence
// number of their first record, 20 digits, ".log". A segment has a fixed size
// and is filled with zeros when it is made, so that a later write needs no room
// on the disk and changes no file size.
//
//	position two slots, at 0 and 4096: magic "CITYPOS1" 8 | position 8 | CRC-32C 4.
//	         The higher one of those that are whole counts; the file has 8,192 bytes
//	segment  magic "CITYBOX1" 8 | first sequence 8 | salt 8 | CRC-32C of the 24 bytes 4 | zero 4
//	frame    magic "FRM1" 4 | payload length 4 | records 4 | first sequence 8 | CRC-32C 4, payload
//	record   topic length 1 | key length 2 | value length 4 | topic | key | value
//
// A record without a topic is local. It has no sequence number, and the frame's number of records
// does not count it. Of the local records of a segment the last one with a key stands; without a
// value none does. A segment begins with a frame of all that stood when it was made, so those of
// the last segment are those that stand, and the others can be removed. At most 128 stand, with
// keys of at most 64 bytes and values of at most 2,048: that frame has less than 300 kB.
//
// Numbers are big-endian. A frame's CRC covers the segment's salt, the frame's
// header without magic and CRC, and the payload: bytes of a record that look
// like a frame do not pass for one.
//
// # Order of the steps on the disk
//
//	append     write frame; sync segment; only then Append returns
//	rollover   (frames of the old segment are synced) write new.tmp with the local records that
//	           stand, and remove it if that fails; sync new.tmp; rename to its name; sync
//	           directory. If no record of the old segment is sent, both have one name, and the
//	           rename replaces the old one
//	position   (broker has acknowledged; refused records are appended) write the older slot; sync;
//	           only then the other one is the older; then remove segments below the position
//
// Open makes the position's file as a segment is made, before the first segment.
//
// A write or sync that fails leaves the state of the file unknown: the outbox
// takes no more records until it is opened again, which reads what is there. The system may give
// that from memory and take it for stored, so a file `broken` tells Open to write the last segment
// again, as at a rollover, before anything is appended.
package outbox
