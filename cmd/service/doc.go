// Package service is the start-up code that the three programs share: flags,
// environment and configuration file, log, data directory, metrics and health
// pages, signals, child processes, progress, and an ordered stop. It holds no
// rule of cards, clearing or money and imports no other room, only leaves.
//
// # Where a setting comes from
//
// A flag on the command line wins over the environment, which wins over the
// configuration file, which wins over the default:
//
//	--kafka HOST:PORT          citycard serve --kafka 10.0.0.5:9092
//	NAME_FLAG                  CITYCARD_KAFKA=10.0.0.5:9092   (CARDTERM_…, CARDSIM_…)
//	--config FILE              a line "kafka 10.0.0.5:9092"; '#' begins a comment
//
// An empty environment variable counts as unset. A configuration file serves all commands of one
// program: a key that another command of the program knows is ignored, a key that no command knows
// is refused.
//
// Flags may stand before and behind a command's arguments, never before its name.
//
// # Language
//
// Every command has --language; Run adds it to those that do not have it from Common. Without it,
// and without its variable and its line in the configuration file, the locale decides. If the flags
// of a command cannot be read, the configuration file does not count. A text has a language only
// where it is shown: Run does that for errors and help, Common for answers, Table for the names of
// columns. Log lines, and all that is written with --log-format json, are English.
//
// # Exit codes
//
// Codes is the table of exit codes, by cause. From the code a script knows whether to repeat a
// command, to correct it, or to call a person.
//
// SIGINT, SIGTERM and SIGHUP cancel the context of the command, which then stops its parts in
// order; a service that was asked to stop returns nil and exits 0. A second signal kills the
// process at once: every part must be able to survive that.
package service
