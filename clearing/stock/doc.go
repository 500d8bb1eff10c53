// Package stock keeps blank cards and SAMs: which lie in which store, and what became of them.
//
// A piece has a kind, and a serial that its supplier has given it. It lies in the store of a unit,
// or was spoilt, or was made into a card ([Lot]). A blank card has the product as which it is to be
// sold, from the day on which it was received. What is done with pieces is an act ([Record]) on a
// range of serials:
//
//	receive  they come from the supplier; two people
//	move     they go to another store: who has them proposes it, who gets them approves
//	spoil    they are good for nothing any more; one person, with a reason
//	issue    one piece was made into a card; from the report of a job
//	count    somebody counted a store; the act has the difference, and changes nothing
//
// # What holds
//
//   - A serial of a kind is in one place. What was received is in stock, spoilt or issued: no piece
//     is lost or there twice.
//   - Each act is a note in the journal and a row that is only added; the rows of lots follow from
//     the acts ([Apply]).
//   - Who has pieces cannot get rid of them alone but by saying that they are spoilt, which is
//     counted.
package stock
