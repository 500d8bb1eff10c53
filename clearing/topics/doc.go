// Package topics defines how the topics of the message log must be set. A Layout makes those that
// are missing. It refuses existing ones with wrong settings, and shows the command that corrects
// them:
//
//   - input topics keep everything, with the broker's time of each record: no
//     retention by time or size, nothing compacted;
//   - output topics keep every message for a week at least;
//   - topics that state current values keep the last message of each key for ever;
//   - of each, more than half of its replicas must have a record before it is
//     acknowledged, and no replica that misses records may become the leader.
package topics
