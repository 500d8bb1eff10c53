// Package intake takes records from Kafka and commits what clearing rules about
// them. It alone knows both Kafka and the commit, and nothing imports it but the
// programs. What to rule is asked of judges in rooms of their own (transit, load, medical,
// pension): Rules says which one has a topic.
//
// # One stream, one owner, one commit
//
// Every partition of an input topic is a stream of the ledger, named
// "topic/partition". Its position (the next offset) is a row of the ledger's
// database, moved by the same transaction that holds what the records became.
// Offsets in Kafka are never used. So:
//
//   - killed before the commit: the position has not moved, the same records
//     come again;
//   - killed after it: the position has moved, they do not;
//   - connection cut during it: the ledger finds out which of the two, by
//     locking the stream's row.
//
// # Several processes
//
// Processes share the partitions through a consumer group; the group says who
// should have a partition, the database who has it. The process that is given one leases
// its stream, which raises the stream's epoch, and begins at the position found
// there. So however wrong the group may be for a moment (a process that was
// stopped and wakes up, two that both think a partition theirs), only the latest
// lease commits. A process that finds a newer epoch drops all it has, leaves and
// joins the group anew.
//
// # What one commit holds
//
// Transfers, memos (verified records of zero fen, rejects with their original
// bytes, disputes), the turn of the stream's hash chain with a note of versions
// and counts, answers for the pump, and for medical claims the person's tally of
// the year. Nothing is written to two places by hope: results and rejects reach
// Kafka through the pump, which reads what was committed. A message is dropped once the
// broker has acknowledged it, by the statement that moves the pump's place; one that the
// broker refuses stays and is tried again, and holds up none of another topic.
//
// # The registry
//
// Versions of the registry are published by the process that has the first partition
// of taps: of every key that changed, all its rows as of the newest version. These
// topics are compacted, so no old version may ever come behind a newer one; a
// transactional producer sees to that, whose opening shuts out all before it (see
// publishRegistry). Readers use the isolation level read_committed.
//
// # What stops it
//
// No record does. Bytes that cannot be read become a reject. A batch that fails for one of
// its records is cut in two, and again, until that record is alone: it is kept with its
// bytes and the error (package quarantine), the others are booked in their order, and two
// people have it judged again once the reason is gone (Again). What fails so is told from
// what passes by itself, for which a batch waits and readiness fails: database or broker
// are away, also at the moment at which the group is joined and streams are leased; the
// database is broken or full, or lacks a table or a right; a key store was changed into what cannot be used,
// once a TAC is wrong, which may be right under the masters that are not at hand. An account
// that refuses what must be booked (it is not open yet, or frozen) is between the two: it is
// waited for as long as the partition has patience, and then what it refuses is kept alone.
//
// A batch may also be more than the database stores in the time it has: where it fails so
// three times in a row, and the database answers otherwise, the batch is cut, and the next
// ones grow only slowly. A single record is kept alone for this only where it is long.
//
// A packed batch that unpacks to more than 16 MiB cannot be read: its partition stands, with
// readiness naming its offsets, and the others go on. The input topics are set so that the
// broker unpacks such a batch itself and refuses it.
//
// A missing offset and a topic that was made again or has another number of partitions stop
// it with an error, since going on could lose or double money. Offsets may only be missing
// that an aborted transaction took up; the log itself is asked that they are there, and that
// none of them was committed.
package intake
