// Package rogue is a card that behaves normally up to a given command. From there on it acts like a
// broken or torn card, or like a card made to break terminals. Terminals are tested with every
// trick at every command of their dialogues: they must return in time, with a useful error, and
// with the true state of the money as far as it can be known.
//
// It contains a complete chip, so that the terminal's result can be compared with what the chip has
// done. A trick imitates:
//
//   - a card that leaves the field: before a command, or after it was carried out;
//   - a card that hangs: no answer until the terminal gives up;
//   - answers that are unusable, that never end, that are too long, too short or altered;
//   - status words of a card that is blocked or breaks, before or after it carries out the command;
//   - data objects that nest or lie about their lengths.
//
// The tricks are the same in every run; nothing is random.
package rogue
