// Package purse holds the terminal's half of the PBOC electronic purse (EP) and
// electronic deposit (ED): commands to send, answers to read, and the
// transaction log. Everything here is pure; dialogues belong to the terminals.
//
// A transaction is two commands. INITIALIZE changes nothing on the card; the second command (CREDIT
// or DEBIT) changes balance, counter and log in one step if its MAC is right; otherwise it changes
// nothing:
//
//	idle ─ INITIALIZE FOR LOAD ──────▶ loading ─ CREDIT FOR LOAD ──▶ idle
//	idle ─ INITIALIZE FOR PURCHASE ──▶ paying ── DEBIT ────────────▶ idle
//	idle ─ INITIALIZE FOR CAPP ──────▶ caching ─ UPDATE CAPP … ─▶ DEBIT ─▶ idle
//
// In a composite purchase (CAPP) the cached updates become permanent with the
// DEBIT, all or none. When the answer to the second command is lost, the
// outcome is unknown; GET TRANSACTION PROVE, the balance and the counter tell
// it on the next presentation.
//
// Sources: PBOC 2.0 part 1 and 2 as public readers and card manuals restate
// it. Amounts are whole fen, big-endian; dates and times BCD.
package purse
