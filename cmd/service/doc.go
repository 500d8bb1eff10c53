// Package service is the one run-up that the three programs share: flags,
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
// An empty environment variable counts as unset. A configuration file serves
// all commands of one program: a key that another command of the program knows
// is passed over, a key that none knows is refused.
//
// Flags may stand before and behind a command's arguments, never before its name.
//
// # Exit codes
//
// Codes is the table of them, by cause: a script tells by the code whether to repeat a command,
// to correct it, or to call somebody.
//
// SIGINT, SIGTERM and SIGHUP cancel the context of the command, which then stops its
// parts in order; a service that was asked to stop returns nil and exits 0. A
// second signal kills the process at once: every part must survive that anyway.
package service
