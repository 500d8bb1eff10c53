// Package medical splits a hospital's claim between the insurance fund, the patient's personal
// account and cash. Settle is arithmetic over a dated rule table: no clock, no database, no
// message. Judge applies it to a batch of claims inside the batch's transaction, which its caller
// passes in. It reads and stores what each person has used in the year, and answers each desk. It
// knows nothing of Kafka or of the commit.
//
// The order is fixed. The deductible comes off the in-scope cost first; each
// band above it pays its ratio; the sum is rounded to a whole fen once; the
// yearly ceiling caps it. What the fund does not pay is the patient's part: the
// personal account pays as much of it as it holds, cash the rest.
//
// Invariants, checked on every split before it is returned:
//
//  1. total = fund + account + cash.
//  2. The patient's part = own pay + over limit + first pay + deductible
//     + share in the bands + what lies over the ceiling.
//  3. No part is negative.
//  4. The fund never pays more than the in-scope cost, nor past its ceiling.
//
// The four amounts of a claim follow the settlement interface's fields
// medfee_sumamt, fulamt_ownpay_amt, overlmt_selfpay, preselfpay_amt and
// inscp_scp_amt. That the first is the sum of the others is inferred from the
// field names; a claim where it is not is refused.
//
// Every figure is data. The embedded example holds figures from re-posted pages
// that conflict between years, and says so row by row; it is no city's table.
package medical
