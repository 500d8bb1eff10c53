// Command cardsim simulates what a development machine does not have: plastic cards and a city full
// of people.
//
//	cardsim card     virtual cards in vpcd readers, put in, torn and swapped by commands
//	cardsim orders   the first cards' orders, one JSON line each, for cardterm issue
//	cardsim template the file of a city of your own, to begin with
//	cardsim issue    personalises the cards of a city in memory and writes its registry
//	cardsim city     plays days of the city into Kafka and writes the truth beside them
//	cardsim check    holds citycard's books against that truth
//
// Everything follows from --seed, the city and its rules. The data directory of issue and city
// holds
//
//	issued.json    what was issued: seed, number of cards, day
//	city.json      operators, their lines, channels, hospitals: the built-in city or one's own
//	cards.img      the cards
//	crowd.state    instead, what the cards of a city without chips hold (--direct)
//	registry/      operators, terminals, cards, channels, hospitals, persons
//	rules/         the city's rule documents
//	outbox/        records on their way to Kafka
//	truth/         what must come out, of all days played here (package truth)
//
// The passphrase of the key file comes from a file or from the environment variable
// CITYCARD_KEYS_PASSPHRASE, so that it does not appear in process lists.
//
// Progress goes to standard output as JSON lines {"phase","done","total"}. Exit
// codes and the precedence of flags, environment and configuration file are those
// of package service.
package main
