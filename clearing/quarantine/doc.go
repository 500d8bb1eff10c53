// Package quarantine reads the records that are kept alone: they could not be booked, for a
// permanent reason that is no verdict on the record. All of it is in the journal, as memos of
// subject "quarantine" under the clearing day on which the record was kept:
//
//	kind "quarantine"   its bytes, in pieces where they are long, with a reason code and the error
//	kind "judged"       that it was judged again, and with what verdict
//
// A record that has the first and not the second is open. Package intake writes these
// memos. It judges again what two people have decided (Kind).
package quarantine
