// Package rogue is a card that behaves until a command, and from there on does what broken
// and torn cards do, and cards made to break terminals. Terminals are tested by every trick
// at every command of their dialogues: they have to come back in time, with an error that
// says something, and with the truth about the money as far as it can be known.
//
// Inside is a whole chip, so that what the terminal says can be held against what the chip
// has done. A trick imitates:
//
//   - a card that leaves the field: before a command, or after it was carried out;
//   - a card that hangs: no answer until the terminal gives up;
//   - answers that are none, that never end, that are too long, too short or altered;
//   - status words of a card that is blocked or breaks, without or after the deed;
//   - data objects that nest or lie about their lengths.
//
// The tricks are the same in every run: no chance is in them.
package rogue
