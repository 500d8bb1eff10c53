// Package verdict is the one list of what clearing can say about a record and
// why. A verdict says what happened to the money; a reason says why it was not
// simply cleared.
//
//	cleared    paid to whom it belongs (zero fen counts too)
//	pending    a card of another city's issuer that is accepted here: the national
//	           centre owes the money and is yet to confirm it; the operator is
//	           paid when it has
//	suspended  the card's money moved, the payee is open: it waits in the
//	           suspense account of its reason
//	duplicate  the same signed identity with the same signed content: counted,
//	           dropped, whatever was altered in what no card signs
//	disputed   the same signed identity with other signed content: kept beside the
//	           first version, pays nothing
//	rejected   no money moved: not decodable, not signed by the card, or a
//	           request that the rules refuse; kept with its original bytes
//	quarantined
//	           judging or booking it fails for a reason that will not pass; kept
//	           alone with its original bytes and the error, and judged again by two
//	           people once the reason is gone
//
// Where several reasons hold, the first in the order of the list is given.
package verdict
