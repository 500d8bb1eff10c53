// Package language gives users each text in one language, English or Chinese.
//
// A text is written in English where it is used, with the verbs of package fmt for what varies.
// The folder zh holds the Chinese ones, catalogues in the format of gettext (PO): msgid is the
// English text, msgstr the Chinese one, with the same verbs; where their order differs they are
// numbered, as in %[2]s. Each room or program has a catalogue of its own, and all are one when they
// are read: the same English text means the same everywhere.
//
// Only people's texts have two languages. Logs, JSON, codes, and files for other programs have one.
// What a catalogue does not have is shown in English; the tests of cmd/service list what is missing
// and what nothing uses.
package language
