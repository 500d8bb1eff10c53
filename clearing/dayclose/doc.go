// Package dayclose ends a clearing day: it moves the input streams to the next
// day, passes over the day's cards (package history), states what everybody is owed,
// writes the settlement files and books the payments. Sealing it is a step of its own,
// since a closed day may be reopened by two people and a sealed one never.
//
// Each step can be done again: a close that was killed is finished by closing
// once more. The order is what makes it safe. Once the input streams have moved,
// nothing is added to the day but its own settlement, so the positions computed
// from its rows are final; the files are written before the payments are booked,
// and a second run that would write other files is refused; so that it would not,
// the registry's version is noted just before they are, once it is known that they can
// be. Until then a close goes by the newest registry, so what it stumbles over can be
// corrected by a change. A payment is what is
// owed less what was paid, so a run that follows an interrupted one pays nobody
// twice, and one that follows a reopening pays the difference.
package dayclose
