// Package verify checks the tables that clearing keeps beside the ledger, in the same view of
// the database as package ledger/verify checks the ledger's.
//
// Each table is checked only against what the ledger covers:
//
//	registry_*           the audit names each change's digest and who imported and decided it;
//	                     rows make the digest, digests the heads of versions, and batches
//	                     name the version that judged them
//	medical_settlements  the batch that answered a claim has its mark in its note
//	pension_originals    the batch that judged a list has its mark in its note, and what the
//	                     journal has of pensions are lines of the lists of its batch
//	medical_years        add up the settlements
//	load_refunds, written_loads, authorised_loads   follow from rows of the journal
//	waiting_loads        follow from rows of the journal: what placed each, authorised it, gave it
//	                     back and took it back, and the written loads
//	unconfirmed_taps, lost_codes  follow from rows of the journal: the memo of each tap without a
//	                     TAC, what two people have decided, and the tap if it came
//	cards, card_steps, card_orders   each step is a note of the journal, with its money under its
//	                     key; a card is what its last step left; the audit has who did it and
//	                     when, and each act there is an order's
//	unproved_listings    the steps of cards that list one without a proof, counted once more
//	bank_files, bank_rejects   the audit has the hash of each file of the bank, and one over the
//	                     rows of which nothing was done; each other row is a step of a card
//	registry_dues        the note of a step has what the registry is to say, and the registry's
//	                     changes that follow counters say just that
//	card_consents        the audit has each order that two people have let be done
//	emptied_purses       the steps of returns, and the taps of the journal
//	shifts, shift_terminals, terminal_loads   each order of a shift is a note of the journal
//	                     and in the audit; loads at its terminals and steps in it follow from
//	                     rows of the journal, and the note of a load's batch has its shift
//	stock, stock_acts, stock_orders, issued_cards   each act with pieces of stock is a note of the
//	                     journal and in the audit
//	load_invoices        each change is a note of the journal, and what was asked for is in the
//	                     audit
//	load_invoice_files, load_invoice_rejects   as the bank's files
//	editions, edition_documents, document_contents   the audit names each edition and who proposed
//	                     and approved it; documents have the hashes that it has
//	credentials          the audit has each that was issued and revoked
//	closings, topics     are in the audit as they were first written
//	passes, findings, histories, history_cuts, history_parts   the audit has the hashes of
//	                     what a round left; older histories that no day begins with are
//	                     there as a whole or gone
//	persons, person_*    the audit has the head over the parts of an import; a part has the hash
//	                     over its rows, and a mark of each, by which a row is named
//	staff, staff_*, used_statements   follow from the audit, which says who was enrolled, changed
//	                     and disabled; every signature in the audit is checked under the key
//	                     that was in force at its place
//	proposals            the audit has each proposal and each decision with the signatures, whose
//	                     statements name the hash over the proposal; what was done, in the
//	                     audit and in the journal, is what request and change say
//	outbound, pumps      a batch has the marks of its messages in its note; what waits and
//	                     what was sent are together as many
//
// Notes are in the chains of streams, and the seals of days cover the chains and the audit. So
// anybody who changes a row must change sealed content as well.
//
// The pump's place is not covered: if it is set back, the pump only looks for rows that are gone,
// or publishes the registry once more. An import of the registry that did not come to its end is in
// force nowhere; one of persons does not count either, and its parts are only held against each
// other. The parts of a pass that is not done are covered once it is.
//
// Memory does not grow with the number of transfers, of claims or of cards: the database sorts, so
// rows that belong together come one after another. It grows with what people decide: of each
// proposal and of each transfer that two people decided, some bytes are kept.
package verify
