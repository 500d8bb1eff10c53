// Package fare turns dated fare rules and a network into finished price tables,
// and says whether a tap was charged what the table says.
//
//	rules (dated) ─┐
//	               ├─ Build ─▶ Tables ─ At(day) ─▶ Table ─▶ terminals (message.FareTable)
//	network (km) ──┘                                 └────▶ Check(tap)
//
// A terminal does no arithmetic but to take the amount of a transfer off, above a floor: every
// price in a table is final, per card type, band, and transfer by a share. So rounding happens
// in one place, (rounding).price, and the terminal and the clearing house cannot disagree about
// it.
//
// Invariants:
//
//  1. A table depends on its rule version and its network alone; its version
//     names both and ends in a hash of every price, so that two tables with one
//     name and different prices cannot exist.
//  2. Metro prices are symmetric, never fall with distance, and never exceed the
//     highest fare.
//  3. Bands do not overlap: a ride is in one, or in none. A day that the calendar lacks is in no
//     band that is for days of some kinds. The calendar is in no table and in no table's name.
//  4. Check reads the record alone: an exit carries its entry, and a ride that a transfer made
//     cheaper the ride before it. What needs a card's history (quotas, a missing exit) is not
//     priced here.
//
// [Tables.Quote] explains a price by running what made it, and [Tables.ChangeFrom] finds how much
// later tables change prices.
//
// The metro rule is by distance in bands: a base fare to a first bound, then one
// amount per begun step, the step's length changing with the band. Distances are
// the shortest way over the network, in metres.
//
// The embedded example follows Zhengzhou's published metro rule; bus fares and
// some discounts in it are examples, marked so with their reason.
package fare
