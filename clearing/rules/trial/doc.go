// Package trial prices what was booked on past days under rules that are not in force, so that the
// effect of a proposal is known before anybody approves it.
//
// Two sets of rules price the same taps and claims. Before is the set in force: each tap has the
// price of the fares that held when it was signed, each claim the share of the medical table of its
// day. After is the proposal, as if its last versions had held on those days: the fares, network
// and medical table after which no others follow. So a version that begins next year is laid over
// last month, and what the proposal says of the time until then is not tried.
//
// A tap that one of the two cannot price, such as one at a station that a network lacks, belongs to
// no sum. It is counted under the reason with the amount that was paid, and so is a claim that one
// of the tables does not cover. Sums before and after are of the same records.
//
// Records are those that were booked in the days: taps that are cleared, pending or suspended,
// which took money from a purse, with the entries that cost nothing; and accepted claims. What was
// rejected is no record of a ride.
//
// Days are read in parts, runs of keys, on all processors. Memory is that of the sums, of the
// largest changes, of one person's claims, and, where claims are tried, of the registry of persons
// and hospitals, however many days there are. Nothing is written. A day that is still open is read
// part by part, without one moment's view of it.
//
// A person's claims are settled again in order: by booking day, and within it by the time at which
// the desk settled. The year's tally begins with what was settled before the days, as it was
// booked, and then follows each set of rules; a claim that a set cannot settle counts there as it
// was booked. What the fund pays is compared. How the rest divides into personal account and cash
// depends on what the account held then, and is not tried.
package trial
