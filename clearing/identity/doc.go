// Package identity makes the keys under which clearing posts. A key is built
// only from what the card signed (or, for requests, from what the caller may
// repeat after any failure), so that a record that comes late, twice, through
// another terminal or with altered unsigned fields still posts once.
//
// A card, as a subject, is the twelve bytes that its keys are derived from (Card): the first four
// of its issuer id, institution and city, and the last eight of its serial number. SameTap and
// SameLoad say whether two records under one key are the same transaction.
//
//	spend            day signed     subject card    01 type terminal(6) SAM sequence(4)
//	load written     day signed     subject card    02 type online sequence(2)
//	load authorised  none           subject card    03 type online sequence(2), attempt from 2 on
//	load refunded    none           subject card    04 as what is refunded
//	load order       none           subject placer  05 hash of the placer's order number
//	load withdrawn   none           subject placer  06 hash of the placer's order number
//	load moved       none           subject placer  07 hash of the placer's order number, n(4)
//	load held        none           subject placer  08 hash of the placer's order number, n(4)
//	load's invoice   none           subject placer  09 hash of the placer's order number, n(4)
//	load paid out    none           subject placer  0a hash of the placer's order number, n(4)
//	medical          day of claim   subject person  10 part hash of hospital and settlement
//	pension          first of month subject person  20 YYYYMM
//	pension return   first of month subject person  21 YYYYMM, payment from the second on
//	pension again    first of month subject person  22 YYYYMM payment
//	settlement       clearing day   subject account 30 part
//	receipt          none           subject account 31 the bank's reference
//	reject           none           stream, hash    40 hash of the bytes, piece
//	judged again     as what is     quarantine      41 as what is judged again
//	kept alone       clearing day   quarantine      42 stream offset time, hash of bytes, piece
//	release          as what is released            50 part id of what is released
//
// A pension's effective day is the first of the month it pays for, so that a second batch for the
// same month gets the same keys as the first, whatever its payday. Only a payout that the bank
// returned is paid again, as the month's next payment.
package identity
