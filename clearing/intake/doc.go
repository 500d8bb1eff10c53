// Package intake takes records from Kafka and commits what clearing rules about them. It is the
// only package that knows both Kafka and the commit, and only the programs import it. Judges in
// packages of their own (transit, load, medical, pension) make the rulings; Rules says which judge
// has a topic.
//
// # One stream, one owner, one commit
//
// Every partition of an input topic is a stream of the ledger, named "topic/partition". Its
// position (the next offset) is in a row of the ledger's database. The transaction that books the
// records also moves it. Offsets in Kafka are never used. So:
//
//   - killed before the commit: the position has not moved, the same records
//     come again;
//   - killed after it: the position has moved, they do not;
//   - connection cut during it: the ledger finds out which of the two, by
//     locking the stream's row.
//
// # Several processes
//
// Processes share the partitions through a consumer group. The group says which process should have
// a partition, the database which one has it. A process that is given a partition leases its
// stream, which raises the stream's epoch, and begins at the position found there. So even if the
// group is wrong for a moment (a process was stopped and wakes up, or two processes believe that a
// partition is theirs), only the latest lease commits. A process that finds a newer epoch drops all
// it has, leaves and joins the group again.
//
// # What one commit holds
//
// Transfers, memos (verified records of zero fen, rejects with their original bytes, disputes), the
// turn of the stream's hash chain with a note of versions and counts, answers for the pump, and for
// medical claims the person's tally of the year. Nothing is written to two places at once without a
// transaction: results and rejects reach Kafka through the pump, which reads what was committed.
// Once the broker has acknowledged a message, the statement that moves the pump's place deletes it.
// A message that the broker refuses stays and is tried again; it does not hold up messages of other
// topics.
//
// # The registry
//
// Versions of the registry are published by the process that has the first partition of taps: of
// every key that changed, all its rows as of the newest version. These topics are compacted, so an
// old version must never come after a newer one; a transactional producer sees to that: opening it
// fences all earlier ones (see publishRegistry). Readers use the isolation level read_committed.
//
// # What stops it
//
// No record does. Bytes that cannot be read become a reject. A batch that fails because of one of
// its records is cut in two, and again, until that record is alone. Its bytes are kept with the
// error (package quarantine), and the others are booked in their order. Once the reason is gone,
// two people have the record judged again (Again).
//
// Other causes pass by themselves: for these a batch waits and readiness fails. They are: the
// database or the broker is away, also while the group is joined and streams are leased; the
// database is broken or full, or lacks a table or a right; the key store was changed and cannot be
// used, and a TAC is wrong that may be right under the masters that are not at hand. An account
// that refuses what must be booked (it is not open yet, or frozen) is between the two: the
// partition waits while it has patience, and then keeps the refused records alone.
//
// A batch may also be too large for the database to store in time. If it fails for that reason
// three times in a row, and the database answers otherwise, the batch is cut, and the next ones
// grow only slowly. A single record is kept alone for this reason only if it is long.
//
// A compressed batch that unpacks to more than 16 MiB cannot be read: its partition stops,
// readiness names its offsets, and the other partitions go on. The input topics are set so that the
// broker unpacks such a batch itself and refuses it.
//
// A missing offset and a topic that was made again or has another number of partitions stop it with
// an error, since going on could lose or double money. Offsets may only be missing where a
// transaction was aborted: the log itself must have them, and none of them may have been committed.
package intake
