// Package dayclose ends a clearing day: it moves the input streams to the next
// day, states what everybody is owed, writes the settlement files, books the
// payments and seals the day.
//
// Each step can be done again: a close that was killed is finished by closing
// once more. The order is what makes it safe. Once the input streams have moved,
// nothing is added to the day but its own settlement, so the positions computed
// from its rows are final; the files are written before the payments are booked,
// and a second run that would write other files is refused.
package dayclose
