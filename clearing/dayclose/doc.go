// Package dayclose ends a clearing day: it moves the input streams to the next
// day, passes over the day's cards (package counters), states what everybody is owed,
// writes the settlement files and books the payments. Sealing it is a step of its own,
// since a closed day may be reopened by two people and a sealed one never.
//
// Each step can be done again: a close that was killed is finished by closing once more. The order
// is what makes it safe. Once the input streams have moved, nothing is added to the day but its own
// settlement, so the positions computed from its rows are final. The files are written before the
// payments are booked, and a second run that would write other files is refused. So that it writes
// the same files, the registry's version is noted just before the first run writes them, once it is
// known that they can be written. Until then a close uses the newest registry, so a row that stops
// it can be corrected by a change. A payment is what is owed less what was paid. So a run after an
// interrupted one pays nobody twice, and a run after a reopening pays the difference.
//
// An operator at whose terminals too many TACs of the day were wrong is not paid, by dated rules: a
// TAC has 32 bits, and somebody may be guessing them. The counts are those that the batches of the
// day noted, so every run of the close finds the same. The held amount stays on the operator's
// account, with a note under the day in place of the payment. A later close follows the note, not
// the rules. Only two people release it (package release), and no later day pays it by itself.
package dayclose
